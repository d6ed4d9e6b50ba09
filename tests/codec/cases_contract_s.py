"""The codec's streaming processes, for the proof of contract S."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from distill_live.codec.config import GRIDS, VQVAEConfig
from distill_live.codec.layers import CausalConv2d, CausalUpsample2d, ChannelNorm, ResidualBlock, StreamingChain
from distill_live.codec.model import VQDecoder, VQEncoder, live_decoder, live_encoder
from tests.contract_s import StreamingCase

torch.set_num_threads(1)  # as in the live path; two threads on a busy machine are far slower than one


def _noise(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _mel(frames: int) -> Callable[[], Tensor]:
    return lambda: _noise(2, 1, 128, frames)() * 15.0 - 60.0


def _seeded(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make().eval().requires_grad_(False)

    return build


def _encoder(grid: str) -> StreamingCase:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    return StreamingCase(_seeded(lambda: VQEncoder(config)), _mel(12 * config.grid.frames_per_column))


def _decoder(grid: str) -> StreamingCase:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    return StreamingCase(_seeded(lambda: VQDecoder(config)), _noise(2, config.codebook_dim, config.grid.rows, 12))


def _live_encoder(grid: str) -> StreamingCase:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    mel = lambda: _mel(12 * config.grid.frames_per_column)()[0, 0].numpy()  # noqa: E731
    return StreamingCase(lambda: live_encoder(_seeded(lambda: VQEncoder(config))()), mel, in_axis=-1, out_axis=0)


def _live_decoder(grid: str) -> StreamingCase:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    latents = lambda: _noise(12, config.grid.rows, config.codebook_dim)().numpy()  # noqa: E731
    return StreamingCase(lambda: live_decoder(_seeded(lambda: VQDecoder(config))()), latents, in_axis=0, out_axis=-1)


CASES = (
    StreamingCase(_seeded(lambda: CausalConv2d(2, 3, bands=4, kernel=(3, 3))), _noise(2, 2, 4, 16)),
    StreamingCase(_seeded(lambda: CausalConv2d(2, 3, bands=4, kernel=(4, 8), stride=(2, 4))), _noise(2, 2, 4, 48)),
    StreamingCase(_seeded(lambda: CausalConv2d(2, 3, bands=4, kernel=(4, 1), stride=(4, 1))), _noise(2, 2, 4, 16)),
    StreamingCase(_seeded(lambda: CausalUpsample2d(2, 3, bands=4, ratio=(2, 2))), _noise(2, 2, 4, 16)),
    StreamingCase(_seeded(lambda: CausalUpsample2d(2, 3, bands=1, ratio=(8, 1))), _noise(2, 2, 1, 16)),
    StreamingCase(_seeded(lambda: ResidualBlock(4, bands=3)), _noise(2, 4, 3, 16)),
    StreamingCase(
        _seeded(
            lambda: StreamingChain(
                [
                    CausalConv2d(1, 4, bands=4, kernel=(4, 4), stride=(2, 2)),
                    ChannelNorm(4),
                    CausalUpsample2d(4, 1, bands=2, ratio=(2, 2)),
                ]
            )
        ),
        _noise(2, 1, 4, 32),
    ),
    *(_encoder(grid) for grid in GRIDS),
    *(_decoder(grid) for grid in GRIDS),
    *(_live_encoder(grid) for grid in GRIDS),
    *(_live_decoder(grid) for grid in GRIDS),
)
