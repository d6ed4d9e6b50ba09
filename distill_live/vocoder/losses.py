"""What a learning vocoder is judged by: spectra at several resolutions, mel bands in dB; with a critic, what it hears.

Nothing compares samples: no two sounds of the same mel have the same phases. Pure functions of tensors and modules
without state of their own; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from distill_live.audio.mel import MelConfig, mel_filterbank

RESOLUTIONS: Final = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # transform, hop, window
LEAST: Final = 1e-4  # magnitudes below count as this
_TINY: Final = 1e-8  # a root of 0 has no slope
_LEAST_POWER: Final = 1e-10  # of a mel band: the floor, -100 dB


@dataclass(frozen=True)
class LossWeights:
    """How much each distance counts.

    Attributes:
        mel: of a dB of mel; the STFT part (spectral convergence and log-magnitude) counts 1.
        bins: of a dB of log-spectral distance.
        level: of a dB of the level of a mel band over the whole segment.
        adversarial, features: of the critic's verdict and of the distance of what it hears.
    """

    mel: float = 0.2
    bins: float = 0.05
    level: float = 0.05
    adversarial: float = 0.1
    features: float = 0.2


class SpectralDistance(nn.Module):
    """Distance of sounds ``[B, T]`` from references: a scalar, lower is better.

    The multi-resolution STFT loss (Yamamoto et al., ICASSP 2020) with magnitudes in the scale of ``torch.stft``, plus
    the log-spectral distance and the mean |dB| of mel bands and of their levels over the whole segment.

    >>> distance = SpectralDistance(MelConfig(), LossWeights())
    >>> sound = torch.sin(torch.arange(9600) * 0.05)[None]
    >>> round(float(distance(sound, sound)), 3)
    0.0
    """

    bank: Tensor

    def __init__(self, mel: MelConfig, weights: LossWeights) -> None:
        super().__init__()
        self.mel, self.weights = mel, weights
        self.register_buffer("bank", torch.from_numpy(mel_filterbank(mel)).T.contiguous(), persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        found = [_resolution(estimate, reference, *one) for one in RESOLUTIONS]
        ours, theirs = (self._bins(sound) for sound in (estimate, reference))
        bins = (_db(ours) - _db(theirs)).square().mean(dim=-1).add(_TINY).sqrt().mean()
        ours, theirs = ours @ self.bank, theirs @ self.bank
        mel = (_db(ours) - _db(theirs)).abs().mean()
        level = (_db(ours.mean(dim=-2)) - _db(theirs.mean(dim=-2))).abs().mean()
        weights = self.weights
        return torch.stack(found).mean() + weights.mel * mel + weights.bins * bins + weights.level * level

    def mel_db(self, estimate: Tensor, reference: Tensor) -> float:
        """Mean |dB| of mel bands alone."""
        ours, theirs = (self._bins(sound) @ self.bank for sound in (estimate, reference))
        return float((_db(ours) - _db(theirs)).abs().mean())

    def _bins(self, sound: Tensor) -> Tensor:
        """Power of bins ``[B, frames, bins]`` as the mel sees them, 1.0 for a full-scale sine."""
        peak = self.mel.n_fft / 4.0
        return (magnitudes(sound, self.mel.n_fft, self.mel.hop, self.mel.n_fft, 0.0) / peak).square()


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
