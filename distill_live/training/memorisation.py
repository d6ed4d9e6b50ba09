"""How much of a prior is memory: bits per code on what it learned and on what it never saw, and exact copies.

Codes only. numpy and the prior. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.base import Prior
from distill_live.prior.objective import PriorData, PriorObjective, bits_per_code
from distill_live.prior.sampling import LevelSampling, Sampling, chooser

Codes = NDArray[np.int16]

GENERATED_S: Final = 20.0
_MOST_JUDGED: Final = 4000  # columns of training material that the training bits are measured on
_PLAIN: Final = Sampling((LevelSampling(temperature=1.0, top_k=0, top_p=0.9),) * 4)


@dataclass(frozen=True)
class Memorisation:
    """What the prior learned, per level ``[Q]`` in bits per code, and how long its longest exact copy is.

    Attributes:
        held_out_bits, training_bits: of the prior.
        unigram_bits, bigram_bits: of counting, on the same held-out codes.
        held_out_is_training: there was nothing to hold out.
        longest_copy_s: of ``generated_s`` of free play, the longest stretch that is note for note in the corpus.
        longest_held_out_copy_s: the same for held-out recordings: what is natural for this corpus; None without any.
    """

    held_out_bits: list[float]
    training_bits: list[float]
    unigram_bits: list[float]
    bigram_bits: list[float]
    held_out_is_training: bool
    generated_s: float
    longest_copy_s: float
    longest_held_out_copy_s: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        """The report for people."""
        held_out, training, counted = (
            sum(bits) / len(bits) for bits in (self.held_out_bits, self.training_bits, self.bigram_bits)
        )
        copy = f"longest exact copy {self.longest_copy_s:.1f} s in {self.generated_s:.0f} s of play"
        if self.held_out_is_training:
            return f"prior {training:.2f} bits/code on its own material (nothing was held out); {copy}"
        return (
            f"prior {held_out:.2f} bits/code on held-out sound, {training:.2f} on its own (counting pairs gives"
            f" {counted:.2f}); {copy}"
        )


def measure(objective: PriorObjective, columns_per_second: float, seed: int) -> Memorisation:
    """Judge a trained prior; about a second of work."""
    prior, data = objective.prior, objective.data
    count = round(GENERATED_S * columns_per_second)
    played = play(prior, count, seed)
    copies = [longest_copy(grid, data.train) for grid in data.heldout]
    return Memorisation(
        held_out_bits=_rounded(bits_per_code(prior, data.judged)),
        training_bits=_rounded(bits_per_code(prior, _some(data))),
        unigram_bits=_rounded(objective.baseline.unigram_bits(data.judged)),
        bigram_bits=_rounded(objective.baseline.bigram_bits(data.judged)),
        held_out_is_training=data.judged is data.train,
        generated_s=round(count / columns_per_second, 2),
        longest_copy_s=round(longest_copy(played, data.train) / columns_per_second, 2),
        longest_held_out_copy_s=round(max(copies) / columns_per_second, 2) if copies else None,
    )


def play(prior: Prior[Any], columns: int, seed: int) -> Codes:
    """Free play at temperature 1 and top-p 0.9: int16 ``[columns, H, Q]``."""
    prior.eval()
    state, played = prior.initial_state(), []
    for number in range(columns):
        column, state = prior.step(state, chooser(_PLAIN, seed, number))
        played.append(column)
    return np.stack(played)


def longest_copy(played: Codes, grids: Sequence[Codes]) -> int:
    """The longest run of columns in ``played [W, H, Q]`` that is, code for code, a run in one of ``grids``.

    >>> grid = np.arange(30, dtype=np.int16).reshape(10, 1, 3)
    >>> longest_copy(np.concatenate([grid[7:9], grid[2:6]]), [grid])
    4
    """
    return max((_longest_common_run(_named(played), _named(grid)) for grid in grids), default=0)


def _named(grid: Codes) -> NDArray[np.void]:
    """Each column as one comparable value."""
    flat = np.ascontiguousarray(grid.reshape(len(grid), -1))
    return flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]


def _longest_common_run(first: NDArray[np.void], second: NDArray[np.void]) -> int:
    longest, runs = 0, np.zeros(len(second), np.int32)
    for column in first:
        runs = np.where(second == column, np.concatenate([[0], runs[:-1]]) + 1, 0)
        longest = max(longest, int(runs.max(initial=0)))
    return longest


def _some(data: PriorData) -> list[Codes]:
    chosen: list[Codes] = []
    for grid in data.train:
        if sum(map(len, chosen)) < _MOST_JUDGED:
            chosen.append(grid[:_MOST_JUDGED])
    return chosen


def _rounded(bits: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in bits]
