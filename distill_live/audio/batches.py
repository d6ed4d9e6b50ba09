"""Training batches of mels: random segments, changed and mixed. Batch ``number`` is a pure function of the seed.

So there is nothing to remember for a resume but the number. Works on log-mels in memory (a recording is a few hundred
kilobytes), so a step costs no transform. Knows nothing of files or networks. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from distill_live.audio.augment import AugmentConfig, Floats, augment, below_full_scale, mix
from distill_live.audio.segments import SegmentConfig, SegmentSampler
from distill_live.errors import UsageError


@dataclass(frozen=True)
class BatchConfig:
    """What a batch is.

    Attributes:
        size: segments in a batch.
        segments: how they are cut; the length must be a multiple of the grid's frames per column.
        augment: how they are changed.
        mix_share: how many of them sound together with a second one, 0 to 1. Codebooks learned from mixtures fit
            sounds they have not heard far better (nine drones: 5 dB instead of 8 on two others).
    """

    size: int = 8
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    mix_share: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"a batch of {self.size} segments is empty", fix="use 1 or more")
        if not 0.0 <= self.mix_share <= 1.0:
            raise UsageError(f"mix_share cannot be {self.mix_share}", fix="use 0 to 1")

    @property
    def frames(self) -> int:
        """Frames of sound in a batch."""
        return self.size * self.segments.length


class TrainingBatches:
    """All batches of a run.

    Args:
        mels: log-mels of the training recordings in dB, float32 ``[n_mels, frames]`` each.
        seed: the same seed gives the same batches.

    Raises:
        UsageError: when there are no recordings.

    >>> batches = TrainingBatches([np.full((4, 50), -20.0, dtype=np.float32)], BatchConfig(size=2), seed=1)
    >>> batches.draw(7).shape, bool((batches.draw(7) == batches.draw(7)).all())
    ((2, 4, 192), True)
    """

    def __init__(self, mels: Sequence[Floats], config: BatchConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        self._sampler = SegmentSampler(mels, config.segments)

    def draw(self, number: int) -> Floats:
        """Batch ``number``, 0 and up: float32 ``[size, n_mels, length]`` in dB."""
        config, rng = self.config, np.random.default_rng((self.seed, number))
        floor_db = config.segments.floor_db
        mixed = np.flatnonzero(rng.random(config.size) < config.mix_share)
        segments = self._sampler.draw(config.size + len(mixed), rng)
        changed = augment(segments, config.augment, rng, floor_db)
        batch = changed[: config.size]
        batch[mixed] = mix(batch[mixed], changed[config.size :], floor_db)
        return below_full_scale(batch, floor_db)
