"""How far a prior knows its recordings by heart, in numbers and in words (GEN-6).

Two measures: bits per code on held-out against training grids (learnt by heart, the training grids cost far less), and
the longest run of columns in generated codes that stands in a training grid exactly so.

Knows nothing of networks beyond what they say of bits; numpy. Called after training, and from benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.base import Column
from distill_live.prior.network import Prior
from distill_live.prior.objective import PriorData
from distill_live.prior.sampling import Sampling, chooser

MILD: Final = 1.1  # held-out bits over training bits up to which nothing was learnt by heart
STRONG: Final = 1.5
QUOTES: Final = 4.0  # longest exact copies, of those that held-out recordings have, from which on it quotes at length


@dataclass(frozen=True)
class Copy:
    """The longest exact copy: ``columns`` from ``at`` on in what was generated, from ``start`` on in grid ``grid``."""

    columns: int
    at: int = 0
    grid: int = 0
    start: int = 0


def longest_copy(generated: Column, grids: Sequence[Column]) -> Copy:
    """The longest run of whole columns that ``generated [W, H, Q]`` shares with one of ``grids``.

    >>> grid = np.array([1, 2, 3, 4, 5], np.int16).reshape(5, 1, 1)
    >>> longest_copy(np.array([9, 3, 4, 5, 9], np.int16).reshape(5, 1, 1), [grid])
    Copy(columns=3, at=1, grid=0, start=2)
    """
    names, breaks = _names([generated, *grids])
    mine, theirs = names[: len(generated)], names[len(generated) :]
    inside = np.ones(len(theirs), np.int64)  # 0 where a grid begins: no run crosses from one grid into the next
    inside[breaks[breaks < len(theirs)]] = 0
    best, run = Copy(0), np.zeros(len(theirs), np.int64)
    for i, name in enumerate(mine):
        run = np.where(theirs == name, np.concatenate([[0], run[:-1]]) * inside + 1, 0)
        end = int(run.argmax()) if len(run) else 0
        if len(run) and run[end] > best.columns:
            grid = int(np.searchsorted(breaks, end, side="right")) - 1
            length = int(run[end])
            best = Copy(length, i - length + 1, grid, end - length + 1 - int(breaks[grid]))
    return best


def _names(grids: Sequence[Column]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One number for each different column of all grids, and where each grid but the first begins among the others."""
    columns = np.concatenate([grid.reshape(len(grid), int(np.prod(grid.shape[1:]))) for grid in grids])
    _, names = np.unique(columns, axis=0, return_inverse=True)
    return names.reshape(-1), np.cumsum([0] + [len(grid) for grid in grids[1:]])


def generate(prior: Prior[Any], sampling: Sampling, seed: int, columns: int) -> Column:
    """So many columns from the beginning, with nobody's hand on a knob: int16 ``[W, H, Q]``."""
    prior.eval()
    grid: list[Column] = []
    state = prior.initial_state()
    for w in range(columns):
        column, state = prior.step(state, chooser(sampling, seed, w, grid[-1] if grid else None))
        grid.append(column)
    return np.stack(grid)


@dataclass(frozen=True)
class Memorisation:
    """``train_bits``, ``heldout_bits``: bits per code, mean over levels; held-out is NaN when nothing was held out.

    ``heldout_copy``: how many columns held-out recordings share with training ones, what is normal for this material.
    ``counts``: it counts, so what its recordings cost says nothing of what it plays.
    """

    train_bits: float
    heldout_bits: float
    copy: Copy
    heldout_copy: int
    columns_per_second: float
    counts: bool = False

    @property
    def words(self) -> str:
        """What a musician should know.

        >>> Memorisation(2.0, 4.0, Copy(47, 0, 2, 10), 5, 23.5).words
        'It knows its recordings largely by heart: a code costs 2.00 bits in them and 4.00 in recordings held out. \
The longest exact copy is 47 columns (2.0 s); recordings share up to 5 (0.2 s) with each other.'
        """
        return f"{self._learnt()} {self._copied()}"

    def _learnt(self) -> str:
        if not np.isfinite(self.heldout_bits):
            return "No recording was held out, so nobody knows how much it learnt by heart: add recordings."
        if self.counts:
            return self._quotes()
        ratio = self.heldout_bits / max(self.train_bits, 1e-6)
        verdict = "It learnt the manner, not the recordings"
        if ratio > MILD:
            verdict = "It leans on its recordings"
        if ratio > STRONG:
            verdict = "It knows its recordings largely by heart"
        costs = f"a code costs {self.train_bits:.2f} bits in them and {self.heldout_bits:.2f} in recordings held out"
        return f"{verdict}: {costs}."

    def _quotes(self) -> str:
        times = self.copy.columns / max(self.heldout_copy, 1)
        verdict = "It quotes its recordings no longer than they quote each other"
        if times > MILD:
            verdict = "It quotes its recordings longer than they quote each other"
        if times > QUOTES:
            verdict = "It quotes its recordings at length"
        return f"{verdict}; a code costs {self.heldout_bits:.2f} bits in recordings held out."

    def _copied(self) -> str:
        text = f"The longest exact copy is {self._span(self.copy.columns)}"
        if np.isfinite(self.heldout_bits):
            text += f"; recordings share up to {self._span(self.heldout_copy, '')} with each other"
        return f"{text}."

    def _span(self, columns: int, unit: str = " columns") -> str:
        return f"{columns}{unit} ({columns / self.columns_per_second:.1f} s)"


def memorisation(
    prior: Prior[Any], data: PriorData, columns_per_second: float, seed: int = 0, columns: int = 1000
) -> Memorisation:
    """Measure a trained prior, generating so many columns at the default settings."""
    made = generate(prior, Sampling(), seed, columns)
    held = [grid for grid in data.heldout if len(grid)]
    return Memorisation(
        train_bits=float(prior.bits(data.train).mean()),
        heldout_bits=float(prior.bits(held).mean()) if held else float("nan"),
        copy=longest_copy(made, data.train),
        heldout_copy=max((longest_copy(grid, data.train).columns for grid in held), default=0),
        columns_per_second=columns_per_second,
        counts=prior.config.kind in ("markov", "mixed"),
    )
