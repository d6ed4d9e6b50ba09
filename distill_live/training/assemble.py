"""What was learned, put into a model file: the corpus as codes, the weights, and everything that is known of them.

Training thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from distill_live.audio.mel import MelConfig
from distill_live.codec.ceiling import Ceiling
from distill_live.codec.model import ConvVQVAE, live_encoder
from distill_live.models.container import Array
from distill_live.models.file import SavedGrid, new_metadata, save_model
from distill_live.models.playable import CEILING, vocoder_metadata
from distill_live.models.transcode import encode_mel
from distill_live.prior.network import Prior
from distill_live.prior.objective import PriorData
from distill_live.training.material import Material
from distill_live.vocoder.rtisi import RtisiConfig


@dataclass(frozen=True)
class Learned:
    """What is known of the training, for the file's metadata."""

    health: list[dict[str, Any]] = field(default_factory=list)
    curves: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def encode_corpus(model: ConvVQVAE, material: Material, most_frames: int | None = None) -> tuple[SavedGrid, ...]:
    """Every recording as codes; with ``most_frames`` only the first ones, about so much (at least one of each part)."""
    model.eval()
    encoder, books, seen = live_encoder(model.encoder), model.codebooks(), 0
    grids: list[SavedGrid] = []
    for piece in material.pieces:
        if most_frames is not None and seen > most_frames and any(not grid.held_out for grid in grids):
            break
        mel = piece.mel if most_frames is None else piece.mel[:, :most_frames]
        codes = encode_mel(encoder, books, mel)
        grids.append(SavedGrid(piece.name, codes, piece.held_out, min(piece.samples, mel.shape[1] * material.mel.hop)))
        seen += mel.shape[1]
    return tuple(grids)


def prior_data(grids: tuple[SavedGrid, ...]) -> PriorData:
    """The grids as the prior's objective takes them."""
    train = tuple(np.asarray(grid.codes) for grid in grids if not grid.held_out)
    return PriorData(train, tuple(np.asarray(grid.codes) for grid in grids if grid.held_out))


def save_learned(
    path: Path,
    model: ConvVQVAE,
    prior: Prior[Any],
    grids: tuple[SavedGrid, ...],
    ceiling: Ceiling,
    learned: Learned,
) -> str:
    """Write the model file; returns its sha256.

    Raises:
        ModelFileError: when it cannot be written; what stood there stays.
    """
    mel = MelConfig(n_mels=model.config.n_mels, floor_db=model.config.floor_db)
    metadata = new_metadata(model.config, mel, prior.config.to_json(), vocoder_metadata(RtisiConfig()))
    metadata |= {"health": learned.health, "curves": dict(learned.curves), "training": dict(learned.training)}
    weights = {
        **arrays(model.encoder, "codec.encoder"),
        **arrays(model.decoder, "codec.decoder"),
        CEILING: ceiling.to_array(),
        **arrays(prior, "prior"),
        "codebooks": model.codebooks().vectors,
    }
    return save_model(path, metadata, weights, grids)


def arrays(module: nn.Module, prefix: str) -> dict[str, Array]:
    """A module's weights as the tensors of a model file."""
    return {f"{prefix}.{name}": tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
