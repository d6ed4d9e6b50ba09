"""What a reconstruction is judged by while training: mels in dB, several poolings, peaks, and linear magnitude.

Pure functions of tensors; any thread.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

SCALES: Final = (1, 2, 4)  # poolings, in bands and in frames: detail, the level of a region, its envelope
LINEAR_WEIGHT_DB: Final = 1.0  # a linear-magnitude error of 100 % weighs as much as an error of 1 dB
PEAK_WEIGHT: Final = 1.0  # an error of 1 dB at the peaks weighs as much as one of 1 dB everywhere
_PEAK_POWER: Final = 0.5  # 0 would count every band the same, 1 by its magnitude: 20 dB below a peak counts a third
_LOUDEST_DB: Final = 20.0  # an untrained decoder may shout; its magnitude must not become infinite


def multi_scale_mel_loss(recon: Tensor, mel: Tensor, scales: tuple[int, ...] = SCALES) -> Tensor:
    """Mean absolute error in dB over several poolings, the same at the peaks, and the relative error of magnitude.

    Each scale averages squares of ``scale`` bands and frames in dB before comparing: an error that alternates in sign
    (noise) shows at scale 1 only, a wrong level at all. A tonal sound is
    a few loud bands above many quiet ones, and the mean would have them smoothed away: ``peak_error`` counts them. The
    linear term cares for the loudest moments.

    Args:
        recon, mel: log-mels in dB, ``[B, 1, n_mels, frames]``.
        scales: poolings; each at most the size of the mel.

    Returns:
        A scalar in dB: the mean over the scales plus ``PEAK_WEIGHT * peak_error`` plus ``LINEAR_WEIGHT_DB`` times
        ``sum |10^(recon/20) - 10^(mel/20)| / sum 10^(mel/20)``.

    >>> silence = torch.full((1, 1, 8, 8), -100.0)
    >>> float(multi_scale_mel_loss(silence, silence))
    0.0
    """
    errors = [
        (functional.avg_pool2d(recon - mel, scale) if scale > 1 else recon - mel).abs().mean() for scale in scales
    ]
    in_db = torch.stack(errors).mean() + PEAK_WEIGHT * peak_error(recon, mel)
    return in_db + LINEAR_WEIGHT_DB * linear_magnitude_error(recon, mel)


def peak_error(recon: Tensor, mel: Tensor) -> Tensor:
    """Mean absolute error in dB, bands weighted by the square root of their magnitude within each frame.

    Every frame counts the same, a quiet one as much as a loud one; a silent one is weighted evenly.

    >>> mel = torch.tensor([-20.0, -60.0]).reshape(1, 1, 2, 1)
    >>> [round(float(peak_error(mel + torch.tensor(e).reshape(1, 1, 2, 1), mel)), 2) for e in ([6.0, 0.0], [0.0, 6.0])]
    [5.45, 0.55]
    """
    weight = 10.0 ** ((mel - mel.amax(dim=-2, keepdim=True)) * (_PEAK_POWER / 20.0))
    return (((recon - mel).abs() * weight).sum(dim=-2) / weight.sum(dim=-2)).mean()


def linear_magnitude_error(recon: Tensor, mel: Tensor) -> Tensor:
    """Absolute error of linear magnitude relative to the magnitude of ``mel``, a scalar."""
    loud, wanted = (10.0 ** (x.clamp_max(_LOUDEST_DB) / 20.0) for x in (recon, mel))
    return (loud - wanted).abs().sum() / wanted.sum()


def vqvae_loss(recon: Tensor, mel: Tensor, commit_loss: Tensor) -> Tensor:
    """What training an RVQ-VAE minimises: the mel loss and the commitment.

    Args:
        recon, mel: as ``multi_scale_mel_loss`` takes them.
        commit_loss: as ``ConvVQVAE`` returns it: already weighted, so it is added as it is.
    """
    return multi_scale_mel_loss(recon, mel) + commit_loss
