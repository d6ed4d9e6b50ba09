"""The prior again, from the model file alone, and with recordings that the model has not heard yet.

A model file holds its corpus as codes, and which recordings are held out. New recordings become codes of the codec as
it is; codes that are in the file stay valid. One thread; signals are the caller's (``stopping.stop_on_signals``).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from distill_live.audio.corpus import scan_corpus
from distill_live.errors import TrainingError
from distill_live.models.file import ModelFile, SavedGrid, read_model, save_model
from distill_live.models.playable import CEILING, Playable, load_playable
from distill_live.models.transcode import decode_codes, encode_mel
from distill_live.signals import StopFlag
from distill_live.training.assemble import arrays, prior_data
from distill_live.training.choosing import Chosen, choose_prior
from distill_live.training.loop import Loop
from distill_live.training.machine import torch_threads
from distill_live.training.material import END, Material, Piece, load_material
from distill_live.training.memorisation import measure
from distill_live.training.options import AUTO, SHORTEST_BUDGET_S, check_prior_kind, usable_cores
from distill_live.training.progress import Notice, OnEvent
from distill_live.training.run import FINISH_SHARE, Trained
from distill_live.training.stopping import Limits
from distill_live.training.workdir import WorkFolder

DEFAULT_BUDGET_S: Final = 180.0
STRANGE: Final = 1.5  # times the error of recordings that were held out: from here on the codec is told to be strange


@dataclass(frozen=True)
class Course:
    """How a prior is trained again.

    Attributes:
        budget_s: wall-clock seconds for everything, 5 and up.
        seed: of everything random.
        threads: None for all cores.
        kind: of ``options.PRIOR_KINDS``.

    Raises:
        TrainingError: the budget is too short.
        UsageError: there is no prior of that kind.
    """

    budget_s: float = DEFAULT_BUDGET_S
    seed: int = 0
    threads: int | None = None
    kind: str = AUTO

    def __post_init__(self) -> None:
        check_prior_kind(self.kind)
        if self.budget_s < SHORTEST_BUDGET_S:
            fix = f"use {SHORTEST_BUDGET_S:g}s or more"
            raise TrainingError(f"a budget of {self.budget_s:g} s is too short", fix=fix)


def retrain_prior(path: Path, on_event: OnEvent, course: Course | None = None, stop: StopFlag | None = None) -> Trained:
    """Train a new prior on the codes that ``path`` holds, and save it there; codec and codes stay as they are.

    When it is stopped the file stays as it was.

    Raises:
        ModelFileError: the file is not a good model, or cannot be written.
        TrainingError: it holds no codes to learn from.
    """
    started = time.monotonic()
    file = read_model(path)
    return _learn(path, file, file.grids, {}, started, course or Course(), on_event, stop or StopFlag())


def add_recordings(
    path: Path, folder: Path, on_event: OnEvent, course: Course | None = None, stop: StopFlag | None = None
) -> Trained:
    """Let a model hear the recordings of a folder too: their codes join those it has, and its prior learns from all.

    A recording of a name that the model knows takes the place of the one it knew, and that is said. When it is stopped
    the file stays as it was. What its codec makes of the new sounds is measured; where that is much worse than what it
    was trained for, a warning says so.

    Raises:
        CorpusError: too little usable sound in the folder.
        ModelFileError: the file is not a good model, or cannot be written.
    """
    started, course = time.monotonic(), course or Course()
    file, model = read_model(path), load_playable(path)
    on_event(Notice("stage", "scan", f"looking at {folder}"))
    report = scan_corpus(folder)
    on_event(Notice("report", "scan", report.sentence(), {"lines": report.lines(), "files": len(report.used)}))
    with tempfile.TemporaryDirectory(prefix="distill-add-") as work:
        material = load_material(report, WorkFolder(Path(work) / path.name), course.seed)
    if model.decoder.ceiling is not None:
        model.decoder.ceiling = model.decoder.ceiling.with_recordings(material.training)
        file = replace(file, tensors={**file.tensors, CEILING: model.decoder.ceiling.to_array()})
    grids, error_db = _encoded(model, material)
    known = file.metadata["training"].get("codec", {}).get("held_out")
    words = f"the codec is {error_db:.1f} dB off on the new sounds"
    on_event(Notice("report", "codec", words, {"added_db": error_db, "held_out_db": known}))
    if known is not None and error_db > STRANGE * known:
        on_event(
            Notice("warning", "codec", f"{words}, {known:.1f} dB on those it knows: train on all of them together")
        )
    again = {used.name for used in report.used}
    kept = [grid for grid in file.grids if grid.name.removesuffix(END) not in again]
    replaced = sorted({grid.name.removesuffix(END) for grid in file.grids} & again)
    if replaced:
        on_event(Notice("report", "scan", f"known by the same name and replaced: {', '.join(replaced)}"))
    joined = [*kept, *grids]
    facts = {"files": _names(file, material), "added_db": error_db}
    facts["held_out"] = [grid.name for grid in joined if grid.held_out]
    return _learn(path, file, joined, facts, started, course, on_event, stop or StopFlag())


def _encoded(model: Playable, material: Material) -> tuple[list[SavedGrid], float]:
    """New recordings as codes, and the mean |dB| between their mels and what comes back of them."""
    grids, errors = [], []
    for piece in material.pieces:
        codes = encode_mel(model.encoder, model.codebooks, piece.mel)
        grids.append(SavedGrid(piece.name, codes, piece.held_out, piece.samples))
        errors.append(_error_db(model, piece, codes))
    return grids, float(np.mean(errors))


def _error_db(model: Playable, piece: Piece, codes: np.ndarray) -> float:
    return float(np.abs(decode_codes(model, codes)[:, : piece.mel.shape[1]] - piece.mel).mean())


def _names(file: ModelFile, material: Material) -> list[str]:
    known = list(file.metadata["training"].get("files", ()))
    return known + [used.name for used in material.report.used if used.name not in set(known)]


def _learn(
    path: Path,
    file: ModelFile,
    grids: Sequence[SavedGrid],
    facts: dict[str, Any],
    started: float,
    course: Course,
    on_event: OnEvent,
    stop: StopFlag,
) -> Trained:
    """A new prior over ``grids``, and the file with both."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError("several processes cannot train a prior again", fix="start it without torchrun")
    if all(grid.held_out for grid in grids):
        raise TrainingError(f"{path} holds no codes to learn from", fix="train it again on recordings")
    data = prior_data(tuple(grids))
    on_event(Notice("stage", "prior", f"prior: {data.columns} columns to learn from", {"columns": data.columns}))
    limits = Limits(deadline=started + course.budget_s * (1.0 - FINISH_SHARE))
    with torch_threads(course.threads or usable_cores()), tempfile.TemporaryDirectory(prefix="distill-prior-") as work:
        learn = lambda task: Loop(task, Path(work), limits, on_event, stop).run()  # noqa: E731
        chosen = choose_prior(course.kind, data, file.codec.codebook_size, course.seed, learn)
        rate = file.mel.frames_per_second / file.codec.grid.frames_per_column
        if chosen.outcome.reason == "interrupted":
            left = {"path": str(path), "sha256": file.sha256, "interrupted": True}
            on_event(Notice("done", "prior", f"stopped; {path} stays as it was", left))
            return Trained(path, file.sha256, True, {})
        memory = measure(chosen, rate, course.seed)
    sha256 = _save(path, file, grids, chosen, {**facts, "memorisation": memory})
    report = {"held_out_bits": chosen.outcome.best, "memorisation": memory}
    on_event(Notice("report", "prior", f"{memory['chosen']} {memory['words']}", report))
    done = {"path": str(path), "sha256": sha256, "interrupted": False}
    on_event(Notice("done", "prior", f"saved {path}", {**done, **report}))
    return Trained(path, sha256, False, report)


def _save(path: Path, file: ModelFile, grids: Sequence[SavedGrid], chosen: Chosen, facts: dict[str, Any]) -> str:
    prior, outcome = chosen.objective.prior, chosen.outcome
    metadata = dict(file.metadata)
    metadata["prior"] = prior.config.to_json()
    metadata["curves"] = {**metadata["curves"], "prior": list(outcome.curve)}
    ended = {"ended": outcome.reason, "steps": outcome.steps, "held_out": outcome.best}
    metadata["training"] = {**metadata["training"], **facts, "prior": ended}
    weights = {name: array for name, array in file.tensors.items() if not name.startswith(("prior.", "grid."))}
    return save_model(path, metadata, {**weights, **arrays(prior, "prior")}, tuple(grids))
