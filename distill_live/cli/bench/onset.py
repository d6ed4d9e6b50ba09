"""Where a sound begins: by the rise of its envelope.

The envelope is the RMS of the last 5 ms. A burst stands at a plateau; it begins where the envelope first comes to half
the plateau's amplitude. The vocoder's window makes a rise of about 40 ms out of a sudden begin, symmetric about where
it was, so that half the amplitude is its middle; the window of 5 ms that looks back makes every onset 2.5 ms late, and
the noise of the sound itself moves it by about as much. Pure arithmetic; any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48000
WINDOW: Final = 240  # 5 ms
BEFORE: Final = 4800  # 100 ms, whose level a burst must stand out from
STANDS_OUT_DB: Final = 20.0
HALF: Final = 0.5


def find_onset(sound: NDArray[np.float32], at: int, frames: int, share: float = HALF) -> int | None:
    """How many frames after ``at`` a burst is heard to begin in a sound ``[T]``; None when nothing stands out there.

    Args:
        sound: with one burst or none from ``at`` on.
        at: from where on it may begin; what lies before is the background.
        frames: within which it comes to its plateau, and holds it for half of them.
        share: of the plateau's amplitude that makes the onset.

    >>> sound = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    >>> sound[:20_000] *= 1e-4
    >>> abs(find_onset(sound, 15_000, 20_000) - 5000) < WINDOW
    True
    """
    envelope = _envelope(sound[max(at - BEFORE, 0) : at + frames])
    before, after = envelope[: min(at, BEFORE)], envelope[min(at, BEFORE) :]
    if not len(before) or len(after) < frames:
        return None
    plateau = float(np.percentile(after, 75))
    if plateau <= float(np.median(before)) * 10.0 ** (STANDS_OUT_DB / 20.0):
        return None
    return int(np.argmax(after >= share * plateau))


def delay_of(burst: NDArray[np.float32], share: float = HALF) -> int:
    """How late this measure finds a burst ``[T]`` that begins at once; two onsets are compared less this.

    >>> delay_of(np.ones(12_000, np.float32)) < WINDOW
    True
    """
    quiet = np.full(BEFORE, 1e-6, np.float32)
    found = find_onset(np.concatenate([quiet, burst, quiet]), BEFORE, len(burst), share)
    assert found is not None, "a burst stands out of silence"
    return found


def _envelope(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """The RMS of the last 5 ms, at each sample; of those there are at the begin."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    here = np.arange(1, len(sound) + 1)
    low = np.maximum(here - WINDOW, 0)
    envelope: NDArray[np.float64] = np.sqrt(np.maximum((energy[here] - energy[low]) / (here - low), 0.0))
    return envelope
