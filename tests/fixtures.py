"""Small real things for the tests of every room: a model file that sounds, made in milliseconds, without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from distill_live.audio.mel import MelConfig
from distill_live.codec.config import VQVAEConfig, grid_named
from distill_live.codec.model import VQDecoder, VQEncoder
from distill_live.models.container import Array
from distill_live.models.file import SavedGrid, new_metadata, save_model
from distill_live.models.playable import Playable, load_playable, vocoder_metadata
from distill_live.prior.network import Prior
from distill_live.prior.recurrent import RecurrentConfig, RecurrentPrior
from distill_live.vocoder.rtisi import RtisiConfig


def tiny_config(levels: int = 3, grid: str = "frames", codebook_size: int = 16) -> VQVAEConfig:
    """A codec that is as small as its grid allows."""
    return VQVAEConfig(grid=grid_named(grid), levels=levels, codebook_size=codebook_size, codebook_dim=8, channels=16)


def tiny_model_file(
    path: Path, seed: int = 0, levels: int = 3, grid: str = "frames", codebook_size: int = 16, sounds: int = 4
) -> Path:
    """Write a randomly initialised model whose codes are loud and differ; the last sound is held out.

    Sound ``n`` is called ``sound-<n>.wav`` and is ``40 + 7 * n`` columns long.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = tiny_config(levels, grid, codebook_size)
        encoder, decoder = VQEncoder(config), VQDecoder(config)
        prior = RecurrentPrior(
            RecurrentConfig(config.grid.rows, levels, codebook_size, hidden=16, layers=1, embedding=8, depth=16)
        )
        books = torch.randn(levels, codebook_size, config.codebook_dim) * 2.0
        _make_audible(decoder)
        torch.nn.init.normal_(prior.biases)  # so that temperature, top-k and top-p have something to choose from
    metadata = new_metadata(config, MelConfig(), prior.config.to_json(), vocoder_metadata(RtisiConfig()))
    weights = model_weights(encoder, decoder, books, prior)
    save_model(path, metadata, weights, _grids(config, seed, sounds))
    return path


def tiny_playable(folder: Path, seed: int = 0, levels: int = 3, grid: str = "frames") -> Playable:
    """The model of :func:`tiny_model_file`, saved below ``folder`` and loaded as a user's would be."""
    return load_playable(tiny_model_file(folder / f"tiny-{seed}-{levels}-{grid}.distill", seed, levels, grid))


def model_weights(
    encoder: VQEncoder, decoder: VQDecoder, books: torch.Tensor, prior: Prior[object]
) -> dict[str, Array]:
    """Networks as the tensors of a model file."""
    parts = {"codec.encoder": encoder, "codec.decoder": decoder, "prior": prior}
    weights = {
        f"{prefix}.{name}": tensor.numpy()
        for prefix, part in parts.items()
        for name, tensor in part.state_dict().items()
    }
    return {**weights, "codebooks": books.numpy()}


def _make_audible(decoder: VQDecoder) -> None:
    """Random weights would decode to silence: lift the last layer to about -45 dB, and make it move."""
    last = decoder.net.layers[-1].conv
    with torch.no_grad():
        last.weight.mul_(4.0)
        last.bias.fill_(2.2)


def _grids(config: VQVAEConfig, seed: int, sounds: int) -> tuple[SavedGrid, ...]:
    rng = np.random.default_rng(seed)
    grids = []
    for n in range(sounds):
        columns = 40 + 7 * n
        codes = rng.integers(0, config.codebook_size, (columns, config.grid.rows, config.levels)).astype(np.int16)
        samples = columns * config.grid.frames_per_column * 512
        grids.append(SavedGrid(f"sound-{n}.wav", codes, held_out=n == sounds - 1, source_samples=samples))
    return tuple(grids)
