"""THE training loop: whatever learns is a ``Task``, and this is the only place that says when and how long.

::

    step, step, step ... | validate, checkpoint, tell | step, step ...        one epoch, again and again
                                                                              until epochs, budget, Ctrl-C or nothing
                                                                              better for a while

A task's step is a function of its state and the step number alone, so a run that was killed and resumed from the last
checkpoint ends with the same weights as one that was not. A checkpoint is written after each epoch: nothing beyond one
epoch is ever lost. Knows nothing of audio, codes or networks. One thread.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from distill_live.errors import TrainingError
from distill_live.signals import StopFlag
from distill_live.training.checkpoint import Snapshot, load_checkpoint, save_checkpoint
from distill_live.training.progress import OnEvent, Progress
from distill_live.training.stopping import Limits, Reason
from distill_live.training.team import ALONE, Learner, Team

_TELL_EVERY_S = 0.25


@dataclass(frozen=True)
class Validation:
    """How good a task is on what it has never seen (lower is better), and its levels' health where it has levels."""

    held_out: float
    health: tuple[Mapping[str, Any], ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)


class Task(Learner, Protocol):
    """Something that learns.

    Attributes:
        name: the stage, and the name of its checkpoints.
        unit: of ``Validation.held_out``.
        steps_per_epoch: steps between two validations.
    """

    name: str
    unit: str
    steps_per_epoch: int

    def train_step(self, step: int, progress: float) -> float:
        """Learn once and return the loss.

        ``step`` counts from 0 over the whole life of the task; ``progress`` 0..1 is how much of its time is over
        (always 0 without limits), for schedules.
        """

    def validate(self) -> Validation:
        """Judge on held-out material; changes nothing and throws no dice."""

    def comparable_from(self) -> int:
        """The first step whose validations count for the best checkpoint (before it: warm-up)."""

    def converged(self, held_out: list[float]) -> bool:
        """Whether going on is pointless, from all validations so far."""

    def snapshot(self) -> Snapshot:
        """Everything, the optimiser included."""

    def restore(self, snapshot: Snapshot) -> None:
        """The way back."""


@dataclass(frozen=True)
class Point:
    """One epoch of a learning curve."""

    epoch: int
    step: int
    loss: float
    held_out: float
    seconds: float
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        values = {"epoch": self.epoch, "step": self.step, "loss": self.loss, "held_out": self.held_out}
        return {**values, "seconds": round(self.seconds, 3), **self.detail}


@dataclass(frozen=True)
class Outcome:
    """How a stage ended: why, after how many steps, its best held-out value (None: never validated), its curve."""

    reason: Reason
    steps: int
    seconds: float
    best: float | None
    curve: tuple[dict[str, Any], ...]


def last_path(work: Path, name: str) -> Path:
    return work / f"{name}.last.safetensors"


def best_path(work: Path, name: str) -> Path:
    return work / f"{name}.best.safetensors"


