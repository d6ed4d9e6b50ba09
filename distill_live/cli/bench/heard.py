"""When a change is heard: which sample of the take, and at what moment it left the device.

Pure arithmetic over arrays; knows nothing of processes or models. Any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48000
DIFFERENCE_SAMPLES: Final = 480  # 10 ms
LEVEL_SAMPLES: Final = 4800  # 100 ms
THRESHOLD_DB: Final = -30.0
QUIETEST_DB: Final = -60.0  # beside a level below this, differences are not measured any finer
_NEIGHBOURS: Final = 4  # on each side, for the running median of the clock

Floats = NDArray[np.float64]


def heard_at(with_it: NDArray[np.floating], without: NDArray[np.floating]) -> int | None:
    """The first sample by which the difference of two takes ``[T]`` is heard, or None.

    That is where its mean square over the last 10 ms exceeds -30 dB of the undisturbed take's, over the 100 ms around
    it (DESIGN.md, section 4).

    >>> quiet = np.sin(np.arange(4800) / 10)
    >>> heard_at(quiet, quiet) is None, heard_at(np.where(np.arange(4800) < 3000, quiet, -quiet), quiet)
    (True, 3000)
    """
    difference = np.asarray(with_it, np.float64) - without
    changed = _running_mean(difference**2, DIFFERENCE_SAMPLES - 1, 0)
    level = _running_mean(np.asarray(without, np.float64) ** 2, LEVEL_SAMPLES // 2, LEVEL_SAMPLES // 2)
    limit = np.maximum(level, _power(QUIETEST_DB)) * _power(THRESHOLD_DB)
    audible = np.flatnonzero(changed > limit)
    return int(audible[0]) if len(audible) else None


def first_difference(with_it: NDArray[np.floating], without: NDArray[np.floating]) -> int | None:
    """The first sample that differs at all, or None."""
    differs = np.flatnonzero(with_it != without)
    return int(differs[0]) if len(differs) else None


@dataclass(frozen=True)
class OutputClock:
    """When each frame of a take left the device, from pairs (moment of a device period, frames read by then).

    Attributes:
        frames, moments_s: strictly growing frames and growing moments; between them straight lines.
    """

    frames: Floats
    moments_s: Floats

    @classmethod
    def from_pairs(cls, pairs: Sequence[tuple[float, int]], latency_s: float, period: int) -> OutputClock:
        """Build it from what ``play --json`` prints.

        The first frame of the period that was just served leaves ``latency_s`` later, those behind it one by one. A
        pair may have been caught between its two halves, and periods come a little early or late, so each pair is
        held against the median of its neighbours'.

        Raises:
            ValueError: fewer than two pairs in which anything had been read.
        """
        kept = sorted({frame: moment_s for moment_s, frame in pairs if frame > 0 and moment_s > 0}.items())
        if len(kept) < 2:
            raise ValueError("a clock needs two moments at least")
        frames = np.array([frame for frame, _ in kept], np.float64)
        offsets = np.array([moment_s for _, moment_s in kept]) - frames / RATE
        smooth = [np.median(offsets[max(0, i - _NEIGHBOURS) : i + _NEIGHBOURS + 1]) for i in range(len(offsets))]
        moments_s = np.array(smooth) + (frames + period) / RATE + latency_s
        return cls(frames, np.maximum.accumulate(moments_s))

    def moment_s(self, frame: float) -> float:
        """When a frame left the device, on the monotonic clock; beyond the pairs by the nominal rate.

        >>> clock = OutputClock.from_pairs([(10.0, 48000), (11.0, 96000)], latency_s=0.01, period=480)
        >>> round(clock.moment_s(72000), 6), round(clock.moment_s(144000), 6)
        (10.52, 12.02)
        """
        if frame < self.frames[0]:
            return float(self.moments_s[0] + (frame - self.frames[0]) / RATE)
        if frame > self.frames[-1]:
            return float(self.moments_s[-1] + (frame - self.frames[-1]) / RATE)
        return float(np.interp(frame, self.frames, self.moments_s))


def _running_mean(values: Floats, before: int, after: int) -> Floats:
    """The mean of each value, ``before`` before it and ``after`` after it; at the ends, of those there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    here = np.arange(len(values))
    low, high = np.maximum(here - before, 0), np.minimum(here + after + 1, len(values))
    mean: Floats = (sums[high] - sums[low]) / (high - low)
    return mean


def _power(decibels: float) -> float:
    return float(10.0 ** (decibels / 10.0))
