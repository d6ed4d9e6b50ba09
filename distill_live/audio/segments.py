"""Training segments out of log-mels, without artefacts of cutting.

A segment of a long recording is what stands there; it may begin before the recording or end after it, and then the
floor stands there, so that beginnings, endings and silence are learned too and every frame is about as likely as any
other. Sounds shorter than a segment are packed one after the other with a short silence between, as strokes follow one
another. Nothing is ever padded with 0 dB, mirrored or repeated. Knows nothing of files or networks.
Pure values; all chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import UsageError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SegmentConfig:
    """How segments are cut.

    Attributes:
        length: frames of a segment.
        overhang: most frames of silence before the beginning or after the end of a long recording.
        gap: frames of silence between short sounds in one segment.
        floor_db: what silence is.
    """

    length: int = 192
    overhang: int = 48
    gap: int = 2
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        if self.length < 1 or not 0 <= self.overhang < self.length or self.gap < 0:
            raise UsageError(f"{self} cuts nothing", fix="use a length of 1 or more and an overhang below it")


class SegmentSampler:
    """Draws random segments; recordings are as likely as they are long.

    Args:
        mels: log-mels in dB, float32 ``[n_mels, frames]`` each, of any length.

    Raises:
        UsageError: when there is nothing in them.

    >>> mels = [np.full((4, 50), -20.0, dtype=np.float32), np.full((4, 5), -30.0, dtype=np.float32)]
    >>> SegmentSampler(mels, SegmentConfig(length=16, overhang=4)).draw(3, np.random.default_rng(0)).shape
    (3, 4, 16)
    """

    def __init__(self, mels: Sequence[Floats], config: SegmentConfig) -> None:
        self._mels = [mel for mel in mels if mel.shape[1]]
        if not self._mels:
            raise UsageError("there are no recordings to cut segments from", fix="give at least one")
        self.config = config
        frames = np.array([mel.shape[1] for mel in self._mels], dtype=np.float64)
        self._share = np.cumsum(frames) / frames.sum()
        self._short = [number for number, mel in enumerate(self._mels) if mel.shape[1] < config.length]

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """``count`` segments, float32 ``[count, n_mels, length]`` in dB."""
        chosen = np.searchsorted(self._share, rng.random(count), side="right").clip(max=len(self._mels) - 1)
        return np.stack([self._segment(int(number), rng) for number in chosen])

    def _segment(self, number: int, rng: np.random.Generator) -> Floats:
        mel, config = self._mels[number], self.config
        if mel.shape[1] < config.length:
            return self._packed(number, rng)
        start = int(rng.integers(-config.overhang, mel.shape[1] - config.length + config.overhang + 1))
        return _window(mel, start, config.length, config.floor_db)

    def _packed(self, first: int, rng: np.random.Generator) -> Floats:
        """Short sounds one after the other, after up to ``overhang`` frames of silence."""
        config, number = self.config, first
        segment = np.full((self._mels[first].shape[0], config.length), config.floor_db, dtype=np.float32)
        at = int(rng.integers(0, config.overhang + 1))
        while at < config.length:
            mel = self._mels[number][:, : config.length - at]
            segment[:, at : at + mel.shape[1]] = mel
            at += mel.shape[1] + config.gap
            number = self._short[int(rng.integers(len(self._short)))]
        return segment


def _window(mel: Floats, start: int, frames: int, floor_db: float) -> Floats:
    """``frames`` frames from ``start`` (which may lie before the beginning); the floor where there are none."""
    window = np.full((mel.shape[0], frames), floor_db, dtype=np.float32)
    first, last = max(start, 0), min(start + frames, mel.shape[1])
    window[:, first - start : last - start] = mel[:, first:last]
    return window
