"""The RVQ-VAE: ``VQEncoder`` (mels to latents), ``VQDecoder`` (latents to mels), ``ConvVQVAE`` (both, and a quantiser).

Mels are in dB on the outside and scaled inside. Everything is causal and streams column by column without latency.
Latents are centred on silence: the latent of endless silence is exactly zero, so a stream that begins equals one that
was silent before, and a latent of zeros (every level muted) is the code of silence. Knows nothing of audio or files.
The engine uses encoder and decoder, which do not import ``vector_quantize_pytorch``. Any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_live.codec.codebooks import Codebooks
from distill_live.codec.config import VQVAEConfig
from distill_live.codec.layers import (
    CausalConv2d,
    CausalUpsample2d,
    ChannelNorm,
    ResidualBlock,
    State,
    StreamingChain,
    StreamingLayer,
)
from distill_live.codec.patches import principal_patches
from distill_live.codec.quantizer import QuantizerWrapper

DB_PER_UNIT: Final = 25.0  # inside the networks a mel is (dB - floor) / 25: 0 is silence, 4 is full scale

_FRAMES_AT_ONCE: Final = 2048  # of a long recording; a multiple of every grid's column
_FIRST_SHARE: Final = 0.1  # of the networks' last layers that is left beside a fitted linear codec


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


class VQEncoder(StreamingLayer):
    """Mels in dB, ``[B, 1, n_mels, frames_per_column * n]``, to latents ``[B, D, H, n]``.

    One block is one column; there is no latency.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        channels = 1
        for stage in stages(config):
            layers += _down(channels, stage)
            channels = stage.channels
        layers += [ChannelNorm(channels), nn.Conv2d(channels, config.codebook_dim, 1)]
        self.net = StreamingChain(layers)
        patch = _patch_shape(config)
        self.patch = nn.Conv2d(1, config.codebook_dim, patch, patch, bias=False)
        self.block = config.grid.frames_per_column
        self.past = self.net.past
        self.time_ratio = 1.0 / self.block
        self.state_size = self.net.state_size + 1

    def initial_state(self) -> State:
        """The state after endless silence; its last tensor is what the network answers to silence."""
        columns = -(-self.net.past // self.block) + 1
        silence = self._zeros(1, self.config.n_mels, columns * self.block)
        latents, state = self.net.step(silence, self.net.initial_state())  # the patches of silence are zero
        return (*state, latents[..., -1:])

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert x.shape[-1] % self.block == 0, f"{x.shape[-1]} frames are no whole columns of {self.block}: pad them"
        above_silence = (x - self.config.floor_db) / DB_PER_UNIT
        latents, after = self.net.step(above_silence, state[:-1])
        return self.patch(above_silence) + latents - state[-1], (*after, state[-1])


class VQDecoder(StreamingLayer):
    """Latents ``[B, D, H, n]`` to mels ``[B, 1, n_mels, frames_per_column * n]`` in dB.

    One block is one column; there is no latency.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        plan = stages(config)
        channels = plan[-1].channels
        layers: list[nn.Module] = [nn.Conv2d(config.codebook_dim, channels, 1)]
        for stage, channels_out in zip(reversed(plan), (plan[1].channels, plan[0].channels, 1), strict=True):
            layers += _up(channels, stage, channels_out)  # the last one is linear, as a log-mel needs it
            channels = channels_out
        self.net = StreamingChain(layers)
        patch = _patch_shape(config)
        self.patch = nn.ConvTranspose2d(config.codebook_dim, 1, patch, patch, bias=False)
        self.past = self.net.past
        self.time_ratio = float(config.grid.frames_per_column)
        self.state_size = self.net.state_size

    def initial_state(self) -> State:
        """The state after endless silence (latents of zeros)."""
        silence = self._zeros(self.config.codebook_dim, self.config.grid.rows, self.net.past + 1)
        return self.net.step(silence, self.net.initial_state())[1]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        mel, after = self.net.step(x, state)
        return (mel + self.patch(x)) * DB_PER_UNIT + self.config.floor_db, after


class ConvVQVAE(nn.Module):
    """Encoder, residual quantiser and decoder in one: what is trained.

    Until ``quantizer.initialise`` has seen a corpus, the codebooks hold seeded random vectors: shapes are
    right, codes mean nothing.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VQEncoder(config)
        self.decoder = VQDecoder(config)
        self.quantizer = QuantizerWrapper(config)
        self.quantizer.fill_randomly()

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Through the codes and back.

        Args:
            mel: log-mels in dB, ``[B, 1, n_mels, frames]``, any number of frames.

        Returns:
            ``recon`` of the shape of ``mel``, in dB; ``indices`` int64 ``[B, positions, levels]`` with position
            ``column * rows + row``; ``commit_loss``, a scalar, already weighted (0 in ``eval``).
        """
        latents = self.encoder(self.pad(mel))
        vectors, indices, commit_loss = self.quantizer(to_positions(latents))
        recon = self.decoder(from_positions(vectors, self.config.grid.rows))
        return recon[..., : mel.shape[-1]], indices, commit_loss

    @torch.no_grad()
    def fit_patches(self, mels: Sequence[Tensor]) -> None:
        """Begin as the best linear codec of recordings ``[n_mels, frames]`` in dB; networks add little yet."""
        above_silence = [(mel - self.config.floor_db) / DB_PER_UNIT for mel in mels]
        basis = principal_patches(above_silence, *_patch_shape(self.config), self.config.codebook_dim)
        self.encoder.patch.weight.copy_(basis.components[:, None] / basis.scale)
        self.decoder.patch.weight.copy_(basis.components[:, None] * basis.scale)
        for net in (self.encoder.net, self.decoder.net):
            for parameter in net.layers[-1].parameters():
                parameter.mul_(_FIRST_SHARE)

    def autoencode(self, mel: Tensor) -> Tensor:
        """The reconstruction without quantising: what the first training steps do."""
        return self.decoder(self.encoder(self.pad(mel)))[..., : mel.shape[-1]]

    def pad(self, mel: Tensor) -> Tensor:
        """Whole columns, filled with silence."""
        frames = mel.shape[-1]
        missing = self.config.grid.columns(frames) * self.config.grid.frames_per_column - frames
        return functional.pad(mel, (0, missing), value=self.config.floor_db)

    def codebooks(self) -> Codebooks:
        """The codebooks as the live path uses them."""
        return self.quantizer.codebooks()


@torch.no_grad()
def latents_of_recording(encoder: VQEncoder, mel: Tensor) -> Tensor:
    """Latents ``[W * H, D]`` of a recording ``[n_mels, frames]`` in dB, of any length in little memory.

    The recording streams through the encoder piece by piece; its last column is filled with silence.
    """
    grid, state, found = encoder.config.grid, encoder.initial_state(), []
    missing = grid.columns(mel.shape[-1]) * grid.frames_per_column - mel.shape[-1]
    whole = functional.pad(mel, (0, missing), value=encoder.config.floor_db)
    for piece in whole[None, None].split(_FRAMES_AT_ONCE, dim=-1):
        latents, state = encoder.step(piece, state)
        found.append(to_positions(latents)[0])
    return torch.cat(found)


def to_positions(latents: Tensor) -> Tensor:
    """Latents ``[B, D, H, W]`` as ``[B, W * H, D]``: columns in time order, rows upwards inside them."""
    return latents.permute(0, 3, 2, 1).flatten(1, 2)


def from_positions(vectors: Tensor, rows: int) -> Tensor:
    """The way back: ``[B, W * H, D]`` as ``[B, D, H, W]``."""
    return vectors.unflatten(1, (-1, rows)).permute(0, 3, 2, 1)


def _patch_shape(config: VQVAEConfig) -> tuple[int, int]:
    """Bands and frames that one latent stands for."""
    return config.n_mels // config.grid.rows, config.grid.frames_per_column


def _down(channels: int, stage: Stage) -> list[nn.Module]:
    ratio_f, ratio_t = stage.ratio
    kernel_f = ratio_f if ratio_f == stage.bands_in else 2 * ratio_f if ratio_f > 1 else 3
    kernel = (min(kernel_f, stage.bands_in), 2 * ratio_t)
    conv = CausalConv2d(channels, stage.channels, bands=stage.bands_in, kernel=kernel, stride=stage.ratio)
    norm = [ChannelNorm(channels)] if channels > 1 else []
    return [*norm, conv, ResidualBlock(stage.channels, bands=stage.bands_in // ratio_f)]


def _up(channels: int, stage: Stage, channels_out: int) -> list[nn.Module]:
    bands = stage.bands_in // stage.ratio[0]
    up = CausalUpsample2d(channels, channels_out, bands=bands, ratio=stage.ratio)
    return [ResidualBlock(channels, bands=bands), ChannelNorm(channels), up]
