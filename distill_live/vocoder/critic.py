"""A critic that tells recordings from what a vocoder makes, and what it hears on the way: for training on a GPU.

A discriminator on the log-magnitudes of each of several resolutions (multi-resolution discriminator; Jang et al.,
UnivNet, Interspeech 2021), hinge losses (Lim and Ye, 2017), feature matching (Kumar et al., MelGAN, NeurIPS 2019).
Knows nothing of vocoders. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from distill_live.vocoder.losses import LEAST, RESOLUTIONS, magnitudes

_SLOPE: Final = 0.1  # of the leaky rectifiers
_STRIDES: Final = (1, 2, 2, 2)  # over frequency


@dataclass(frozen=True)
class Hearing:
    """What the critic hears in a batch: per resolution a map of verdicts, and the maps that led to it."""

    verdicts: tuple[Tensor, ...]
    features: tuple[Tensor, ...]


class SpectralCritic(nn.Module):
    """One small convolutional network for each resolution.

    Args:
        channels: maps in each layer.
        resolutions: transform, hop and window of each.

    >>> heard = SpectralCritic(channels=4)(torch.zeros(2, 4800))
    >>> len(heard.verdicts), len(heard.features)
    (3, 12)
    """

    def __init__(self, channels: int = 32, resolutions: Sequence[tuple[int, int, int]] = RESOLUTIONS) -> None:
        super().__init__()
        self.networks = nn.ModuleList(_Network(channels, resolution) for resolution in resolutions)

    def forward(self, sound: Tensor) -> Hearing:
        """Sounds ``[B, T]``."""
        heard = [network(sound) for network in self.networks]
        features = [feature for _, inner in heard for feature in inner]
        return Hearing(tuple(verdict for verdict, _ in heard), tuple(features))


class _Network(nn.Module):
    """What hears one resolution."""

    def __init__(self, channels: int, resolution: tuple[int, int, int]) -> None:
        super().__init__()
        self.resolution = resolution
        channels_in = (1, *(channels for _ in _STRIDES[1:]))
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(before, channels, (3, 9), (1, stride), padding=(1, 4)))
            for before, stride in zip(channels_in, _STRIDES, strict=True)
        )
        self.verdict = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, sound: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Verdicts, and the maps that led to them."""
        x, features = (magnitudes(sound, *self.resolution) / LEAST).log()[:, None], []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        return self.verdict(x), features


def critic_loss(real: Hearing, made: Hearing) -> Tensor:
    """What the critic minimises: recordings above 1, what was made below -1."""
    sides = [
        (1.0 - a).relu().mean() + (1.0 + b).relu().mean() for a, b in zip(real.verdicts, made.verdicts, strict=True)
    ]
    return torch.stack(sides).mean()


def adversarial_loss(made: Hearing) -> Tensor:
    """What a vocoder minimises: everything it makes above 1."""
    return torch.stack([(1.0 - verdict).relu().mean() for verdict in made.verdicts]).mean()


def feature_loss(real: Hearing, made: Hearing) -> Tensor:
    """How differently both are heard, relative to what is heard of recordings."""
    pairs = zip(real.features, made.features, strict=True)
    return torch.stack([(a - b).abs().mean() / a.abs().mean().clamp_min(LEAST) for a, b in pairs]).mean()
