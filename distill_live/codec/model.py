"""The RVQ-VAE: ``VQEncoder`` (mels to latents), ``VQDecoder`` (latents to mels), ``ConvVQVAE`` (both, and a quantiser).

Mels are in dB on the outside and scaled inside. Everything is causal and streams column by column without latency.
Latents are centred on silence: the latent of endless silence is exactly zero, so a stream that begins equals one that
was silent before, and a latent of zeros (every level muted) is the code of silence. Knows nothing of audio or files.
This is the form that learns; what plays is ``live.py``, numpy built from the same plan. Any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_live.codec import plan
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
from distill_live.codec.live import LiveDecoder, LiveEncoder
from distill_live.codec.patches import principal_patches
from distill_live.codec.plan import DB_PER_UNIT
from distill_live.codec.quantizer import QuantizerWrapper

_FRAMES_AT_ONCE: Final = 2048  # of a long recording; a multiple of every grid's column
_FIRST_SHARE: Final = 0.1  # of the networks' last layers that is left beside a fitted linear codec


class VQEncoder(StreamingLayer):
    """Mels in dB, ``[B, 1, n_mels, frames_per_column * n]``, to latents ``[B, D, H, n]``.

    One block is one column; there is no latency.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.net = StreamingChain(map(_built, plan.encoder_plan(config)))
        patch = plan.patch_shape(config)
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
        self.net = StreamingChain(map(_built, plan.decoder_plan(config)))
        patch = plan.patch_shape(config)
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

    def forward(
        self, mel: Tensor, sources: Tensor | None = None, frozen: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Through the codes and back.

        Args:
            mel: log-mels in dB, ``[B, 1, n_mels, frames]``, any number of frames.
            sources, frozen: as the quantiser takes them.

        Returns:
            ``recon`` of the shape of ``mel``, in dB; ``indices`` int64 ``[B, positions, levels]`` with position
            ``column * rows + row``; ``commit_loss``, a scalar, already weighted (0 in ``eval``).
        """
        latents = self.encoder(self.pad(mel))
        vectors, indices, commit_loss = self.quantizer(to_positions(latents), sources, frozen)
        recon = self.decoder(from_positions(vectors, self.config.grid.rows))
        return recon[..., : mel.shape[-1]], indices, commit_loss

    @torch.no_grad()
    def fit_patches(self, mels: Sequence[Tensor]) -> None:
        """Begin as the best linear codec of recordings ``[n_mels, frames]`` in dB; networks add little yet."""
        above_silence = [(mel - self.config.floor_db) / DB_PER_UNIT for mel in mels]
        basis = principal_patches(above_silence, *plan.patch_shape(self.config), self.config.codebook_dim)
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


def live_encoder(encoder: VQEncoder) -> LiveEncoder:
    """The encoder as it is played, with the weights it has now."""
    return LiveEncoder(encoder.config, _arrays(encoder))


def live_decoder(decoder: VQDecoder) -> LiveDecoder:
    """The decoder as it is played, with the weights it has now."""
    return LiveDecoder(decoder.config, _arrays(decoder))


def _arrays(module: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}


def _built(layer: plan.Layer) -> nn.Module:
    match layer:
        case plan.Conv():
            return CausalConv2d(
                layer.channels_in, layer.channels_out, bands=layer.bands, kernel=layer.kernel, stride=layer.stride
            )
        case plan.Upsample():
            return CausalUpsample2d(layer.channels_in, layer.channels_out, bands=layer.bands, ratio=layer.ratio)
        case plan.Residual():
            return ResidualBlock(layer.channels, bands=layer.bands, kernel_time=layer.kernel_time)
        case plan.Norm():
            return ChannelNorm(layer.channels)
        case plan.Point():
            return nn.Conv2d(layer.channels_in, layer.channels_out, 1)
