"""Training segments out of log-mels, without artefacts of cutting.

A segment is ``lead_in + length`` frames. Its lead-in is what really came before (or the floor, where the recording had
not begun), so a causal network is warm when the part that counts begins, and a cut through a sounding note never looks
like an onset. Sounds shorter than a segment are packed one after the other with a short silence between, as strokes
follow one another; nothing is ever padded with 0 dB, mirrored or repeated. Knows nothing of files or networks.
Pure values; all chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SegmentConfig:
    """How segments are cut.

    Attributes:
        length: frames that count.
        lead_in: frames before them that only warm a network up.
        gap: frames of silence between short sounds in one segment.
        floor_db: what silence is.
    """

    length: int
    lead_in: int = 0
    gap: int = 2
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        assert self.length > 0, self
        assert min(self.lead_in, self.gap) >= 0, self

    @property
    def frames(self) -> int:
        return self.lead_in + self.length


class SegmentSampler:
    """Draws random segments; every frame of the corpus is about equally likely to be heard.

    >>> mels = [np.full((4, 50), -20.0, dtype=np.float32), np.full((4, 5), -30.0, dtype=np.float32)]
    >>> SegmentSampler(mels, SegmentConfig(length=16, lead_in=4)).draw(3, np.random.default_rng(0)).shape
    (3, 4, 20)
    """

    def __init__(self, mels: Sequence[Floats], config: SegmentConfig) -> None:
        self._mels = [mel for mel in mels if mel.shape[1]]
        assert self._mels, "there is nothing to cut segments from"
        self.config = config
        frames = np.array([mel.shape[1] for mel in self._mels], dtype=np.float64)
        self._share = np.cumsum(frames) / frames.sum()
        self._short = [number for number, mel in enumerate(self._mels) if mel.shape[1] < config.length]

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """``count`` segments, float32 ``[count, n_mels, lead_in + length]`` in dB."""
        chosen = np.searchsorted(self._share, rng.random(count), side="right").clip(max=len(self._mels) - 1)
        return np.stack([self._segment(int(number), rng) for number in chosen])

    def _segment(self, number: int, rng: np.random.Generator) -> Floats:
        mel = self._mels[number]
        if mel.shape[1] < self.config.length:
            return self._packed(number, rng)
        start = int(rng.integers(0, mel.shape[1] - self.config.length + 1))
        return _window(mel, start - self.config.lead_in, self.config.frames, self.config.floor_db)

    def _packed(self, first: int, rng: np.random.Generator) -> Floats:
        """Short sounds one after the other, the first at a random place at or before the start of what counts."""
        config, number = self.config, first
        segment = np.full((self._mels[first].shape[0], config.frames), config.floor_db, dtype=np.float32)
        at = int(rng.integers(0, config.lead_in + 1))
        while at < config.frames:
            mel = self._mels[number][:, : config.frames - at]
            segment[:, at : at + mel.shape[1]] = mel
            at += mel.shape[1] + config.gap
            number = self._short[int(rng.integers(len(self._short)))]
        return segment


def cut_segments(mels: Sequence[Floats], config: SegmentConfig) -> Floats:
    """Every frame of every mel in order, for measuring: float32 ``[N, n_mels, lead_in + length]``.

    Recordings are cut from their beginning; the last piece of one is followed by the floor, which is what follows a
    recording. Short ones are packed in the order given.

    >>> cut_segments([np.zeros((4, 33), dtype=np.float32)], SegmentConfig(length=16)).shape
    (3, 4, 16)
    """
    segments = [
        _window(mel, start - config.lead_in, config.frames, config.floor_db)
        for mel in (*(m for m in mels if m.shape[1] >= config.length), *_strips(mels, config))
        for start in range(0, mel.shape[1], config.length)
    ]
    assert segments, "there is nothing to cut segments from"
    return np.stack(segments)


def _strips(mels: Sequence[Floats], config: SegmentConfig) -> list[Floats]:
    """All short mels joined to one long one, each followed by the gap."""
    short = [mel for mel in mels if 0 < mel.shape[1] < config.length]
    padded = [np.pad(mel, ((0, 0), (0, config.gap)), constant_values=config.floor_db) for mel in short]
    return [np.concatenate(padded, axis=1)] if padded else []


def _window(mel: Floats, start: int, frames: int, floor_db: float) -> Floats:
    """``frames`` frames from ``start`` (which may lie before the beginning); the floor where there are none."""
    window = np.full((mel.shape[0], frames), floor_db, dtype=np.float32)
    first, last = max(start, 0), min(start + frames, mel.shape[1])
    if last > first:
        window[:, first - start : last - start] = mel[:, first:last]
    return window
