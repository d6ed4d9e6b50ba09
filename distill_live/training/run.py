"""From a folder of recordings to a model file.

::

    scan -> mels -> codec (about 3/4 of the time) -> codes of every recording -> prior -> model file

A first playable file is written as soon as the codec has codes, better ones from time to time and when the codec is
done; the last one replaces them. Whoever plays it with ``model.follow`` crosses over (``engine.loader``). What is
interrupted lies in ``NAME.distill.work/`` (``workdir.py``) and is resumed from there. One thread; signals are the
caller's (``stopping.stop_on_signals``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from distill_live.audio.corpus import scan_corpus, spoken_time
from distill_live.codec.model import ConvVQVAE
from distill_live.codec.schedule import CodecSchedule
from distill_live.models.file import SavedGrid
from distill_live.signals import StopFlag
from distill_live.training.assemble import Learned, encode_corpus, prior_data, save_learned
from distill_live.training.choosing import Chosen, choose_prior, counting
from distill_live.training.codec_task import CodecTask
from distill_live.training.estimate import estimates
from distill_live.training.loop import Loop, Outcome
from distill_live.training.machine import torch_threads, training_device
from distill_live.training.material import Material, codec_config, load_material, remarks
from distill_live.training.memorisation import measure
from distill_live.training.options import PRESETS, TrainOptions
from distill_live.training.prior_task import PriorTask
from distill_live.training.progress import Notice, OnEvent, ProgressLog
from distill_live.training.stopping import Limits
from distill_live.training.team import ALONE, Team
from distill_live.training.warmstart import begin_as
from distill_live.training.workdir import WorkFolder, fingerprint

CODEC_SHARE: Final = 0.75  # of what is left after scanning: a minute of sound taught the prior all it can in 10 s
FINISH_SHARE: Final = 0.05  # kept for measuring and saving
EARLY_FRAMES: Final = 6_000  # of the corpus are encoded for an early model
EARLY_AGAIN_S: Final = 45.0  # at least, until a better one
EARLY_SHARE: Final = 0.05  # of the time may be spent on them
PRIOR_SEED: Final = 1_000


@dataclass(frozen=True)
class Trained:
    """What came out: the file, its hash (None: nothing could be saved), whether it was interrupted, and the report."""

    path: Path
    sha256: str | None
    interrupted: bool
    report: dict[str, Any]


def train_model(
    corpus: Path,
    out: Path,
    options: TrainOptions,
    on_event: OnEvent,
    stop: StopFlag | None = None,
    started: float | None = None,
) -> Trained:
    """Train on a folder and save a complete, playable model.

    Args:
        corpus: a folder of recordings.
        out: the ``.distill`` file to write.
        options: what, and for how long.
        on_event: hears everything; it is also written to ``<out>.work/progress.jsonl`` while the run lasts.
        stop: set it to stop after the current step: what there is is saved.
        started: the reading of ``time.monotonic()`` that the budget counts from; now, when it is None.

    Raises:
        CorpusError: too little usable sound.
        TrainingError: an interrupted run is in the way or cannot be resumed, or the loss diverged.
        ModelFileError: the file cannot be written.
    """
    team = Team.current(options.device)
    with torch_threads(options.thread_count):
        run = _Run(corpus, out, options, on_event if team.leads else _unheard, stop or StopFlag(), team)
        run.started = run.started if started is None else started
        try:
            return run.everything()
        finally:
            run.log.close()
            team.leave()


def _unheard(_event: Any) -> None:
    """Where only the first process speaks."""


class _Run:
    """One run; its methods are called in the order in which they stand here."""

    def __init__(
        self, corpus: Path, out: Path, options: TrainOptions, on_event: OnEvent, stop: StopFlag, team: Team = ALONE
    ) -> None:
        self.started, self.team = time.monotonic(), team
        self.corpus, self.out, self.options, self.stop = corpus, out, options, stop
        self.work = WorkFolder(out)
        self.on_event = on_event
        self.log: ProgressLog | _Plain = _Plain(on_event)
        self._early_at_s = 0.0  # of the clock: no early model before
        self._early = 0
        self.device = training_device(options.device)

    def everything(self) -> Trained:
        material = self._material()
        task, codec = self._codec(material)
        if codec.reason == "interrupted":
            return self._stopped_early(task, material, codec) if self.team.leads else self._followed(codec)
        grids = encode_corpus(task.model, material)
        if self.team.leads and self.out_is_free and not self.options.resume:  # a stopped one may know more
            self._save_sketch(task, material, grids)
            self._say_early()
        chosen = self._prior(grids, task.model.config.codebook_size)
        return self._finish(task, material, grids, chosen, codec) if self.team.leads else self._followed(codec)

    def _followed(self, codec: Outcome) -> Trained:
        """What a process says that has only helped."""
        return Trained(self.out, None, codec.reason == "interrupted", {})

    def _material(self) -> Material:
        self._say("stage", "scan", f"looking at {self.corpus}")
        report = scan_corpus(self.corpus)
        if not self.team.leads:
            self.team.agreed(None)  # until the first one has begun, and its spectrograms lie there
            return load_material(report, self.work, self.options.seed)
        begin = self.work.resume if self.options.resume else self.work.begin
        self.out_is_free = begin(self.options.identity(), fingerprint(report.used))
        self.log = ProgressLog(self.work.path / "progress.jsonl", self.on_event)
        skipped = [{"name": file.name, "reason": file.reason} for file in report.skipped]
        data = {"files": len(report.used), "seconds": round(report.seconds, 2), "skipped": skipped}
        self._say("report", "scan", report.sentence(), lines=report.lines(), **data)
        self._say("stage", "mels", "turning recordings into spectrograms")
        material = load_material(report, self.work, self.options.seed)
        self.team.agreed(None)
        return material

    def _codec(self, material: Material) -> tuple[CodecTask, Outcome]:
        config = codec_config(material, self.options)
        for remark in remarks(material, config):
            self._say("warning", "codec", remark)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.options.seed)
            model = ConvVQVAE(config)
        if self.options.start is not None:
            begin_as(model, self.options.start)
            self._say("report", "codec", f"the codec begins as that of {self.options.start}")
        model.to(self.device)
        mels, judged = ([torch.from_numpy(mel) for mel in part] for part in (material.training, material.held_out))
        schedule = CodecSchedule(**self.options.schedule_settings)
        task = CodecTask(model, mels, judged, self.options.seed, self.options.start is None, schedule)
        shape = f"{config.levels} levels of {config.codebook_size} codes, grid {config.grid.name}"
        text = f"codec, on {self.device.type}: {shape}"
        self._say("stage", "codec", text, config=config.to_json())
        if self.options.preset is not None and not self.options.resume and self.team.leads:
            self._estimate(task, material)
        limits = Limits(self.options.epochs, self._deadline(CODEC_SHARE), self.options.codec_steps)
        loop = self._loop(task, limits, lambda: self._save_early(task, material, limits))
        outcome = loop.run()
        if not task.objective.has_codebooks:
            task.set_codebooks(loop.step)
            self.team.follow(task.model)
        return task, outcome

    def _estimate(self, task: CodecTask, material: Material) -> None:
        """Say how long each preset takes here."""
        columns = material.vectors(task.model.config.grid) // task.model.config.grid.rows
        spent_s = time.monotonic() - self.started
        found = estimates(task, columns, self.options.seed, spent_s, self.options.prior)
        lines = [f"{name}: {PRESETS[name]} steps, about {spoken_time(seconds)}" for name, seconds in found.items()]
        mine = spoken_time(found[self.options.preset or "good"])
        text = f"about {mine} on this machine"
        self._say("report", "codec", text, lines=lines, estimates_s={k: round(v, 1) for k, v in found.items()})

    def _loop(self, task: CodecTask | PriorTask, limits: Limits, after_epoch: Callable[[], None]) -> Loop:
        loop = Loop(task, self.work.path, limits, self.log, self.stop, after_epoch, self.team)
        if self.options.resume and loop.resume():
            self._say("report", task.name, f"resumed the {task.name} at step {loop.step}", step=loop.step)
        return loop

    def _save_early(self, task: CodecTask, material: Material, limits: Limits) -> None:
        """A playable file as soon as there are codes, and again when it is better, unless a model would be lost for it.

        The last one comes when the codec is done; shortly before, none is worth the time.
        """
        now_s, left_s = time.monotonic(), limits.left_s()
        nearly_done = self._early > 0 and left_s is not None and left_s < EARLY_AGAIN_S
        if not self.out_is_free or not task.objective.has_codebooks or now_s < self._early_at_s or nearly_done:
            return
        self._save_sketch(task, material, encode_corpus(task.model, material, EARLY_FRAMES))
        self._say_early()
        took_s = time.monotonic() - now_s
        self._early_at_s = now_s + took_s + max(EARLY_AGAIN_S, took_s / EARLY_SHARE)

    def _save_sketch(self, task: CodecTask, material: Material, grids: tuple[SavedGrid, ...]) -> str:
        """What there is, with (a part of) the corpus and a prior that has counted its codes."""
        prior = counting(prior_data(grids), task.model.config.codebook_size, 0).prior
        training = {**self._facts(material), "complete": False}
        sha256 = save_learned(self.out, task.model, prior, grids, material.ceiling, Learned(training=training))
        task.model.train()
        return sha256

    def _say_early(self) -> None:
        self._early += 1
        text = "can be played already" if self._early == 1 else "has become better (model.follow crosses over into it)"
        self._say("report", "codec", f"{self.out} {text}", path=str(self.out), early=True)

    def _stopped_early(self, task: CodecTask, material: Material, codec: Outcome) -> Trained:
        grids = encode_corpus(task.model, material, EARLY_FRAMES)
        sha256 = self._save_sketch(task, material, grids) if self.out_is_free else None
        text = f"stopped after {codec.steps} steps; --resume goes on from there"
        if sha256:
            text += f"; {self.out} can be played, with a prior that only counts"
        report = {"steps": codec.steps, "held_out_db": codec.best}
        self._say("done", "codec", text, path=str(self.out), interrupted=True, sha256=sha256, **report)
        return Trained(self.out, sha256, True, report)

    def _prior(self, grids: tuple[SavedGrid, ...], codebook_size: int) -> Chosen:
        data, seed = prior_data(grids), self.options.seed + PRIOR_SEED
        columns = data.columns
        self._say("stage", "prior", f"prior: {columns} columns to learn from", columns=columns)
        limits = Limits(self.options.epochs, self._deadline(1.0))
        learn = lambda task: self._loop(task, limits, lambda: None).run()  # noqa: E731
        return choose_prior(self.options.prior, data, codebook_size, seed, learn, self.device)

    def _finish(
        self,
        task: CodecTask,
        material: Material,
        grids: tuple[SavedGrid, ...],
        chosen: Chosen,
        codec: Outcome,
    ) -> Trained:
        rate = material.mel.frames_per_second / task.model.config.grid.frames_per_column
        memory = measure(chosen, rate, self.options.seed)
        health = task.corpus_health()
        learned = Learned(
            health,
            {"codec": list(codec.curve), "prior": list(chosen.outcome.curve)},
            {**self._facts(material), "complete": True, "codec": _facts(codec), "prior": _facts(chosen.outcome)}
            | {"memorisation": memory, "seconds": round(time.monotonic() - self.started, 1)},
        )
        sha256 = save_learned(self.out, task.model, chosen.objective.prior, grids, material.ceiling, learned)
        report = {"held_out_db": codec.best, "health": health, "memorisation": memory}
        self._say_results(health, codec, memory, report)
        interrupted = chosen.outcome.reason == "interrupted"
        self._say("done", "", f"saved {self.out}", path=str(self.out), sha256=sha256, interrupted=interrupted, **report)
        if not interrupted:
            self.log.close()
            self.work.remove()
        return Trained(self.out, sha256, interrupted, report)

    def _say_results(
        self, health: list[dict[str, Any]], codec: Outcome, memory: dict[str, Any], report: dict[str, Any]
    ) -> None:
        for level in health:
            if level["warning"]:
                self._say("warning", "codec", level["warning"])
        used = ", ".join(f"{level['name']} {level['utilisation_percent']:.0f} %" for level in health)
        error = f"{codec.best:.2f} dB on held-out sound" if codec.best is not None else "never judged"
        self._say("report", "codec", f"codec {error}; codes in use: {used}", health=health, held_out_db=codec.best)
        self._say("report", "prior", f"{memory['chosen']} {memory['words']}", memorisation=memory)

    def _facts(self, material: Material) -> dict[str, Any]:
        options, report = self.options, material.report
        return {
            "corpus": report.folder.name,
            "files": [file.name for file in report.used],
            "skipped": {file.name: file.reason for file in report.skipped},
            "sound_seconds": round(report.seconds, 2),
            "held_out": [piece.name for piece in material.pieces if piece.held_out],
            "budget_s": options.budget_s,
            "epochs": options.epochs,
            "seed": options.seed,
            "threads": options.thread_count,
            "reproducible": options.budget_s is None,
        }

    def _deadline(self, share: float) -> float | None:
        """Where ``share`` of the time that is left ends, when something must be kept for the end."""
        if self.options.budget_s is None:
            return None
        now, end = time.monotonic(), self.started + self.options.budget_s * (1.0 - FINISH_SHARE)
        return now + share * max(0.0, end - now)

    def _say(self, kind: Any, stage: str, text: str, **data: Any) -> None:
        self.log(Notice(kind, stage, text, data))


class _Plain:
    """Hands events on while there is no folder to write them into yet."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event

    def __call__(self, event: Any) -> None:
        self._on_event(event)

    def close(self) -> None:
        """Nothing was opened."""


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "ended": outcome.reason,
        "steps": outcome.steps,
        "seconds": round(outcome.seconds, 1),
        "held_out": outcome.best,
    }
