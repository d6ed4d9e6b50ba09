"""What a learning vocoder is judged by: spectra at several resolutions, mel bands in dB; with a critic, what it hears.

Nothing compares samples: no two sounds of the same mel have the same phases. Pure functions of tensors and modules
without state of their own; any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from distill_live.audio.mel import MelConfig, mel_filterbank

RESOLUTIONS: Final = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # transform, hop, window
LEAST: Final = 1e-4  # magnitudes below count as this
_LEAST_POWER: Final = 1e-10  # of a mel band: the floor, -100 dB


@dataclass(frozen=True)
class LossWeights:
    """How much each distance counts.

    Attributes:
        mel: of a dB of mel; ``stft`` (spectral convergence and log-magnitude) counts 1.
        level: of a dB of the level of a mel band over the whole segment.
        adversarial, features: of the critic's verdict and of the distance of what it hears.
    """

    mel: float = 0.1
    level: float = 0.05
    adversarial: float = 0.1
    features: float = 0.2


class SpectralDistance(nn.Module):
    """Distance of sounds ``[B, T]`` from references: a scalar, lower is better.

    The multi-resolution STFT loss (Yamamoto et al., ICASSP 2020) with magnitudes in the scale of ``torch.stft``, plus the
    mean |dB| of mel bands, plus that of their levels over the whole segment.

    >>> distance = SpectralDistance(MelConfig(), LossWeights())
    >>> sound = torch.sin(torch.arange(9600) * 0.05)[None]
    >>> float(distance(sound, sound))
    0.0
    """

    def __init__(self, mel: MelConfig, weights: LossWeights, resolutions: Sequence[tuple[int, int, int]] = RESOLUTIONS) -> None:
        super().__init__()
        self.mel, self.weights, self.resolutions = mel, weights, tuple(resolutions)
        self.register_buffer("bank", torch.from_numpy(mel_filterbank(mel)).T.contiguous(), persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        found = [_resolution(estimate, reference, *one) for one in self.resolutions]
        ours, theirs = (self._bands(sound) for sound in (estimate, reference))
        mel = (_db(ours) - _db(theirs)).abs().mean()
        level = (_db(ours.mean(dim=-2)) - _db(theirs.mean(dim=-2))).abs().mean()
        return torch.stack(found).mean() + self.weights.mel * mel + self.weights.level * level

    def mel_db(self, estimate: Tensor, reference: Tensor) -> float:
        """Mean |dB| of mel bands alone."""
        return float((_db(self._bands(estimate)) - _db(self._bands(reference))).abs().mean())

    def _bands(self, sound: Tensor) -> Tensor:
        """Power of mel bands ``[B, frames, n_mels]``."""
        peak = self.mel.n_fft / 4.0
        return (magnitudes(sound, self.mel.n_fft, self.mel.hop, self.mel.n_fft, 0.0) / peak).square() @ self.bank


def magnitudes(sound: Tensor, n_fft: int, hop: int, window: int, least: float = LEAST) -> Tensor:
    """Magnitudes ``[B, frames, bins]`` of sounds ``[B, T]``, never below ``least``."""
    hann = torch.hann_window(window, device=sound.device)
    spectrum = torch.stft(sound, n_fft, hop, window, hann, return_complex=True).transpose(1, 2)
    return torch.sqrt((spectrum.real.square() + spectrum.imag.square()).clamp_min(max(least**2, 1e-16)))


def _resolution(estimate: Tensor, reference: Tensor, n_fft: int, hop: int, window: int) -> Tensor:
    ours, theirs = (magnitudes(sound, n_fft, hop, window) for sound in (estimate, reference))
    each = (ours - theirs).flatten(1).norm(dim=1) / theirs.flatten(1).norm(dim=1)
    return each.mean() + (ours.log() - theirs.log()).abs().mean()


def _db(power: Tensor) -> Tensor:
    return 10.0 * power.clamp_min(_LEAST_POWER).log10()
