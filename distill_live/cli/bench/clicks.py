"""Clicks: where a sound bends more sharply than its surroundings. Two measures, both of the second difference.

``clicks`` is ``quality.py --clicks``, in pieces, so that an hour needs no gigabytes: eight times the RMS of the 50 ms
around it; hits closer than 2 ms are one. It counts the onset of every consonant and drum too, so that only counts of
the same music can be compared.

``steps`` is ten times the RMS of the 2 ms around it, the three nearest samples left out. An onset of noise bends for as
long as it lasts and does not stand out of itself; where samples are missing, or a gain jumps, one sample does. In music
of ours there is none, and every gap has one at each end that is audible.

Pure arithmetic; any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48000
MERGE: Final = 96  # 2 ms
FLOOR: Final = 1e-4
PIECE: Final = 60 * RATE
CLICK_RATIO: Final = 8.0
CLICK_WINDOW: Final = 2400  # 50 ms
STEP_RATIO: Final = 10.0
STEP_WINDOW: Final = 96  # to each side
STEP_ITSELF: Final = 3  # to each side

Places = NDArray[np.int64]
Floats = NDArray[np.float64]


def clicks(frames: NDArray[np.float32], piece: int = PIECE) -> Places:
    """At which frames of a sound ``[T, C]`` at 48 kHz there are clicks, in the mean of its channels.

    >>> sound = np.sin(np.arange(96_000, dtype=np.float32) / 20)[:, None] * 0.3
    >>> sound[50_000] += 0.5
    >>> len(clicks(sound)), len(clicks(sound * 0))
    (1, 0)
    """
    return _in_pieces(frames, piece, CLICK_WINDOW, _clicks)


def steps(frames: NDArray[np.float32], piece: int = PIECE) -> Places:
    """At which frames of a sound ``[T, C]`` at 48 kHz there are steps, in the mean of its channels.

    >>> sound = np.random.default_rng(0).standard_normal((96_000, 1)).astype(np.float32) * 0.01
    >>> sound[50_000:51_000] *= 30  # an onset is no step
    >>> sound[70_000] += 0.2
    >>> steps(sound).tolist(), len(steps(sound * 0))
    ([70000], 0)
    """
    return _in_pieces(frames, piece, STEP_WINDOW + 1, _steps)


def _in_pieces(
    frames: NDArray[np.float32], piece: int, reach: int, measure: Callable[[Floats, int, int, int, int], Places]
) -> Places:
    """What a measure finds in the second differences, piece by piece, each with ``reach`` around it."""
    bends = len(frames) - 2
    hits = [np.zeros(0, np.int64)]
    for start in range(0, max(bends, 0), piece):
        stop = min(start + piece, bends)
        first, last = max(start - reach, 0), min(stop + reach, bends)
        bend = np.diff(frames[first : last + 2].mean(axis=1, dtype=np.float64), 2)
        hits.append(measure(bend, first, bends, start, stop))
    found = np.concatenate(hits)
    return found[np.diff(found, prepend=-MERGE - 1) > MERGE] + 1


def _clicks(bend: Floats, first: int, bends: int, start: int, stop: int) -> Places:
    here = np.arange(start, stop)
    low = np.clip(here - CLICK_WINDOW // 2, 0, max(0, bends - CLICK_WINDOW))
    energy, count = _within(bend, first, low, np.minimum(low + CLICK_WINDOW, bends))
    return here[np.abs(bend[start - first : stop - first]) > np.maximum(CLICK_RATIO * _root(energy, count), FLOOR)]


def _steps(bend: Floats, first: int, bends: int, start: int, stop: int) -> Places:
    here = np.arange(start, stop)
    around = [
        _within(bend, first, np.maximum(here - reach, 0), np.minimum(here + reach + 1, bends))
        for reach in (STEP_WINDOW, STEP_ITSELF)
    ]
    (energy, count), (own_energy, own_count) = around
    rms = _root(energy - own_energy, count - own_count)
    return here[np.abs(bend[start - first : stop - first]) > np.maximum(STEP_RATIO * rms, FLOOR)]


def _within(bend: Floats, first: int, low: Places, high: Places) -> tuple[Floats, Places]:
    """The energy from ``low`` to ``high``, places in the whole, of which ``bend`` begins at ``first``; how many."""
    energy = np.concatenate([[0.0], np.cumsum(bend * bend)])
    return energy[high - first] - energy[low - first], high - low


def _root(energy: Floats, count: Places) -> Floats:
    root: Floats = np.sqrt(np.maximum(energy / np.maximum(count, 1), 0.0))
    return root
