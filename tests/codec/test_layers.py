"""Layers: zero latency, causality, and no checkerboard (contract S itself is proved in tests/test_contract_s.py)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from distill_live.codec.config import GRIDS, VQVAEConfig
from distill_live.codec.layers import CausalConv2d, CausalUpsample2d, ChannelNorm, ResidualBlock, StreamingChain
from distill_live.codec.model import VQDecoder, VQEncoder


@pytest.mark.parametrize("ratio", [(2, 2), (4, 2), (8, 1), (1, 4), (1, 1)])
def test_upsampling_gives_every_output_the_same_number_of_taps(ratio: tuple[int, int]) -> None:
    """Trap 4: with equal weights, a flat input must come out flat, away from the borders."""
    up = CausalUpsample2d(1, 1, bands=6, ratio=ratio)
    nn.init.ones_(up.conv.weight)
    nn.init.zeros_(up.conv.bias)
    with torch.no_grad():
        flat = up(torch.ones(1, 1, 6, 6))[0, 0, 2 * ratio[0] : -2 * ratio[0], 2 * ratio[1] :]
    assert float(flat.std()) == 0.0
    assert float(flat[0, 0]) > 0


@pytest.mark.parametrize("grid", GRIDS)
def test_every_upsampling_layer_of_the_decoder_divides_its_kernel_by_its_stride(grid: str) -> None:
    decoder = VQDecoder(VQVAEConfig(grid=GRIDS[grid], channels=8))
    transposed = [m for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert len(transposed) == 4, "three stages and the linear patch"
    for conv in transposed:
        assert all(k % s == 0 or s == 1 for k, s in zip(conv.kernel_size, conv.stride, strict=True)), conv


@pytest.mark.parametrize("make", [VQEncoder, VQDecoder])
@pytest.mark.parametrize("grid", GRIDS)
def test_the_future_changes_nothing_and_the_present_answers_at_once(grid: str, make: type[nn.Module]) -> None:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    torch.manual_seed(0)
    part, columns = make(config).eval(), 6
    rows = config.grid.rows
    shape = (1, 1, 128, 1) if make is VQEncoder else (1, config.codebook_dim, rows, 1)
    x = torch.randn(*shape[:3], columns * part.block)
    changed = x.clone()
    changed[..., 3 * part.block :] += 1.0
    per_column = round(part.time_ratio * part.block)
    with torch.no_grad():
        difference = (part(x) - part(changed)).abs()
    assert float(difference[..., : 3 * per_column].max()) == 0.0
    assert float(difference[..., 3 * per_column : 4 * per_column].max()) > 0.0, (
        "the column itself must answer: latency 0"
    )


def test_partial_columns_are_refused_loudly() -> None:
    encoder = VQEncoder(VQVAEConfig(grid=GRIDS["bands"], channels=8))
    with pytest.raises(AssertionError, match="whole columns of 8"):
        encoder(torch.zeros(1, 1, 128, 12))


def test_a_chain_knows_its_block_its_rate_and_its_past() -> None:
    down = CausalConv2d(1, 4, bands=4, kernel=(4, 4), stride=(2, 2))
    chain = StreamingChain([down, ResidualBlock(4, bands=2), CausalUpsample2d(4, 1, bands=2, ratio=(2, 2))])
    assert (chain.block, chain.time_ratio, chain.state_size) == (2, 1.0, 3)
    assert chain.past == 2 + 2 * 2 + 1 * 2, "2 steps, then 2 and 1 at half the rate"


def test_the_norm_treats_every_time_step_alone() -> None:
    norm, x = ChannelNorm(4), torch.randn(2, 4, 3, 5)
    assert torch.equal(norm(x)[..., 2:3], norm(x[..., 2:3]))
