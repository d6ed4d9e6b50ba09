"""What plays is what was trained: the numpy networks against the torch modules they are made from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from distill_live.activation import gelu
from distill_live.codec.config import GRIDS, VQVAEConfig
from distill_live.codec.live import LiveDecoder
from distill_live.codec.model import VQDecoder, VQEncoder, live_decoder, live_encoder
from distill_live.errors import ModelFileError


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Random weights of which none is zero and no norm the identity."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize("channels", [8, 20])
@pytest.mark.parametrize("grid", list(GRIDS))
def test_the_decoder_that_plays_is_the_one_that_learned(grid: str, channels: int) -> None:
    config = VQVAEConfig(grid=GRIDS[grid], channels=channels)
    trained = lively(VQDecoder(config))
    latents = np.random.default_rng(0).standard_normal((20, config.grid.rows, config.codebook_dim)).astype(np.float32)
    wanted = trained(torch.from_numpy(latents).permute(2, 1, 0)[None])[0, 0].numpy()
    played = live_decoder(trained).forward(latents)
    assert played.shape == wanted.shape == (128, 20 * config.grid.frames_per_column)
    assert np.abs(played - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("channels", [8, 20])
@pytest.mark.parametrize("grid", list(GRIDS))
def test_the_encoder_that_plays_is_the_one_that_learned(grid: str, channels: int) -> None:
    config = VQVAEConfig(grid=GRIDS[grid], channels=channels)
    trained = lively(VQEncoder(config))
    mel = np.random.default_rng(0).uniform(-100, 0, (128, 20 * config.grid.frames_per_column)).astype(np.float32)
    wanted = trained(torch.from_numpy(mel)[None, None])[0].permute(2, 1, 0).numpy()
    found = live_encoder(trained).forward(mel)
    assert found.shape == wanted.shape == (20, config.grid.rows, config.codebook_dim)
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_endless_silence_is_the_latent_zero() -> None:
    config = VQVAEConfig(channels=8)
    encoder = live_encoder(lively(VQEncoder(config)))
    state, silence = encoder.initial_state(), np.full((128, 4), config.floor_db, np.float32)
    for _ in range(10):
        latents, state = encoder.step(silence, state)
        assert not latents.any()


def test_gelu_is_that_of_the_normal_distribution() -> None:
    x = np.linspace(-8.0, 8.0, 4001, dtype=np.float32)
    exact = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2.0)) for v in x.astype(np.float64)])
    assert np.abs(gelu(x) - exact).max() < 1e-6


def test_weights_of_another_size_are_one_sentence() -> None:
    small, large = VQVAEConfig(channels=8), VQVAEConfig(channels=16)
    weights = {name: tensor.numpy() for name, tensor in VQDecoder(small).state_dict().items()}
    with pytest.raises(ModelFileError, match="decoder"):
        LiveDecoder(large, weights)
