"""The user's library from below: where it lies, what a thing in it may be called, and how a file in it is replaced.

Standard library and platformdirs only, so that the bridge, which starts without numpy, stands on the same floor as
the models. Any thread; two programs may use one library at once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from platformdirs import user_data_dir

from distill_live.errors import ParamError, UsageError

HOME_VARIABLE: Final = "DISTILL_HOME"
PIECE_BYTES: Final = 1 << 16  # written or read by one call
LONGEST_NAME: Final = 80  # of what becomes a file name
LONGEST_SOUND_NAME: Final = 128  # a model's sounds keep the names of their recordings

_FORBIDDEN: Final = set('/\\:*?"<>|')
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


def home() -> Path:
    """The folder that holds models, sounds, presets and settings; it need not exist yet."""
    return Path(os.environ.get(HOME_VARIABLE) or user_data_dir("distill-live", appauthor=False))


def check_name(name: str) -> str:
    """The name itself, when it can be one: it becomes a file name on any system.

    Raises:
        UsageError: when it is empty, too long, hidden, or holds something that names a place.

    >>> check_name("night drones")
    'night drones'
    """
    bad = (
        not name.isprintable()
        or not 0 < len(name.encode("utf-8", "replace")) <= LONGEST_NAME
        or set(name) & _FORBIDDEN
        or name != name.strip()
        or name[0] == "."
        or name[-1] == "."
        or name.split(".")[0].lower() in _RESERVED
    )
    if bad:
        raise UsageError(
            f"{name[:90]!r} cannot be a name",
            fix=f"use 1 to {LONGEST_NAME} letters, digits, spaces, - or _, without a dot in front",
        )
    return name


def sound_name(value: object) -> str:
    """The name of a sound, of the model or of the library: never a path.

    A model that learned a folder of folders knows its sounds as ``drums/kick.wav``; such a name is looked up among
    its sounds and is never opened (``check_name`` guards what is).

    Raises:
        ParamError: when it is empty, too long, or looks like a path that leads anywhere.

    >>> sound_name(" bells.flac "), sound_name("drums/kick.wav")
    ('bells.flac', 'drums/kick.wav')
    """
    name = str(value).strip() if isinstance(value, str) else ""
    leads_away = any(part == "" or part[0] == "." for part in name.split("/"))
    if leads_away or len(name) > LONGEST_SOUND_NAME or any(c == "\\" or ord(c) < 32 for c in name):
        raise ParamError(f"{str(value)[:90]!r} is not the name of a sound", fix="/distill/bank/list lists the names")
    return name


def write_atomic(path: Path, raw: bytes) -> None:
    """Put ``raw`` at ``path`` whole or not at all (temporary file beside it, fsync, rename).

    In small pieces: many kernels let nobody in while they copy what one call hands them, not even real time, and a
    checkpoint of 12 MB in one call kept the sound from its core for 40 ms.

    Raises:
        OSError: when it cannot be written; what stood at ``path`` before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb", buffering=0) as file:
            rest = memoryview(raw)
            while rest:
                rest = rest[file.write(rest[:PIECE_BYTES]) :]
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):  # gone after the rename; a folder that vanished took it along
            temporary.unlink()


def read_whole(path: Path) -> bytes:
    """All of a file, in small pieces for the same reason.

    Raises:
        OSError: when it cannot be read.
    """
    return b"".join(pieces_of(path))


def pieces_of(path: Path) -> Iterator[bytes]:
    """The pieces that a file is read in.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
