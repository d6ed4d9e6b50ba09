"""Augmentation that suits a few minutes of sound: loudness, tone colour and, before the mel, speed.

Only training segments go through it, after the split. In the dB domain a gain is an addition and a filter is a curve
added to each frame; silence stays silence, because a louder playback of nothing is nothing. Knows nothing of files.
Pure functions; all chance comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class AugmentConfig:
    """How far segments are changed.

    Attributes:
        gain_db: least and greatest gain.
        tilt_db: greatest difference between the lowest and the highest band, either way.
        bump_db: greatest rise or dip of one broad bell of the equaliser.
        floor_db: what silence is.
    """

    gain_db: tuple[float, float] = (-12.0, 6.0)
    tilt_db: float = 4.0
    bump_db: float = 3.0
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        assert self.gain_db[0] <= self.gain_db[1], self
        assert min(self.tilt_db, self.bump_db) >= 0.0, self


def augment(segments: Floats, config: AugmentConfig, rng: np.random.Generator) -> Floats:
    """A gain and an equaliser curve for each of ``segments`` ``[B, n_mels, frames]`` in dB; a new array.

    >>> quiet = np.full((1, 8, 3), -100.0, dtype=np.float32)
    >>> bool((augment(quiet, AugmentConfig(), np.random.default_rng(0)) == -100.0).all())
    True
    """
    count, n_mels, _ = segments.shape
    gain = rng.uniform(*config.gain_db, size=(count, 1))
    curve = gain + _tilts(count, n_mels, config, rng) + _bumps(count, n_mels, config, rng)
    return apply_curve(segments, curve.astype(np.float32), config.floor_db)


def apply_curve(segments: Floats, curve_db: Floats, floor_db: float) -> Floats:
    """Add ``curve_db`` ``[B, n_mels]`` to every frame; what lay on the floor stays there, nothing falls below it."""
    changed = np.maximum(segments + curve_db[:, :, None], np.float32(floor_db))
    return np.where(segments <= floor_db, np.float32(floor_db), changed)


def varispeed(samples: Floats, semitones: float) -> Floats:
    """Play ``samples`` ``[T]`` faster and higher by ``semitones`` (slower and lower below 0), as tape does.

    >>> len(varispeed(np.zeros(4800, dtype=np.float32), 12.0))
    2400
    """
    if not semitones or not len(samples):
        return samples
    faster: Floats = soxr.resample(samples, 2.0 ** (semitones / 12.0), 1.0, quality="HQ")
    return faster


def _tilts(count: int, n_mels: int, config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """Straight lines over the bands, zero in the middle."""
    slope = rng.uniform(-0.5, 0.5, size=(count, 1)) * config.tilt_db
    tilts: NDArray[np.float64] = slope * np.linspace(-1.0, 1.0, n_mels)
    return tilts


def _bumps(count: int, n_mels: int, config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """One bell each, a sixth to a third of the range wide, anywhere."""
    height = rng.uniform(-1.0, 1.0, size=(count, 1)) * config.bump_db
    centre = rng.uniform(0.0, 1.0, size=(count, 1))
    width = rng.uniform(1 / 12, 1 / 6, size=(count, 1))
    bumps: NDArray[np.float64] = height * np.exp(-0.5 * ((np.linspace(0.0, 1.0, n_mels) - centre) / width) ** 2)
    return bumps
