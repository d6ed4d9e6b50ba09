"""From the prior's logits to one code: temperature, top-k, top-p, and dice that are a pure function of their place.

Gumbel-max over the filtered set: ``argmax(logits / temperature + gumbel)`` is a draw from the softmax. The noise
belongs to (seed, column, row, level) and to nothing else, so a rewound stream throws the same dice again, and turning
temperature morphs the music instead of re-rolling it (the winner changes only where the balance tips).

How global and level settings combine (``level_sampling``):

========== =========================== ====================================================
setting    level value                 what acts
========== =========================== ====================================================
temperature a factor, 1 by default     global x factor, clamped to 0.1 to 2.0
top-k      0 follows the global one    the level's, else the global one; 0 is off; at most K
top-p      0 follows the global one    the level's, else the global one; 1 is off; 0 is argmax
========== =========================== ====================================================

A code that stays is judged apart: top-p chooses among the others, and whether the code of the column before comes again
is left to its probability. With it inside the set, every code that stays nine times in ten would be the whole set, and
the music would stand still for ever (measured, top-p 0.9: 98 % of the time in stays of more than 2 s, corpus 7 %).

Knows nothing of torch, of models, or of what is held or swapped. Pure functions, called from the engine's render loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.params import MAX_LEVELS
from distill_live.prior.params import MAX_TEMPERATURE, MIN_TEMPERATURE

Logits = NDArray[np.float32]
Choose = Callable[[Logits, int, int], int]
"""``choose(logits float32 [K], row, level) -> code``: what a prior asks for each code of a column."""


@dataclass(frozen=True)
class LevelSampling:
    """What acts on one level, in real units: temperature 0.1 to 2.0, top-k >= 0 (0 off), top-p 0 to 1 (1 off)."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9

    def __post_init__(self) -> None:
        assert MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE, self.temperature
        assert self.top_k >= 0, self.top_k
        assert 0.0 <= self.top_p <= 1.0, self.top_p


@dataclass(frozen=True)
class Sampling:
    """What acts on every level, coarse first. Equal settings compare equal, so a change is easily seen."""

    levels: tuple[LevelSampling, ...] = (LevelSampling(),) * MAX_LEVELS


def level_sampling(
    temperature: float, top_k: float, top_p: float, factor: float, level_top_k: float, level_top_p: float
) -> LevelSampling:
    """The global settings and one level's own, combined by the table above.

    >>> level_sampling(0.5, 40, 0.9, factor=0.1, level_top_k=0, level_top_p=1.0)
    LevelSampling(temperature=0.1, top_k=40, top_p=1.0)
    """
    return LevelSampling(
        temperature=min(max(temperature * factor, MIN_TEMPERATURE), MAX_TEMPERATURE),
        top_k=int(level_top_k) or int(top_k),
        top_p=level_top_p or top_p,
    )


def read_sampling(number: Callable[[str], float]) -> Sampling:
    """The settings of all levels, read by parameter id (``ParamBank.number``)."""
    overall = (number("temperature"), number("topk"), number("topp"))
    return Sampling(tuple(level_sampling(*overall, *map(number, ids)) for ids in _LEVEL_IDS))


_LEVEL_IDS: Final = tuple(
    tuple(f"level.{level}.{what}" for what in ("temperature", "topk", "topp")) for level in range(MAX_LEVELS)
)


def gumbel_noise(seed: int, column: int, row: int, level: int, size: int) -> NDArray[np.float64]:
    """Standard Gumbel noise ``[size]``, a pure function of its arguments (Philox 4x64, counter-based).

    Args:
        seed, column, row, level: where in which performance; all >= 0.
        size: codebook size K. A smaller size is the beginning of a larger one.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

    >>> bool((gumbel_noise(7, 3, 0, 1, 64) == gumbel_noise(7, 3, 0, 1, 64)).all())
    True
    """
    bits = _PHILOX.at((seed, 0), (0, column, row, level))  # the first counter word counts inside one call
    noise: NDArray[np.float64] = np.add(bits.random_raw(size) >> np.uint64(11), 0.5, dtype=np.float64)
    noise *= 2.0**-53  # inside (0, 1), never at its ends
    for _ in range(2):
        np.negative(np.log(noise, out=noise), out=noise)
    return noise


class _Philox(threading.local):
    """One generator for each thread, put where it is wanted: making a new one asks the system for randomness first."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._fresh: Any = dict(self._bits.state)

    def at(self, key: tuple[int, int], counter: tuple[int, int, int, int]) -> np.random.Philox:
        words = {"key": np.array(key, np.uint64), "counter": np.array(counter, np.uint64)}
        state: Any = {**self._fresh, "state": words}
        self._bits.state = state
        return self._bits


_PHILOX: Final = _Philox()


def sample(
    logits: Logits, temperature: float, top_k: int, top_p: float, gumbel: NDArray[np.float64], before: int = -1
) -> int:
    """One code, drawn by Gumbel-max from what temperature, top-k and top-p leave over.

    Args:
        logits: float32 ``[K]``, finite.
        temperature: clamped to at least 0.1.
        top_k: 0 is off, 1 is argmax; more than K counts as K.
        top_p: the smallest set of likeliest codes whose mass reaches it; 1 is off, 0 is argmax.
        gumbel: float64 ``[K]``.
        before: the code of the column before at the same place, which top-p keeps and does not count; -1 for none.

    >>> sample(np.array([0.0, 3.0, 1.0], np.float32), 1.0, 1, 1.0, np.array([9.0, 0.0, 0.0]))
    1
    """
    scaled = logits.astype(np.float64) / max(temperature, MIN_TEMPERATURE)
    K = len(scaled)
    k = K if top_k <= 0 else min(int(top_k), K)
    if k == K and top_p >= 1.0:
        return int(np.argmax(scaled + gumbel))
    order = np.argsort(-scaled, kind="stable")[:k]
    if top_p < 1.0:
        order = _nucleus(scaled, order, top_p, before if top_p > 0.0 else -1)
    return int(order[np.argmax(scaled[order] + gumbel[order])])


def _nucleus(scaled: NDArray[np.float64], order: NDArray[np.intp], top_p: float, before: int) -> NDArray[np.intp]:
    """The likeliest of ``order`` (likeliest first) whose mass reaches ``top_p`` of that of all but ``before``.

    ``before`` is left in, and what is left of the others shares the mass of all of them: ``scaled`` is changed so that
    ``before`` stays as likely as it was.
    """
    others = order[order != before]
    if not len(others):
        return order
    mass = np.cumsum(np.exp(scaled[others] - scaled[others[0]]))
    needed = int(np.searchsorted(mass, top_p * mass[-1] * (1.0 - 1e-12)))
    if len(others) == len(order):
        return others[: needed + 1]
    kept = others[: needed + 1]
    scaled[kept] += np.log(mass[-1] / mass[needed])
    return np.append(kept, before)


def chooser(sampling: Sampling, seed: int, column: int, last: NDArray[np.int16] | None = None) -> Choose:
    """The ordinary ``choose`` for one column: the level's settings and the dice of this place.

    Args:
        sampling: of all levels.
        seed, column: of the dice.
        last: the column before ``[H, Q]``; None where there is none.
    """

    def choose(logits: Logits, row: int, level: int) -> int:
        s, noise = sampling.levels[level], gumbel_noise(seed, column, row, level, len(logits))
        return sample(logits, s.temperature, s.top_k, s.top_p, noise, -1 if last is None else int(last[row, level]))

    return choose