class Loop:
    """Runs one task.

    Args:
        task: what learns.
        work: the folder its checkpoints are kept in.
        limits: when to stop.
        on_event: hears of every epoch and, a few times a second, of single steps.
        stop: set it from outside to stop after the step.
        after_epoch: called after every checkpoint.
        team: that trains together; its first process alone judges, saves, tells and decides.
    """

    def __init__(
        self,
        task: Task,
        work: Path,
        limits: Limits,
        on_event: OnEvent,
        stop: StopFlag,
        after_epoch: Callable[[], None] = lambda: None,
        team: Team = ALONE,
    ) -> None:
        self.task, self.work, self.limits, self.on_event, self.stop = task, work, limits, on_event, stop
        self.after_epoch, self.team = after_epoch, team
        self.step = 0
        self.curve: list[dict[str, Any]] = []
        self.best: float | None = None
        self.seconds_before = 0.0
        self.finished: Reason | None = None
        self._losses: list[float] = []
        self._health: tuple[Mapping[str, Any], ...] = ()
        self._step_s: deque[float] = deque(maxlen=20)
        self._epoch_end_s = 0.0
        self._told = self._begun = time.monotonic()

    def resume(self) -> bool:
        """Take up the last checkpoint; False when there is none.

        Raises:
            TrainingError: when it is damaged or of something else.
        """
        path = last_path(self.work, self.task.name)
        if not path.exists():
            return False
        snapshot = load_checkpoint(path)
        try:
            loop = snapshot.values["loop"]
            self.step, self.curve, self.best = int(loop["step"]), list(loop["curve"]), loop["best"]
            self._losses, self.seconds_before = list(loop["losses"]), float(loop["seconds"])
            self.finished = loop["finished"]
        except (KeyError, TypeError, ValueError):
            raise TrainingError(f"{path} is no checkpoint of this program", fix=f"delete {self.work}") from None
        self.task.restore(snapshot)
        return True

    def run(self) -> Outcome:
        """Train until a limit is reached; the task is left with its best weights.

        Raises:
            TrainingError: when the loss is no longer finite.
            ModelFileError: when a checkpoint cannot be written.
        """
        self._begun = time.monotonic()
        self.team.join(self.task)
        over = self._done() if self.finished is None or self._may_go_on() else self.finished
        reason, progress = self.team.agreed((over, self._progress()))
        while reason is None:
            self._one_step(progress)
            at_end = self.step % self.task.steps_per_epoch == 0
            if at_end:
                self._end_of_epoch()
            reason, progress = self.team.agreed((self._done(), self._progress()))
            if reason is not None and not at_end and reason != "interrupted":
                self._end_of_epoch()
        if self.team.leads:
            self._save(last_path(self.work, self.task.name), finished=None if reason == "interrupted" else reason)
            self._take_best()
        self.team.follow(self.task.module)
        return Outcome(reason, self.step, self._seconds(), self.best, tuple(self.curve))

    @property
    def epoch(self) -> int:
        """Epochs begun, from 1."""
        return self.step // self.task.steps_per_epoch + 1

    def _may_go_on(self) -> bool:
        """A finished stage goes on when it is now asked for more steps, never because there is time left."""
        return self.finished in ("epochs", "steps") and self._steps_in_all() != self.step

    def _steps_in_all(self) -> int | None:
        """What epochs and steps allow, whichever is less; None without such a limit."""
        epochs, steps = self.limits.epochs, self.limits.steps
        limits = [] if epochs is None else [epochs * self.task.steps_per_epoch]
        limits += [] if steps is None else [steps]
        return max(self.step, min(limits)) if limits else None

    def _done(self) -> Reason | None:
        if self.stop.is_set():
            return "interrupted"
        if self._steps_in_all() == self.step:
            return "steps" if self.limits.steps is not None and self.step >= self.limits.steps else "epochs"
        left_s = self.limits.left_s()
        if left_s is not None and self.step > 0 and left_s < self._mean_step_s() + self._epoch_end_s:
            return "budget"
        judged = [p["held_out"] for p in self.curve if p["step"] > self.task.comparable_from()]
        return "converged" if self.task.converged(judged) else None

    def _one_step(self, progress: float) -> None:
        before = time.monotonic()
        loss = self.task.train_step(self.step, progress)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {self.task.name} diverged at step {self.step} (its loss is {loss})",
                fix="train with another --seed",
            )
        self.step += 1
        self._losses.append(loss)
        now = time.monotonic()
        self._step_s.append(now - before)
        if now - self._told >= _TELL_EVERY_S:
            self._tell(loss)

    def _end_of_epoch(self) -> None:
        if not self.team.leads:
            return
        before = time.monotonic()
        result = self.task.validate()
        loss = sum(self._losses) / len(self._losses)
        self._losses, self._health = [], result.health
        epoch = -(-self.step // self.task.steps_per_epoch)
        point = Point(epoch, self.step, loss, result.held_out, self._seconds(), result.detail)
        self.curve.append(point.to_json())
        if self.step > self.task.comparable_from() and (self.best is None or result.held_out < self.best):
            self.best = result.held_out
            self._save(best_path(self.work, self.task.name), finished=None)
        self._save(last_path(self.work, self.task.name), finished=None)
        self._epoch_end_s = time.monotonic() - before
        self._tell(loss)
        self.after_epoch()

    def _take_best(self) -> None:
        path = best_path(self.work, self.task.name)
        if path.exists() and self.best is not None:
            self.task.restore(load_checkpoint(path))

    def _save(self, path: Path, finished: Reason | None) -> None:
        snapshot = self.task.snapshot()
        loop = {
            "step": self.step,
            "curve": self.curve,
            "best": self.best,
            "losses": self._losses,
            "seconds": self._seconds(),
            "finished": finished,
        }
        save_checkpoint(path, Snapshot(snapshot.tensors, {**snapshot.values, "loop": loop}))

    def _tell(self, loss: float) -> None:
        self._told = time.monotonic()
        held_out = self.curve[-1]["held_out"] if self.curve else None
        self.on_event(
            Progress(
                self.task.name,
                self.epoch,
                self.step,
                loss,
                held_out,
                self.task.unit,
                round(self._seconds(), 2),
                self._eta_s(),
                self._health,
            )
        )

    def _progress(self) -> float:
        """How much of the run is over, by steps or by the clock, whichever is further; 0 without limits."""
        shares = [0.0]
        if in_all := self._steps_in_all():
            shares.append(self.step / in_all)
        if (left_s := self.limits.left_s()) is not None:
            done_s = self._seconds()
            shares.append(done_s / max(done_s + left_s, 1e-9))
        return min(1.0, max(shares))

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self._begun

    def _mean_step_s(self) -> float:
        return sum(self._step_s) / max(1, len(self._step_s))

    def _eta_s(self) -> float | None:
        """Until the deadline or the last step, whichever comes first; it may converge earlier."""
        times = []
        if (left_s := self.limits.left_s()) is not None:
            times.append(left_s)
        if (in_all := self._steps_in_all()) is not None:
            per_step = self._mean_step_s() + self._epoch_end_s / self.task.steps_per_epoch
            times.append(per_step * (in_all - self.step))
        return round(max(0.0, min(times)), 1) if times else None
