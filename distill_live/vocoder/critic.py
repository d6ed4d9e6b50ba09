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
        self.resolutions = tuple(resolutions)
        self.networks = nn.ModuleList(_network(channels) for _ in self.resolutions)

    def forward(self, sound: Tensor) -> Hearing:
        """Sounds ``[B, T]``."""
        verdicts, features = [], []
        for resolution, network in zip(self.resolutions, self.networks, strict=True):
            x = (magnitudes(sound, *resolution) / LEAST).log()[:, None]
            *inner, last = network
            for layer in inner:
                x = functional.leaky_relu(layer(x), _SLOPE)
                features.append(x)
            verdicts.append(last(x))
        return Hearing(tuple(verdicts), tuple(features))


def critic_loss(real: Hearing, made: Hearing) -> Tensor:
    """What the critic minimises: recordings above 1, what was made below -1."""
    sides = [(1.0 - a).relu().mean() + (1.0 + b).relu().mean() for a, b in zip(real.verdicts, made.verdicts, strict=True)]
    return torch.stack(sides).mean()


def adversarial_loss(made: Hearing) -> Tensor:
    """What a vocoder minimises: everything it makes above 1."""
    return torch.stack([(1.0 - verdict).relu().mean() for verdict in made.verdicts]).mean()


def feature_loss(real: Hearing, made: Hearing) -> Tensor:
    """How differently both are heard, relative to what is heard of recordings."""
    pairs = zip(real.features, made.features, strict=True)
    return torch.stack([(a - b).abs().mean() / a.abs().mean().clamp_min(LEAST) for a, b in pairs]).mean()


def _network(channels: int) -> nn.ModuleList:
    layers, channels_in = [], 1
    for stride in _STRIDES:
        layers.append(nn.Conv2d(channels_in, channels, (3, 9), (1, stride), padding=(1, 4)))
        channels_in = channels
    layers.append(nn.Conv2d(channels, 1, 3, padding=1))
    return nn.ModuleList(nn.utils.parametrizations.weight_norm(layer) for layer in layers)
