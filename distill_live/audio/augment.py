"""Augmentation that suits a few minutes of sound: loudness, tone colour, pitch, and two sounds at once.

Only training segments go through it, after the split. In the dB domain a gain is an addition and a filter is a curve
added to each frame; silence stays silence, because a louder playback of nothing is nothing. Knows nothing of files.
Pure functions; all chance comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import UsageError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class AugmentConfig:
    """How far segments are changed.

    Attributes:
        gain_db: least and greatest gain.
        tilt_db: greatest difference between the lowest and the highest band, either way.
        bump_db: greatest rise or dip of one broad bell of the equaliser.
        shift_bands: most that a segment is moved up or down by, in mel bands.
    """

    gain_db: tuple[float, float] = (-12.0, 6.0)
    tilt_db: float = 3.0
    bump_db: float = 3.0
    shift_bands: int = 1

    def __post_init__(self) -> None:
        if self.gain_db[0] > self.gain_db[1] or min(self.tilt_db, self.bump_db, self.shift_bands) < 0:
            raise UsageError(f"{self} is no range", fix="give the least gain first and nothing below 0 for the rest")


UNCHANGED = AugmentConfig(gain_db=(0.0, 0.0), tilt_db=0.0, bump_db=0.0, shift_bands=0)


def augment(segments: Floats, config: AugmentConfig, rng: np.random.Generator, floor_db: float = -100.0) -> Floats:
    """A shift, a gain and an equaliser curve for each of ``segments`` ``[B, n_mels, frames]`` in dB; a new array.

    >>> quiet = np.full((1, 8, 3), -100.0, dtype=np.float32)
    >>> bool((augment(quiet, AugmentConfig(), np.random.default_rng(0)) == -100.0).all())
    True
    """
    count, n_mels, _ = segments.shape
    shifts = rng.integers(-config.shift_bands, config.shift_bands + 1, size=(count,))
    moved = np.stack([shifted(segments[i], int(bands), floor_db) for i, bands in enumerate(shifts)])
    gain = rng.uniform(*config.gain_db, size=(count, 1))
    curve = gain + _tilts(count, n_mels, config, rng) + _bumps(count, n_mels, config, rng)
    return apply_curve(moved, curve.astype(np.float32), floor_db)


def shifted(mel: Floats, bands: int, floor_db: float) -> Floats:
    """``mel [n_mels, frames]`` moved up by ``bands`` (down below 0), the floor where nothing comes from."""
    moved = np.full_like(mel, floor_db)
    low, high = max(bands, 0), len(mel) + min(bands, 0)
    moved[low:high] = mel[low - bands : high - bands]
    return moved


def apply_curve(segments: Floats, curve_db: Floats, floor_db: float) -> Floats:
    """Add ``curve_db`` ``[B, n_mels]`` to every frame; what lay on the floor stays there, nothing falls below it."""
    changed = np.maximum(segments + curve_db[:, :, None], np.float32(floor_db))
    return np.where(segments <= floor_db, np.float32(floor_db), changed)


def mix(first: Floats, second: Floats, floor_db: float = -100.0) -> Floats:
    """The mel of two sounds at once, of any one shape: their powers add. Silence adds nothing.

    >>> first, second = np.float32([-20.0, -30.0]), np.float32([-20.0, -100.0])
    >>> [round(float(level), 2) for level in mix(first, second)]
    [-16.99, -30.0]
    """
    nothing = 10.0 ** (floor_db / 10.0)
    power = 10.0 ** (first / 10.0) + (10.0 ** (second / 10.0) - nothing)
    mixed: Floats = np.maximum(10.0 * np.log10(np.maximum(power, nothing)), floor_db).astype(np.float32)
    return mixed


def below_full_scale(segments: Floats, floor_db: float = -100.0) -> Floats:
    """Segments ``[B, n_mels, frames]``, each turned down by what its peak is above 0 dB, which no recording is.

    Measured on drones, it makes no difference beyond the spread of seeds; it keeps codes for sounds that can exist.

    >>> below_full_scale(np.float32([[[6.0, -50.0, -100.0]], [[-3.0, -50.0, -100.0]]])).tolist()
    [[[0.0, -56.0, -100.0]], [[-3.0, -50.0, -100.0]]]
    """
    above = np.maximum(segments.max(axis=(1, 2)), np.float32(0.0))
    return apply_curve(segments, np.repeat(-above[:, None], segments.shape[1], axis=1), floor_db)


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
