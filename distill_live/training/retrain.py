"""The prior again, from the model file alone: it holds the corpus as codes, and which recordings are held out.

One thread; signals are the caller's (``stopping.stop_on_signals``).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from distill_live.errors import TrainingError
from distill_live.models.file import ModelFile, read_model, save_model
from distill_live.signals import StopFlag
from distill_live.training.assemble import arrays, prior_data
from distill_live.training.choosing import Chosen, choose_prior
from distill_live.training.loop import Loop
from distill_live.training.machine import torch_threads
from distill_live.training.memorisation import measure
from distill_live.training.options import AUTO, SHORTEST_BUDGET_S, check_prior_kind, usable_cores
from distill_live.training.progress import Notice, OnEvent
from distill_live.training.run import FINISH_SHARE, Trained
from distill_live.training.stopping import Limits

DEFAULT_BUDGET_S: Final = 180.0


def retrain_prior(
    path: Path,
    on_event: OnEvent,
    budget_s: float = DEFAULT_BUDGET_S,
    seed: int = 0,
    stop: StopFlag | None = None,
    threads: int | None = None,
    kind: str = AUTO,
) -> Trained:
    """Train a new prior on the codes that ``path`` holds, and save it there; codec and codes stay as they are.

    Raises:
        ModelFileError: the file is not a good model, or cannot be written.
        TrainingError: it holds no codes to learn from, or the budget is too short.
        UsageError: there is no prior of that kind.
    """
    check_prior_kind(kind)
    if budget_s < SHORTEST_BUDGET_S:
        raise TrainingError(f"a budget of {budget_s:g} s is too short", fix=f"use {SHORTEST_BUDGET_S:g}s or more")
    started = time.monotonic()
    file = read_model(path)
    if all(grid.held_out for grid in file.grids):
        raise TrainingError(f"{path} holds no codes to learn from", fix="train it again on recordings")
    data = prior_data(file.grids)
    on_event(Notice("stage", "prior", f"prior: {data.columns} columns to learn from", {"columns": data.columns}))
    limits = Limits(deadline=started + budget_s * (1.0 - FINISH_SHARE))
    with torch_threads(threads or usable_cores()), tempfile.TemporaryDirectory(prefix="distill-prior-") as work:
        learn = lambda task: Loop(task, Path(work), limits, on_event, stop or StopFlag()).run()  # noqa: E731
        chosen = choose_prior(kind, data, file.codec.codebook_size, seed, learn)
        rate = file.mel.frames_per_second / file.codec.grid.frames_per_column
        memory = measure(chosen.objective, rate, seed) | {"chosen": chosen.words}
    sha256 = _save(path, file, chosen, memory)
    report = {"held_out_bits": chosen.outcome.best, "memorisation": memory}
    interrupted = chosen.outcome.reason == "interrupted"
    on_event(Notice("report", "prior", f"{memory['chosen']} {memory['words']}", report))
    done = {"path": str(path), "sha256": sha256, "interrupted": interrupted}
    on_event(Notice("done", "prior", f"saved {path}", {**done, **report}))
    return Trained(path, sha256, interrupted, report)


def _save(path: Path, file: ModelFile, chosen: Chosen, memory: dict[str, Any]) -> str:
    prior, outcome = chosen.objective.prior, chosen.outcome
    metadata = dict(file.metadata)
    metadata["prior"] = prior.config.to_json()
    metadata["curves"] = {**metadata["curves"], "prior": list(outcome.curve)}
    ended = {"ended": outcome.reason, "steps": outcome.steps, "held_out": outcome.best}
    metadata["training"] = {**metadata["training"], "prior": ended, "memorisation": memory}
    weights = {name: array for name, array in file.tensors.items() if not name.startswith(("prior.", "grid."))}
    return save_model(path, metadata, {**weights, **arrays(prior, "prior")}, file.grids)
