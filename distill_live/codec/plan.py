"""What encoder and decoder are made of, layer by layer: one list, from which both forms of a network are built.

``model.py`` builds torch modules from it, for training; ``live.py`` builds plain numpy, for playing. Knows nothing of
either, and of no weights. Frozen values: any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from distill_live.codec.config import VQVAEConfig

DB_PER_UNIT: Final = 25.0  # inside the networks a mel is (dB - floor) / 25: 0 is silence, 4 is full scale


@dataclass(frozen=True)
class Conv:
    """A convolution, causal in time, "same" in frequency; ``kernel`` and ``stride`` are ``(frequency, time)``."""

    channels_in: int
    channels_out: int
    bands: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Upsample:
    """A transposed convolution, causal in time; ``ratio`` is ``(frequency, time)``, outputs for one input."""

    channels_in: int
    channels_out: int
    bands: int
    ratio: tuple[int, int]


@dataclass(frozen=True)
class Residual:
    """``x + mix(gelu(causal conv(norm(x))))``."""

    channels: int
    bands: int
    kernel_time: int = 3

    @property
    def conv(self) -> Conv:
        kernel = (3 if self.bands > 1 else 1, self.kernel_time)
        return Conv(self.channels, self.channels, self.bands, kernel)


@dataclass(frozen=True)
class Norm:
    """LayerNorm over channels."""

    channels: int


@dataclass(frozen=True)
class Point:
    """A linear map of the channels, each place on its own."""

    channels_in: int
    channels_out: int


Layer = Conv | Upsample | Residual | Norm | Point


@dataclass(frozen=True)
class Stage:
    """One change of rate: how many bands and frames become one, and into how many channels."""

    bands_in: int
    ratio: tuple[int, int]
    channels: int


def stages(config: VQVAEConfig) -> tuple[Stage, ...]:
    """The changes of rate from mels to latents: 4, 4 and the rest in frequency; 2, 2 and the rest in time.

    >>> [stage.ratio for stage in stages(VQVAEConfig(grid="reference"))]
    [(4, 2), (4, 2), (1, 4)]
    """
    rest = (config.n_mels // config.grid.rows // 16, config.grid.frames_per_column // 4)
    return (
        Stage(config.n_mels, (4, 2), config.channels),
        Stage(config.n_mels // 4, (4, 2), 2 * config.channels),
        Stage(config.n_mels // 16, rest, 5 * config.channels),
    )


def encoder_plan(config: VQVAEConfig) -> tuple[Layer, ...]:
    """Mels ``[1, n_mels, T]`` to latents ``[D, H, W]``."""
    layers: list[Layer] = []
    channels = 1
    for stage in stages(config):
        layers += _down(channels, stage)
        channels = stage.channels
    return (*layers, Norm(channels), Point(channels, config.codebook_dim))


def decoder_plan(config: VQVAEConfig) -> tuple[Layer, ...]:
    """Latents ``[D, H, W]`` to mels ``[1, n_mels, T]``; the last layer is linear, as a log-mel needs it."""
    plan = stages(config)
    channels = plan[-1].channels
    layers: list[Layer] = [Point(config.codebook_dim, channels)]
    for stage, channels_out in zip(reversed(plan), (plan[1].channels, plan[0].channels, 1), strict=True):
        layers += _up(channels, stage, channels_out)
        channels = channels_out
    return tuple(layers)


def patch_shape(config: VQVAEConfig) -> tuple[int, int]:
    """Bands and frames that one latent stands for: what the linear path beside the networks sees."""
    return config.n_mels // config.grid.rows, config.grid.frames_per_column


def _down(channels: int, stage: Stage) -> list[Layer]:
    ratio_f, ratio_t = stage.ratio
    kernel_f = ratio_f if ratio_f == stage.bands_in else 2 * ratio_f if ratio_f > 1 else 3
    kernel = (min(kernel_f, stage.bands_in), 2 * ratio_t)
    norm: list[Layer] = [Norm(channels)] if channels > 1 else []
    conv = Conv(channels, stage.channels, stage.bands_in, kernel, stage.ratio)
    return [*norm, conv, Residual(stage.channels, stage.bands_in // ratio_f)]


def _up(channels: int, stage: Stage, channels_out: int) -> list[Layer]:
    bands = stage.bands_in // stage.ratio[0]
    return [Residual(channels, bands), Norm(channels), Upsample(channels, channels_out, bands, stage.ratio)]
