"""A codec that begins as another model's: it knows how spectra go before it has heard the new sounds.

Only the networks are taken over; codes are found anew in the new sounds. Training thread.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from distill_live.codec.model import ConvVQVAE
from distill_live.errors import TrainingError
from distill_live.models.file import ModelFile, read_model


def begin_as(model: ConvVQVAE, path: Path) -> None:
    """Give ``model`` the encoder and decoder of a model file.

    Raises:
        ModelFileError: it is no good model file.
        TrainingError: its networks have another shape.
    """
    file = read_model(path)
    ours, theirs = model.config.grid.name, file.codec.grid.name
    if ours != theirs:
        raise _unlike(path, f"its grid is {theirs}, not {ours}", f"train with --grid {theirs}, or without --from")
    _fill(model.encoder, file, "codec.encoder", path)
    _fill(model.decoder, file, "codec.decoder", path)


def _fill(module: nn.Module, file: ModelFile, prefix: str, path: Path) -> None:
    cut = len(prefix) + 1
    weights = {n[cut:]: torch.tensor(array) for n, array in file.tensors.items() if n.startswith(prefix + ".")}
    try:
        module.load_state_dict(weights)
    except RuntimeError:
        raise _unlike(path, "its networks have another shape", "train without --from") from None


def _unlike(path: Path, why: str, fix: str) -> TrainingError:
    return TrainingError(f"{path} cannot be begun from: {why}", fix=fix)
