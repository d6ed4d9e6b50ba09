"""Training batches of mels: random crops and mixtures, with random gain, tilt and transposition, from explicit seeds.

Works on log-mels in memory (a recording is a few hundred kilobytes), so a step costs no transform. Knows nothing of
files. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_live.errors import UsageError


@dataclass(frozen=True)
class CropConfig:
    """How training crops are drawn.

    Attributes:
        batch: crops in a batch.
        frames: length of a crop; a multiple of the grid's frames per column.
        gain_db: range of the gain, lowest and highest.
        tilt_db: most that the highest band is turned up against the lowest, or down.
        shift_bands: most that a crop is moved up or down by, in mel bands.
        mix_share: how many of the crops sound together with a second one, 0 to 1. Codebooks learned from mixtures
            fit sounds they have not heard far better (nine drones: 5 dB instead of 8 on two others).
    """

    batch: int = 8
    frames: int = 192
    gain_db: tuple[float, float] = (-12.0, 6.0)
    tilt_db: float = 3.0
    shift_bands: int = 1
    mix_share: float = 0.5

    def __post_init__(self) -> None:
        if self.batch < 1 or self.frames < 1:
            raise UsageError(f"a batch of {self.batch} crops of {self.frames} frames is empty", fix="use 1 or more")
        if not 0.0 <= self.mix_share <= 1.0:
            raise UsageError(f"mix_share cannot be {self.mix_share}", fix="use 0 to 1")


class MelCrops:
    """An endless source of batches; the same seed gives the same batches.

    Every frame of the corpus is as likely as any other. A crop may begin before its recording or end after it:
    what is missing is silence, so silence and beginnings are learned too.

    Args:
        mels: log-mels in dB, each ``[n_mels, frames]`` of any length.
    """

    def __init__(self, mels: Sequence[Tensor], config: CropConfig, seed: int, floor_db: float = -100.0) -> None:
        if not mels:
            raise UsageError("there are no recordings to cut crops from", fix="give at least one")
        self.mels = list(mels)
        self.config = config
        self.floor_db = floor_db
        self.random = torch.Generator().manual_seed(seed)
        self._lengths = torch.tensor([mel.shape[-1] for mel in self.mels], dtype=torch.float64)

    def draw(self) -> Tensor:
        """The next batch, ``[B, 1, n_mels, frames]`` in dB."""
        return torch.stack([self._sound() for _ in range(self.config.batch)]).unsqueeze(1)

    def _sound(self) -> Tensor:
        """One crop, or two at once."""
        crop = self._crop()
        if float(torch.rand((), generator=self.random)) < self.config.mix_share:
            return mix(crop, self._crop(), self.floor_db)
        return crop

    def _crop(self) -> Tensor:
        mel = self.mels[int(torch.multinomial(self._lengths, 1, generator=self.random))]
        config, (bands, length) = self.config, mel.shape
        overhang = config.frames // 4
        start = self._between(-overhang, max(length + overhang - config.frames, 0))
        shift = self._between(-config.shift_bands, config.shift_bands)
        crop = mel.new_full((bands, config.frames), self.floor_db)
        first, last = max(start, 0), min(start + config.frames, length)
        crop[:, first - start : last - start] = mel[:, first:last]
        return self._coloured(self._shifted(crop, shift))

    def _shifted(self, crop: Tensor, bands: int) -> Tensor:
        """Moved up by ``bands`` (down where negative), silence where nothing comes from."""
        moved = torch.full_like(crop, self.floor_db)
        low, high = max(bands, 0), len(crop) + min(bands, 0)
        moved[low:high] = crop[low - bands : high - bands]
        return moved

    def _coloured(self, crop: Tensor) -> Tensor:
        low, high = self.config.gain_db
        gain, tilt = torch.rand(2, generator=self.random).tolist()
        slope = torch.linspace(-0.5, 0.5, len(crop)) * self.config.tilt_db * (2.0 * tilt - 1.0)
        louder = crop + (low + (high - low) * gain) + slope[:, None]
        return torch.where(crop > self.floor_db, louder.clamp_min(self.floor_db), crop)

    def _between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.random))


def mix(first: Tensor, second: Tensor, floor_db: float) -> Tensor:
    """The mel of two sounds at once: their powers add. Silence adds nothing.

    >>> [round(float(level), 2) for level in mix(torch.tensor([-20.0, -30.0]), torch.tensor([-20.0, -100.0]), -100.0)]
    [-16.99, -30.0]
    """
    power = 10.0 ** (first / 10.0) + (10.0 ** (second / 10.0) - 10.0 ** (floor_db / 10.0))
    return (10.0 * power.log10()).clamp_min(floor_db)
