"""When a change is heard: which sample of the take.

Pure arithmetic over arrays; knows nothing of processes, clocks or models. Any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48000
DIFFERENCE_SAMPLES: Final = 480  # 10 ms
LEVEL_SAMPLES: Final = 4800  # 100 ms
THRESHOLD_DB: Final = -30.0
QUIETEST_DB: Final = -60.0  # beside a level below this, differences are not measured any finer

Floats = NDArray[np.float64]


def heard_at(
    with_it: NDArray[np.floating], without: NDArray[np.floating], before: NDArray[np.floating] | None = None
) -> int | None:
    """The first sample by which the difference of two takes ``[T]`` or ``[T, C]`` is heard, or None.

    That is where its mean square over the last 10 ms exceeds -30 dB of the undisturbed take's, over the 100 ms around
    it (DESIGN.md, section 4).

    Args:
        with_it, without: the two takes from the event on.
        before: what both were until then; the more of it (100 ms are enough), the truer the first samples.

    >>> quiet = np.sin(np.arange(4800) / 10)
    >>> heard_at(quiet, quiet) is None, heard_at(np.where(np.arange(4800) < 3000, quiet, -quiet), quiet)
    (True, 3000)
    """
    before = without[:0] if before is None else before[-LEVEL_SAMPLES:]
    difference = _power(np.asarray(with_it, np.float64) - without)
    changed = _running_mean(np.concatenate([np.zeros(len(before)), difference]), DIFFERENCE_SAMPLES - 1, 0)
    undisturbed = _power(np.concatenate([before, without]).astype(np.float64))
    level = _running_mean(undisturbed, LEVEL_SAMPLES // 2, LEVEL_SAMPLES // 2)
    limit = np.maximum(level, power_of(QUIETEST_DB)) * power_of(THRESHOLD_DB)
    audible = np.flatnonzero((changed > limit)[len(before) :])
    return int(audible[0]) if len(audible) else None


def first_difference(with_it: NDArray[np.floating], without: NDArray[np.floating]) -> int | None:
    """The first sample of two takes ``[T]`` or ``[T, C]`` that differs at all, or None."""
    differs = np.flatnonzero(_any_channel(with_it != without))
    return int(differs[0]) if len(differs) else None


def power_of(decibels: float) -> float:
    """
    >>> round(power_of(-30.0), 6)
    0.001
    """
    return float(10.0 ** (decibels / 10.0))


def _power(samples: Floats) -> Floats:
    """The mean square over the channels."""
    power: Floats = samples**2 if samples.ndim == 1 else np.square(samples).mean(axis=1)
    return power


def _any_channel(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    any_of_them: NDArray[np.bool_] = differs if differs.ndim == 1 else np.logical_or.reduce(differs, axis=1)
    return any_of_them


def _running_mean(values: Floats, before: int, after: int) -> Floats:
    """The mean of each value, ``before`` before it and ``after`` after it; at the ends, of those there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    here = np.arange(len(values))
    low, high = np.maximum(here - before, 0), np.minimum(here + after + 1, len(values))
    mean: Floats = (sums[high] - sums[low]) / (high - low)
    return mean
