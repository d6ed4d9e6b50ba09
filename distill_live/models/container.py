"""Tensors and one JSON document in one file: safetensors, read without trust and written without risk.

The reader parses the header itself and believes nothing in it until it has been checked against the file's real
length. The writer never leaves half a file behind. Knows nothing of what the tensors mean: ``file.py`` does, and the
training's checkpoints are the same container. Called from any thread; holds no state.

Layout (safetensors): 8 bytes little-endian header length ``n``, ``n`` bytes of JSON
``{"__metadata__": {str: str}, name: {"dtype", "shape", "data_offsets": [begin, end]}, ...}``, then the data.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from distill_live import home
from distill_live.errors import ModelFileError

Array = NDArray[Any]

DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
MAX_FILE_BYTES: Final = 1 << 31
MAX_HEADER_BYTES: Final = 1 << 26
MAX_TENSORS: Final = 100_000
MAX_DIMS: Final = 8

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_RESTORE: Final = "restore the file from a copy or train again"


@dataclass(frozen=True)
class Contents:
    """What a container holds: its JSON documents, read-only arrays, and the hash that identifies the file."""

    documents: dict[str, str]
    tensors: dict[str, Array]
    sha256: str


class RefusedError(Exception):
    """The reason a file is not believed; ``read_container`` says it with the file's name."""


def read_container(path: Path) -> Contents:
    """Read and check a whole file.

    Raises:
        ModelFileError: when it is missing, empty, cut off, damaged, hostile or of another kind.
    """
    raw = _read_bytes(path)
    try:
        documents, tensors = _parse(raw)
    except RefusedError as reason:
        raise ModelFileError(f"{path} cannot be used: {reason}", fix=_RESTORE) from None
    return Contents(documents, tensors, hashlib.sha256(raw).hexdigest())


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder, not a file", fix="name the file itself")
        if size > MAX_FILE_BYTES:
            raise ModelFileError(f"{path} holds {size} bytes, at most {MAX_FILE_BYTES} can be read", fix=_RESTORE)
        return home.read_whole(path)
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}", fix="check the name, or look at `models list`") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"cannot read {path}: {reason}", fix="check the name and its permissions") from None


def _parse(raw: bytes) -> tuple[dict[str, str], dict[str, Array]]:
    header, data = _header(raw)
    documents = header.pop("__metadata__", {})
    if not isinstance(documents, dict) or not all(isinstance(v, str) for v in documents.values()):
        raise RefusedError("its metadata is not text")
    if len(header) > MAX_TENSORS:
        raise RefusedError(f"it claims {len(header)} tensors")
    entries = [_entry(name, record, len(data)) for name, record in header.items()]
    _check_layout(entries, len(data))
    return documents, {entry.name: entry.array(data) for entry in entries}


def _header(raw: bytes) -> tuple[dict[str, Any], memoryview]:
    if not raw:
        raise RefusedError("it is empty")
    if raw.startswith(_ZIP):
        raise RefusedError("it is a zip archive (perhaps a PyTorch .pt), not a model file")
    if raw[:1] == _PICKLE and raw[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise RefusedError("it is a pickle, which could run any program, so it is not opened")
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or raw[8:9] != b"{":
        raise RefusedError("it is not a safetensors file")
    if length > MAX_HEADER_BYTES:
        raise RefusedError(f"its header claims {length} bytes, at most {MAX_HEADER_BYTES} are allowed")
    if length > len(raw) - 8:
        raise RefusedError("it is cut off inside its header")
    try:
        header = json.loads(raw[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusedError("its header is damaged") from None
    if not isinstance(header, dict):
        raise RefusedError("its header is damaged")
    return header, memoryview(raw)[8 + length :]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands there twice")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int

    def array(self, data: memoryview) -> Array:
        if self.begin == self.end:
            return np.zeros(self.shape, self.dtype)
        return np.frombuffer(data[self.begin : self.end], dtype=self.dtype).reshape(self.shape)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _entry(name: str, record: object, data_bytes: int) -> _Entry:
    """One tensor's record, believed only where it fits the data that is really there."""
    label = repr(name[:60])
    if not isinstance(record, dict) or set(record) != {"dtype", "shape", "data_offsets"}:
        raise RefusedError(f"its tensor {label} has no proper record")
    dtype, shape, offsets = record["dtype"], record["shape"], record["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise RefusedError(f"its tensor {label} has a type that is not allowed")
    if not isinstance(shape, list) or len(shape) > MAX_DIMS or not all(_is_count(n) for n in shape):
        raise RefusedError(f"its tensor {label} has an impossible shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_count(n) for n in offsets):
        raise RefusedError(f"its tensor {label} has impossible offsets")
    begin, end = offsets
    if end > data_bytes:
        raise RefusedError("it is cut off: its header speaks of data that is not there")
    if math.prod(max(n, 1) for n in shape) > MAX_FILE_BYTES or end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise RefusedError(f"the shape of its tensor {label} does not fit its data")
    return _Entry(name, DTYPES[dtype], tuple(shape), begin, end)


def _check_layout(entries: list[_Entry], data_bytes: int) -> None:
    """Tensors lie one behind the other and fill the data exactly: no overlap, no hidden passage."""
    position = 0
    for entry in sorted(entries, key=lambda e: (e.begin, e.end)):
        if entry.begin != position:
            raise RefusedError("its tensors overlap or leave gaps")
        position = entry.end
    if position != data_bytes:
        raise RefusedError("it holds data that its header does not name")


def write_container(path: Path, documents: Mapping[str, str], tensors: Mapping[str, Array]) -> str:
    """Write a file whole or not at all (temporary file beside it, fsync, rename); returns its sha256.

    Raises:
        ModelFileError: when the disk is full or the folder cannot be written; what stood at ``path`` stays.
    """
    for name, array in tensors.items():
        assert array.dtype in DTYPES.values(), f"{name}: {array.dtype} cannot be stored"
    ready = {name: np.array(array, order="C", copy=True) for name, array in tensors.items()}
    raw = save(ready, metadata=dict(documents))
    write_atomic(path, raw)
    return hashlib.sha256(raw).hexdigest()


def write_atomic(path: Path, raw: bytes) -> None:
    """Put ``raw`` at ``path`` whole or not at all.

    Raises:
        ModelFileError: when it cannot be written; what stood at ``path`` before is untouched.
    """
    try:
        home.write_atomic(path, raw)
    except OSError as error:
        raise ModelFileError(
            f"cannot write {path}: {error.strerror or error}", fix="make room or choose another place, and save again"
        ) from None
