"""Which prior a model gets: one that learns, the counts, or both together, whichever is best on recordings held out.

Counting with contexts of every length takes a second and is hard to beat on a minute of sound. So every training
counts, the early model speaks with the counts, and ``auto`` weighs what has learnt against them. Training thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from distill_live.prior.base import Column
from distill_live.prior.markov import MarkovPrior
from distill_live.prior.mixed import MixedPrior, fitted_to, likely_by_each, mixed_bits, shares_before
from distill_live.prior.network import Prior
from distill_live.prior.objective import PriorData, PriorObjective, PriorRecipe
from distill_live.prior.recurrent import RecurrentPrior, adaptive_prior_config
from distill_live.prior.transformer import TransformerPrior, adaptive_transformer_config
from distill_live.training.loop import Outcome
from distill_live.training.options import AUTO, check_prior_kind
from distill_live.training.prior_task import PriorTask

TRANSFORMER: Final = "transformer"
MARKOV: Final = "markov"
MIXED: Final = "mixed"
WORTH: Final = 1.0  # of the counts' bits: as good is enough, for what has learnt can also go where nothing was counted
WORTH_BOTH: Final = 0.99  # of the better one's: two priors cost what two cost


@dataclass(frozen=True)
class Chosen:
    """The prior of a model.

    Attributes:
        objective: it, with its data and baselines.
        outcome: of its training, or of that which was not worth it.
        learnt_bits, counted_bits, both_bits: held-out bits per code, mean over levels; None where there is none.
        words: what was chosen and why.
        honest_bits: held-out bits per code per level ``[Q]`` of a mixture, with shares fitted to other recordings; None
            where the prior's own bits are honest.
    """

    objective: PriorObjective
    outcome: Outcome
    learnt_bits: float | None
    counted_bits: float
    words: str
    both_bits: float | None = None
    honest_bits: tuple[float, ...] | None = None


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
    held_out = [grid for grid in data.heldout if len(grid)]
    if outcome.reason == "interrupted" and counted_bits < learnt_bits:
        return Chosen(counted, outcome, learnt_bits, counted_bits, f"Stopped while it learnt: it counts ({compared}).")
    if not held_out:
        words = f"It has learnt, and nothing was held out to judge it on: {learnt_bits:.2f} bits a code."
        return Chosen(task.objective, outcome, learnt_bits, counted_bits, words)
    if kind in (AUTO, MIXED) and outcome.reason != "interrupted":
        both, bits = _both(task.objective, counted, held_out)
        both_bits = float(bits.mean())
        if kind == MIXED or both_bits < WORTH_BOTH * min(learnt_bits, counted_bits):
            words = f"It learns and counts: {both_bits:.2f} bits a code. What has learnt alone needs {compared}."
            return Chosen(both, outcome, learnt_bits, counted_bits, words, both_bits, tuple(bits.tolist()))
        if learnt_bits > WORTH * counted_bits:
            words = f"Counting is kept: what has learnt needs {compared}, both together {both_bits:.2f}."
            return Chosen(counted, outcome, learnt_bits, counted_bits, words, both_bits)
    return Chosen(task.objective, outcome, learnt_bits, counted_bits, f"It has learnt: {compared}.")


def _both(
    learnt: PriorObjective, counted: PriorObjective, held_out: Sequence[Column]
) -> tuple[PriorObjective, NDArray[np.float64]]:
    """Both together, with what judges them, and the bits per code of a mixture that was not fitted to them."""
    assert isinstance(counted.prior, MarkovPrior)
    likely = [likely_by_each(learnt.prior, counted.prior, grid) for grid in held_out]
    before = shares_before(counted.prior)
    shares = fitted_to(np.concatenate(likely, axis=1), before)
    both = MixedPrior.of(learnt.prior.cpu(), counted.prior, shares)
    return PriorObjective(both, learnt.data, learnt.recipe, learnt.seed), mixed_bits(likely, before)
