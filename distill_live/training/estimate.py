"""How long the presets take on this machine with this corpus: a few steps of a copy are made and timed.

The copy is thrown away and chance is left as it was: a run is the same with an estimate and without. Training thread.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from distill_live.prior.objective import PriorData
from distill_live.training.choosing import fresh_prior
from distill_live.training.codec_task import CodecTask
from distill_live.training.options import AUTO, PRESETS
from distill_live.training.prior_task import PriorTask

TIMED_STEPS: Final = 2
PRIOR_STEPS: Final = 500  # after which a prior has usually learnt what a small corpus teaches
SAVING: Final = 1.5  # a validation and two checkpoints, of a validation alone
FINISH_S: Final = 3.0  # measuring how much was learnt by heart, and saving


def estimates(task: CodecTask, columns: int, seed: int, spent_s: float, prior: str = AUTO) -> dict[str, float]:
    """Seconds for everything, by preset.

    Args:
        task: fresh; it stays as it is.
        columns: that the prior will learn from.
        seed: of the probe.
        spent_s: what has been spent before the codec begins.
        prior: the kind that will be trained.
    """
    config = task.model.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = CodecTask(
            copy.deepcopy(task.model), task.mels, task.judged, seed, fresh=False, schedule=task.objective.schedule
        )
        without = _timed(lambda step: probe.train_step(step, 0.0))
        codebooks_s = _once(lambda: probe.set_codebooks(0))
        with_codes = _timed(lambda step: probe.train_step(step, 0.5))
        judged_s = SAVING * _once(probe.validate)
        prior_s = (
            0.0
            if prior == "markov"
            else _prior_s(columns, config.grid.rows, config.levels, config.codebook_size, prior, task.objective.device)
        )
    share = probe.objective.schedule.autoencode_share
    per_step = share * without + (1.0 - share) * with_codes + judged_s / probe.steps_per_epoch
    return {name: spent_s + steps * per_step + codebooks_s + prior_s + FINISH_S for name, steps in PRESETS.items()}


def _prior_s(columns: int, rows: int, levels: int, codebook_size: int, kind: str, device: torch.device) -> float:
    codes = np.random.default_rng(0).integers(0, codebook_size, (max(columns, 2), rows, levels)).astype(np.int16)
    task = PriorTask(
        fresh_prior(PriorData((codes,)), codebook_size, 0, kind).to(device),
        PriorData((codes,), (codes[: len(codes) // 5],)),
        0,
    )
    per_step = _timed(lambda step: task.train_step(step, 0.0))
    return PRIOR_STEPS * (per_step + SAVING * _once(task.validate) / task.steps_per_epoch)


def _timed(step: Callable[[int], object]) -> float:
    """Seconds a step, the first one aside."""
    step(0)
    began_s = time.perf_counter()
    for number in range(TIMED_STEPS):
        step(1 + number)
    return (time.perf_counter() - began_s) / TIMED_STEPS


def _once(do: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    do()
    return time.perf_counter() - began_s
