"""The ``.vocoder`` file: a learned vocoder by itself, in half precision, believed only after it has been checked.

A container (``container.py``) with one document, ``vocoder``: format, version, kind, ``config`` and ``training``, what
the vocoder learned from. Tensors are float16 ``[...]`` by the names of ``ConvNextVocoder``. Loads no torch. Any thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from distill_live.errors import DistillError, ModelFileError
from distill_live.models.container import Array, Contents, read_container, write_container
from distill_live.vocoder.convnext_live import LiveConvNext
from distill_live.vocoder.convnext_plan import ConvNextConfig

FORMAT: Final = "distill-live/vocoder"
VERSION: Final = 1
KIND: Final = "convnext"
DOCUMENT: Final = "vocoder"
_AGAIN: Final = "restore the file from a copy or train it again with scripts/train_vocoder"
_MEL_RANGES: Final[dict[str, tuple[Any, float, float]]] = {
    "sample_rate": (int, 8000, 192_000),
    "n_fft": (int, 64, 8192),
    "hop": (int, 16, 2048),
    "n_mels": (int, 8, 1024),
    "floor_db": ((int, float), -300.0, -1.0),
}


@dataclass(frozen=True)
class VocoderFile:
    """A vocoder's configuration, its weights as float32, and what it learned from, in plain values."""

    config: ConvNextConfig
    weights: dict[str, Array]
    training: dict[str, Any]
    sha256: str


def save_vocoder(path: Path, config: ConvNextConfig, weights: Mapping[str, Array], training: Mapping[str, Any]) -> str:
    """Write a vocoder whole or not at all, and return its sha256.

    Raises:
        ModelFileError: when it cannot be written, or a weight does not fit into half precision.
    """
    with np.errstate(over="ignore"):  # said below
        halves = {name: np.asarray(array, np.float32).astype(np.float16) for name, array in weights.items()}
    if not all(np.isfinite(array).all() for array in halves.values()):
        raise ModelFileError(f"the vocoder was not saved as {path}: it holds infinite weights", fix="train it again")
    facts = {"format": FORMAT, "version": VERSION, "kind": KIND, "config": config.to_json(), "training": dict(training)}
    return write_container(path, {DOCUMENT: json.dumps(facts)}, halves)


def read_vocoder(path: Path) -> VocoderFile:
    """Read and check a vocoder; whether its weights fit its configuration is found out by building it.

    Raises:
        ModelFileError: when it is missing, damaged, hostile, of another kind or from a later version.
    """
    contents = read_container(path)
    try:
        facts = json.loads(contents.documents[DOCUMENT], parse_constant=_no_number)
        known = (facts["format"], facts["version"], facts["kind"]) == (FORMAT, VERSION, KIND)
        config, training = facts["config"], dict(facts["training"])
    except (KeyError, ValueError, TypeError, RecursionError):
        raise _refused(path, "it is no vocoder") from None
    if not known:
        raise _refused(path, "it is of a kind or version that this program does not know")
    return VocoderFile(_config(path, config), _weights(path, contents), training, contents.sha256)


def load_vocoder(path: Path) -> LiveConvNext:
    """A vocoder, ready to play.

    Raises:
        ModelFileError: see ``read_vocoder``; or its weights do not fit its configuration.
    """
    file = read_vocoder(path)
    try:
        return LiveConvNext(file.config, file.weights)
    except ModelFileError as error:
        raise _refused(path, error.what) from None


def _config(path: Path, values: Any) -> ConvNextConfig:
    names = {field.name for field in fields(ConvNextConfig)}
    if not isinstance(values, dict) or set(values) != names:
        raise _refused(path, "its configuration is incomplete")
    for name, (kind, low, high) in _MEL_RANGES.items():
        value = values[name]
        if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
            raise _refused(path, f"its {name} cannot be {str(value)[:20]}")
    try:
        return ConvNextConfig(**values)
    except DistillError as error:
        raise _refused(path, error.what) from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _weights(path: Path, contents: Contents) -> dict[str, Array]:
    for name, array in contents.tensors.items():
        if array.dtype != np.float16 or not np.isfinite(array).all():
            raise _refused(path, f"its tensor {name[:60]!r} does not hold finite numbers of half precision")
    return {name: array.astype(np.float32) for name, array in contents.tensors.items()}


def _refused(path: Path, reason: str) -> ModelFileError:
    return ModelFileError(f"{path} cannot be used: {reason}", fix=_AGAIN)
