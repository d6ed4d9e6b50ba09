"""What training must remember to go on as if nothing had happened: tensors and a little JSON, never pickle.

A checkpoint is the same container as a model file (``models.container``), checked in the same way before it is
believed, written whole or not at all. Knows nothing of what is trained. Training thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from distill_live.errors import ModelFileError, TrainingError
from distill_live.models.container import read_container, write_container

_DOCUMENT: Final = "checkpoint"


@dataclass(frozen=True)
class Snapshot:
    """The state of a task: tensors, and JSON values beside them."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below ``prefix``, named without it."""
        cut = len(prefix) + 1
        return {name[cut:]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix + ".")}


def save_checkpoint(path: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        ModelFileError: when the disk is full; the checkpoint before stays.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in snapshot.tensors.items()}
    write_container(path, {_DOCUMENT: json.dumps(snapshot.values)}, arrays)


def load_checkpoint(path: Path) -> Snapshot:
    """Read a checkpoint.

    Raises:
        TrainingError: when it is damaged or none.
    """
    try:
        contents = read_container(path)
        values = json.loads(contents.documents[_DOCUMENT])
    except (ModelFileError, KeyError, ValueError) as error:
        raise _unusable(path, str(getattr(error, "what", "it is no checkpoint"))) from None
    if not isinstance(values, dict):
        raise _unusable(path, "it is no checkpoint")
    return Snapshot({name: torch.tensor(array) for name, array in contents.tensors.items()}, values)


def _unusable(path: Path, reason: str) -> TrainingError:
    return TrainingError(f"the checkpoint {path.name} cannot be used: {reason}", fix=f"delete {path.parent} and train")


def module_state(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """A copy of a module's weights, named below ``prefix``."""
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in module.state_dict().items()}


def load_module(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Fill a module.

    Raises:
        TrainingError: when names or shapes differ (a checkpoint of other options).
    """
    try:
        module.load_state_dict(dict(weights))
    except RuntimeError:
        raise TrainingError(
            "the checkpoint is of a model of another shape", fix="train again without --resume"
        ) from None


def optimizer_state(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, as tensors ``prefix.<parameter>.<what>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{number}.{what}": torch.as_tensor(value).detach().clone()
        for number, memory in state.items()
        for what, value in memory.items()
        if value is not None
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The way back; settings such as the learning rate stay those of ``optimizer``."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, what = name.split(".", 1)
        state.setdefault(int(number), {})[what] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
