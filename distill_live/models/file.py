"""The ``.distill`` file: one model complete in one file, believed only after every number in it has been checked.

A container (``container.py``) with one document, ``distill``: the metadata below. It loads no torch, so a library of
models can be listed quickly; whether the weights fit their networks is checked by ``playable.py``, which builds them.
Called from any thread; holds no state.

Metadata (JSON, version 2)::

    format, version, model_type, created, libraries     what wrote it
    codec, mel, prior, vocoder                          every configuration; prior and vocoder name their kind
    level_names                                         coarse to fine
    health, curves, training                            how it learned, for people
    grids: [{"name", "held_out", "samples"}, ...]       what the tensors grid.0 .. grid.<n> are, and the split

Tensors: ``codec.*``, ``codebooks`` float32 ``[Q, K, D]``, ``prior.*``, ``grid.<n>`` int16 ``[W, H, Q]``. The
codec's ``codec.ceiling`` float32 ``[n_mels + 1]`` (``codec/ceiling.py``) is missing in files from before there was one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.mel import MelConfig
from distill_live.codec.config import VQVAEConfig
from distill_live.errors import ModelFileError
from distill_live.models.container import Array, RefusedError, read_container, write_container

FORMAT: Final = "distill-live/model"
VERSION: Final = 2
MODEL_TYPE: Final = "rvqvae+prior"
DOCUMENT: Final = "distill"
SUFFIX: Final = ".distill"

_FIELDS: Final[Mapping[str, type]] = {
    "model_type": str,
    "created": str,
    "libraries": dict,
    "codec": dict,
    "mel": dict,
    "prior": dict,
    "vocoder": dict,
    "level_names": list,
    "health": list,
    "curves": dict,
    "training": dict,
    "grids": list,
}
_TENSOR_KINDS: Final = ("codec.", "prior.", "vocoder.", "grid.", "codebooks")
_RESTORE: Final = "restore the file from a copy or train again"


@dataclass(frozen=True)
class SavedGrid:
    """One recording of the corpus as codes int16 ``[W, H, Q]``; ``held_out`` ones were never trained on."""

    name: str
    codes: NDArray[np.int16]
    held_out: bool
    source_samples: int


@dataclass(frozen=True)
class ModelFile:
    """A model file that has been checked: plain metadata, read-only arrays, and what identifies it in takes."""

    metadata: dict[str, Any]
    tensors: dict[str, Array]
    sha256: str
    codec: VQVAEConfig
    mel: MelConfig
    grids: tuple[SavedGrid, ...]

    @property
    def level_names(self) -> tuple[str, ...]:
        return tuple(self.metadata["level_names"])

    def weights(self, prefix: str) -> dict[str, Array]:
        """The tensors below ``prefix`` (``codec.encoder`` ...), named without it."""
        cut = len(prefix) + 1
        return {name[cut:]: array for name, array in self.tensors.items() if name.startswith(prefix + ".")}


def new_metadata(codec: VQVAEConfig, mel: MelConfig, prior: dict[str, Any], vocoder: dict[str, Any]) -> dict[str, Any]:
    """Metadata that holds every configuration, dated now; ``health``, ``curves`` and ``training`` begin empty."""
    return {
        "model_type": MODEL_TYPE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "libraries": _libraries(),
        "codec": codec.to_json(),
        "mel": asdict(mel),
        "prior": prior,
        "vocoder": vocoder,
        "level_names": list(codec.names),
        "health": [],
        "curves": {},
        "training": {},
    }


def _libraries() -> dict[str, str]:
    versions = {}
    for name in ("distill-live", "torch", "numpy", "safetensors", "vector-quantize-pytorch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # running from a checkout that was not installed
            versions[name] = "not installed"
    return versions


def save_model(
    path: Path, metadata: Mapping[str, Any], weights: Mapping[str, Array], grids: tuple[SavedGrid, ...]
) -> str:
    """Write a model whole or not at all, and return its sha256.

    Args:
        path: where; what stands there stays until the new file is complete on the disk.
        metadata: from :func:`new_metadata`; its ``grids`` are filled in here.
        weights: every tensor except the grids.
        grids: the corpus as codes.

    Raises:
        ModelFileError: when the disk is full, the folder cannot be written, or the weights are not finite.
    """
    listed = [{"name": tidy_name(g.name), "held_out": g.held_out, "samples": g.source_samples} for g in grids]
    document = {"format": FORMAT, "version": VERSION, **metadata, "grids": listed}
    tensors = {**weights, **{f"grid.{n}": grid.codes for n, grid in enumerate(grids)}}
    text = json.dumps(document, allow_nan=False)
    try:
        _interpret(document, tensors)  # never write what could not be read again
    except RefusedError as reason:
        raise ModelFileError(f"the model was not saved as {path}: {reason}", fix="train it again") from None
    return write_container(path, {DOCUMENT: text}, tensors)


def read_model(path: Path) -> ModelFile:
    """Read a model file; every length, shape, range and number in it is checked first.

    Raises:
        ModelFileError: one sentence when it is missing, empty, cut off, damaged, hostile, a file of another kind, or
            from a newer program.
    """
    contents = read_container(path)
    try:
        metadata = _metadata(contents.documents)
        codec, mel, grids = _interpret(metadata, contents.tensors)
    except RefusedError as reason:
        raise ModelFileError(f"{path} cannot be used: {reason}", fix=_RESTORE) from None
    except ModelFileError as error:
        raise ModelFileError(f"{path} cannot be used: {error.what}", fix=error.fix or _RESTORE) from None
    return ModelFile(metadata, contents.tensors, contents.sha256, codec, mel, grids)


def tidy_name(name: str) -> str:
    """A name that any terminal and any file system can show.

    >>> tidy_name("a" + chr(27) + "b.wav")
    'a?b.wav'
    """
    return "".join(c if c.isprintable() else "?" for c in name)[:200] or "?"


def _metadata(documents: Mapping[str, str]) -> dict[str, Any]:
    if DOCUMENT not in documents:
        raise RefusedError("it is a safetensors file of another program")
    try:
        metadata = json.loads(documents[DOCUMENT], parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusedError("its metadata is damaged") from None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise RefusedError("it is a safetensors file of another program")
    found = metadata.get("version")
    if not isinstance(found, int) or isinstance(found, bool) or found < VERSION:
        raise RefusedError(f"it does not say that it is of version {VERSION}")
    if found > VERSION:
        raise ModelFileError(f"it is of version {found}, this program reads {VERSION}", fix="update distill-live")
    for name, kind in _FIELDS.items():
        if not isinstance(metadata.get(name), kind):
            raise RefusedError(f"its metadata has no proper {name}")
    return metadata


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _interpret(
    metadata: Mapping[str, Any], tensors: Mapping[str, Array]
) -> tuple[VQVAEConfig, MelConfig, tuple[SavedGrid, ...]]:
    """The typed parts of a model, once everything in it fits together."""
    codec = VQVAEConfig.from_json(metadata["codec"])
    mel = _mel_config(metadata["mel"])
    if (codec.n_mels, codec.floor_db) != (mel.n_mels, mel.floor_db):
        raise RefusedError("its mel and its codec do not fit each other")
    names = metadata["level_names"]
    if len(names) != codec.levels or not all(_is_name(n) for n in names):
        raise RefusedError(f"its {codec.levels} levels have no proper names")
    for part in ("prior", "vocoder"):
        if not isinstance(metadata[part].get("kind"), str):
            raise RefusedError(f"its {part} does not say of what kind it is")
    _check_tensors(tensors, codec)
    return codec, mel, _grids(metadata["grids"], tensors, codec)


def _mel_config(data: Mapping[str, Any]) -> MelConfig:
    """The mel's configuration; only what the live path can play is accepted."""
    wanted = asdict(MelConfig())
    if set(data) != set(wanted):
        raise RefusedError("its mel configuration has missing or unknown fields")
    for name, value in data.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise RefusedError(f"its mel configuration has a wrong {name}")
        if name not in ("n_mels", "floor_db") and value != wanted[name]:
            raise RefusedError(f"its mel has {name} {value:.12g}, only {wanted[name]} can be played")
    if not isinstance(data["n_mels"], int) or not 16 <= data["n_mels"] <= 1024 or not -300 < data["floor_db"] < 0:
        raise RefusedError("its mel configuration is out of range")
    return MelConfig(n_mels=data["n_mels"], floor_db=float(data["floor_db"]))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _check_tensors(tensors: Mapping[str, Array], codec: VQVAEConfig) -> None:
    for name, array in tensors.items():
        if not name.startswith(_TENSOR_KINDS):
            raise RefusedError(f"it holds an unknown tensor {name[:60]!r}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RefusedError(f"its tensor {name[:60]!r} holds values that are not finite")
    shape = (codec.levels, codec.codebook_size, codec.codebook_dim)
    books = tensors.get("codebooks")
    if books is None or books.shape != shape or books.dtype != np.float32:
        raise RefusedError(f"it has no codebooks of float32 {list(shape)}")


def _grids(listed: list[Any], tensors: Mapping[str, Array], codec: VQVAEConfig) -> tuple[SavedGrid, ...]:
    held = sum(name.startswith("grid.") for name in tensors)
    if held != len(listed):
        raise RefusedError(f"it holds {held} code grids but names {len(listed)}")
    return tuple(_grid(number, record, tensors, codec) for number, record in enumerate(listed))


def _grid(number: int, record: object, tensors: Mapping[str, Array], codec: VQVAEConfig) -> SavedGrid:
    if not isinstance(record, dict) or not _is_name(record.get("name")) or not isinstance(record.get("held_out"), bool):
        raise RefusedError(f"its code grid {number} has no proper name")
    samples, codes = record.get("samples"), tensors.get(f"grid.{number}")
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 0:
        raise RefusedError(f"its code grid {number} has no proper length")
    if codes is None or codes.dtype != np.int16 or codes.ndim != 3:
        raise RefusedError(f"its code grid {number} is missing")
    if codes.shape[1:] != (codec.grid.rows, codec.levels) or not len(codes):
        raise RefusedError(f"its code grid {number} does not fit its codec")
    if int(codes.min()) < 0 or int(codes.max()) >= codec.codebook_size:
        raise RefusedError(f"its code grid {number} holds codes outside 0 to {codec.codebook_size - 1}")
    return SavedGrid(record["name"], codes, record["held_out"], samples)
