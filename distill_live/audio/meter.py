"""Level meters: held peaks and RMS per channel in dBFS.

0 dBFS is a sample of 1.0 for the peak and for the RMS alike (a full-scale sine therefore reads -3.01 dB RMS).
Knows nothing of screens. A meter belongs to the thread that feeds it; others get copies of its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FLOOR_DB: float = -120.0


@dataclass(frozen=True)
class MeterConfig:
    """How a meter moves: a peak stays for ``hold_s``, then falls; the RMS looks back over about ``rms_s``."""

    sample_rate: int = 48000
    hold_s: float = 1.0
    fall_db_per_s: float = 20.0
    rms_s: float = 0.3

    def __post_init__(self) -> None:
        assert min(self.sample_rate, self.fall_db_per_s, self.rms_s) > 0, self
        assert self.hold_s >= 0, self


class Meter:
    """Peak with hold and RMS of ``channels`` channels.

    Attributes:
        peak_db: float64 ``[C]`` held peak, ``FLOOR_DB`` and up.
        rms_db: float64 ``[C]`` exponentially averaged level.
        clipped: whether any sample has been above full scale since ``reset``.

    >>> meter = Meter(channels=1)
    >>> meter.update(np.full((1, 48000), 0.5, dtype=np.float32))
    >>> round(float(meter.peak_db[0]), 2), round(float(meter.rms_db[0]), 1)
    (-6.02, -6.2)
    """

    def __init__(self, channels: int, config: MeterConfig | None = None) -> None:
        self._config = config or MeterConfig()
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        self.peak_db = np.full(self._channels, FLOOR_DB)
        self.clipped = False
        self._power = np.zeros(self._channels)
        self._held_s = np.zeros(self._channels)

    def update(self, block: Floats) -> None:
        """Hear float32 ``[C, T]``."""
        seconds = block.shape[1] / self._config.sample_rate
        if not seconds:
            return
        peaks = np.abs(block).max(axis=1)
        self.clipped = self.clipped or bool((peaks > 1.0).any())
        kept = np.exp(-seconds / self._config.rms_s)
        self._power = kept * self._power + (1.0 - kept) * np.square(block, dtype=np.float64).mean(axis=1)
        falling_s = np.clip(self._held_s + seconds - self._config.hold_s, 0.0, seconds)
        fallen = np.maximum(self.peak_db - self._config.fall_db_per_s * falling_s, FLOOR_DB)
        now_db = to_db(peaks)
        self._held_s = np.where(now_db >= fallen, 0.0, self._held_s + seconds)
        self.peak_db = np.maximum(now_db, fallen)

    @property
    def rms_db(self) -> NDArray[np.float64]:
        return to_db(np.sqrt(self._power))


def to_db(amplitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Amplitude to dBFS, ``FLOOR_DB`` for silence.

    >>> to_db(np.array([1.0, 0.5, 0.0])).round(2).tolist()
    [0.0, -6.02, -120.0]
    """
    decibels: NDArray[np.float64] = 20.0 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DB / 20)), dtype=np.float64)
    return decibels
