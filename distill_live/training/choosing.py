"""Which prior a model gets: one that learns, where it beats counting, or the counts themselves.

Counting with contexts of every length takes a second and is hard to beat on a minute of sound. So every training
counts, the early model speaks with the counts, and ``auto`` keeps what has learnt only where it is better on recordings
held out. Training thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

from distill_live.prior.markov import MarkovPrior
from distill_live.prior.network import Prior
from distill_live.prior.objective import PriorData, PriorObjective, PriorRecipe
from distill_live.prior.recurrent import RecurrentPrior, adaptive_prior_config
from distill_live.prior.transformer import TransformerPrior, adaptive_transformer_config
from distill_live.training.loop import Outcome
from distill_live.training.options import AUTO, check_prior_kind
from distill_live.training.prior_task import PriorTask

TRANSFORMER: Final = "transformer"
MARKOV: Final = "markov"
WORTH: Final = 1.0  # of the counts' bits: as good is enough, for what has learnt can also go where nothing was counted


@dataclass(frozen=True)
class Chosen:
    """The prior of a model.

    Attributes:
        objective: it, with its data and baselines.
        outcome: of its training, or of that which was not worth it.
        learnt_bits, counted_bits: held-out bits per code, mean over levels; None where there is none.
        words: what was chosen and why.
    """

    objective: PriorObjective
    outcome: Outcome
    learnt_bits: float | None
    counted_bits: float
    words: str


def counting(data: PriorData, codebook_size: int, seed: int) -> PriorObjective:
    """The counts as a prior, with what judges it."""
    return PriorObjective(MarkovPrior.counted_from(data.train, codebook_size), data, PriorRecipe(), seed)


def fresh_prior(data: PriorData, codebook_size: int, seed: int, kind: str = AUTO) -> Prior[Any]:
    """A prior that can learn, of the size that suits the codes, with weights from ``seed``."""
    rows, levels = data.train[0].shape[1:]
    shape = (data.columns * rows, codebook_size, rows, levels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == TRANSFORMER:
            return TransformerPrior(adaptive_transformer_config(*shape))
        return RecurrentPrior(adaptive_prior_config(*shape))


def choose_prior(
    kind: str,
    data: PriorData,
    codebook_size: int,
    seed: int,
    learn: Callable[[PriorTask], Outcome],
    device: torch.device | None = None,
) -> Chosen:
    """The prior of this kind, trained with ``learn``.

    Args:
        kind: of ``options.PRIOR_KINDS``.
        data: the codes.
        codebook_size: K.
        seed: of weights, batches and dropout.
        learn: runs the loop over a task.
        device: where it learns; the CPU when None.

    Raises:
        UsageError: there is no such kind.
    """
    check_prior_kind(kind)
    counted = counting(data, codebook_size, seed)
    counted_bits = float(counted.validate().mean())
    if kind == MARKOV:
        words = f"It counts what follows what: {counted_bits:.2f} bits a code on recordings held out."
        return Chosen(counted, Outcome("counted", 0, 0.0, counted_bits, ()), None, counted_bits, words)
    task = PriorTask(fresh_prior(data, codebook_size, seed, kind).to(device), data, seed)
    outcome = learn(task)
    learnt_bits = float(task.objective.validate().mean())
    compared = f"{learnt_bits:.2f} bits a code on recordings held out, counting {counted_bits:.2f}"
    held_out = any(len(grid) for grid in data.heldout)
    if kind == AUTO and held_out and outcome.reason != "interrupted" and learnt_bits > WORTH * counted_bits:
        words = f"Counting is kept: what has learnt needs {compared}."
        return Chosen(counted, outcome, learnt_bits, counted_bits, words)
    return Chosen(task.objective, outcome, learnt_bits, counted_bits, f"It has learnt: {compared}.")
