"""A vocoder from nothing, or from another one: material, the loop, the file. ``scripts/train_vocoder`` calls it.

Checkpoints and the run's options lie in ``OUT.work`` (see ``workdir``) until it is done. Knows nothing of terminals.
One thread, those of torch aside; signals are the caller's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from distill_live.errors import UsageError
from distill_live.models.playable import load_playable
from distill_live.models.vocoder_file import read_vocoder, save_vocoder
from distill_live.signals import StopFlag
from distill_live.training.loop import Loop, Outcome
from distill_live.training.machine import torch_threads, training_device
from distill_live.training.options import AUTO, usable_cores
from distill_live.training.progress import Notice, OnEvent
from distill_live.training.stopping import Limits
from distill_live.training.vocoder_material import Material, SegmentConfig, load_material
from distill_live.training.vocoder_task import LEARNING_RATE, VocoderTask
from distill_live.training.workdir import WorkFolder, fingerprint
from distill_live.vocoder.convnext import ConvNextVocoder, vocoder_arrays
from distill_live.vocoder.convnext_plan import ConvNextConfig

DEFAULT_BUDGET_S: Final = 600.0
FINE_TUNING_RATE: Final = 0.3 * LEARNING_RATE
MOST_SCENES: Final = 20_000
_MOST_BATCH: Final = 512
_SHAPE: Final = ("width", "depth", "look_ahead", "rounds")


@dataclass(frozen=True)
class VocoderCourse:
    """How a vocoder is trained.

    Attributes:
        folders: recordings to learn from.
        scenes: synthesised ones of four seconds to learn from.
        budget_s: wall-clock seconds for everything; None for no such limit.
        steps: at most so many; None for no such limit.
        device: of ``options.DEVICES``.
        width, depth, look_ahead, rounds: of a fresh one (``ConvNextConfig``).
        batch: segments in a step.
        adversarial: whether a critic learns beside it.
        start: a vocoder file to begin as; None for a fresh one.
        codec: a model file through whose codec the mels go first.
        seed: of everything random.
        threads: None for all cores.
        resume: go on with an interrupted run.

    Raises:
        UsageError: a value is out of its range, or there is nothing to learn from.
    """

    folders: tuple[Path, ...] = ()
    scenes: int = 90
    budget_s: float | None = DEFAULT_BUDGET_S
    steps: int | None = None
    device: str = AUTO
    width: int = ConvNextConfig.width
    depth: int = ConvNextConfig.depth
    look_ahead: int = ConvNextConfig.look_ahead
    rounds: int = ConvNextConfig.rounds
    batch: int = SegmentConfig.size
    adversarial: bool = False
    start: Path | None = None
    codec: Path | None = None
    seed: int = 0
    threads: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.scenes <= MOST_SCENES:
            raise UsageError(f"{self.scenes} scenes cannot be made", fix=f"use 0 to {MOST_SCENES}")
        if not 1 <= self.batch <= _MOST_BATCH:
            raise UsageError(f"a batch of {self.batch} is not possible", fix=f"use 1 to {_MOST_BATCH}")
        if not self.scenes and not self.folders:
            raise UsageError("there is nothing to learn from", fix="give folders of recordings, or --scenes above 0")
        self.config()

    def config(self) -> ConvNextConfig:
        """Of a fresh vocoder."""
        numbers = {name: getattr(self, name) for name in _SHAPE}
        return ConvNextConfig(**numbers)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        names = (*_SHAPE, "scenes", "batch", "adversarial", "seed")
        paths = {name: path and str(path) for name, path in (("start", self.start), ("codec", self.codec))}
        return {name: getattr(self, name) for name in names} | paths | {"folders": [str(path) for path in self.folders]}


@dataclass(frozen=True)
class TrainedVocoder:
    """What came of it: the file, whether it was interrupted, and how the loop ended."""

    path: Path
    interrupted: bool
    outcome: Outcome


def train_vocoder(
    out: Path, course: VocoderCourse, on_event: OnEvent, stop: StopFlag | None = None, started: float | None = None
) -> TrainedVocoder:
    """Train a vocoder and save it as ``out``; interrupted, it can be resumed, and is saved as it is
    unless there is an older one.

    Args:
        started: the reading of ``time.monotonic()`` from which the budget counts; None for now.

    Raises:
        CorpusError: too little usable sound in a folder.
        TrainingError: no such device; an interrupted run lies there, or none where one is to be resumed.
        ModelFileError: a file cannot be read or written.
    """
    began = time.monotonic() if started is None else started
    older = out.exists()
    deadline = None if course.budget_s is None else began + course.budget_s
    with torch_threads(course.threads or usable_cores()):
        device = training_device(course.device)
        model = _model(course).to(device)
        material = _material(course, model.config, on_event)
        work = WorkFolder(out)
        (work.resume if course.resume else work.begin)(course.identity(), fingerprint(material.files))
        rate = LEARNING_RATE if course.start is None else FINE_TUNING_RATE
        segments = SegmentConfig(size=course.batch)
        task = VocoderTask(model, material, course.seed, course.adversarial, rate, segments=segments)
        loop = Loop(task, work.path, Limits(None, deadline, course.steps), on_event, stop or StopFlag())
        if course.resume and loop.resume():
            on_event(Notice("report", task.name, f"resumed at step {loop.step}", {"step": loop.step}))
        on_event(Notice("stage", task.name, f"vocoder, on {device.type}: {_shape(model)}"))
        outcome = loop.run()
        interrupted = outcome.reason == "interrupted"
        kept = interrupted and older  # what is finished is worth more than what is not
        facts = _facts(course, material, outcome)
        sha256 = None if kept else save_vocoder(out, model.config, vocoder_arrays(model), facts)
    judged_on = "held-out sound" if material.held_out else "what it learned from: nothing was held out"
    found = "never judged" if outcome.best is None else f"{outcome.best:.3f} on {judged_on}"
    words = f"stopped after {outcome.steps} steps; --resume goes on from there; " if interrupted else ""
    saved = f"{out} stays as it was" if kept else f"saved {out}"
    data = {"path": str(out), "sha256": sha256, "interrupted": interrupted, "held_out": outcome.best}
    on_event(Notice("done", task.name, f"{words}{saved}: {found}", data))
    if not interrupted:
        work.remove()
    return TrainedVocoder(out, interrupted, outcome)


def _model(course: VocoderCourse) -> ConvNextVocoder:
    """Fresh from the seed, or the one to begin as."""
    start = None if course.start is None else read_vocoder(course.start)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed)
        model = ConvNextVocoder(course.config() if start is None else start.config)
    if start is not None:
        try:
            model.load_state_dict({name: torch.from_numpy(array) for name, array in start.weights.items()})
        except RuntimeError:
            raise UsageError(f"the weights of {course.start} do not fit it", fix="begin as another one") from None
    return model


def _material(course: VocoderCourse, config: ConvNextConfig, on_event: OnEvent) -> Material:
    on_event(Notice("stage", "mels", "making sounds and their spectrograms"))
    codec = None if course.codec is None else load_playable(course.codec)
    said_s = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s > 10.0:
            said_s = time.monotonic()
            on_event(Notice("report", "mels", f"{done} of {of} sounds"))

    material = load_material(course.folders, course.scenes, course.seed, config.mel, codec, tell)
    minutes = material.frames / config.mel.frames_per_second / 60.0
    text = f"{len(material.training)} sounds, {minutes:.1f} min, to learn from, {len(material.held_out)} held out"
    on_event(Notice("report", "mels", text))
    return material


def _shape(model: ConvNextVocoder) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    config = model.config
    size = f"{config.width} wide, {config.depth} deep, {parameters / 1e6:.1f} M weights"
    return f"{size}, {config.latency_samples} samples late"


def _facts(course: VocoderCourse, material: Material, outcome: Outcome) -> dict[str, Any]:
    """What the file says of its making: names of folders, never paths."""
    names = {"folders": [folder.name for folder in course.folders], "start": course.start and course.start.name}
    held_out = [sounding.name for sounding in material.held_out]
    numbers = {"scenes": course.scenes, "seed": course.seed, "adversarial": course.adversarial, "steps": outcome.steps}
    return names | numbers | {"held_out": held_out, "best": outcome.best, "curve": list(outcome.curve)}
