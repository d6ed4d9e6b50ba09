"""Where presets lie, how they are listed and counted. There is no index: the folders are the index::

    <home>/presets/NAME.toml          the user's own        distill_live/assets/presets/NAME.toml     the factory's

A preset is known by the name of its file. The factory's are read-only; one of the user's of the same name hides it.
Its place (for MIDI programs) is its ``number``; presets without one fill the free places in alphabetical order. Reads
and writes files: for threads that may wait a little. Two programs may use the folders at once.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Final

from distill_live.errors import PresetError, UnknownNameError, UsageError
from distill_live.home import check_name, home, write_atomic
from distill_live.params import Registry
from distill_live.presets.preset import Preset
from distill_live.presets.text import Heading, ReadPreset, format_preset, parse_document, preset_of, read_heading

SUFFIX: Final = ".toml"
MAX_PRESET_BYTES: Final = 65_536
MOST_PRESETS: Final = 512  # of one folder: a message from the network must not fill the disk
NO_HEADING: Final = Heading()


@dataclass(frozen=True)
class Listed:
    """One line of the list; ``problem`` says what is wrong with its file."""

    name: str
    path: Path
    factory: bool
    place: int = 0
    heading: Heading = NO_HEADING
    problem: str = ""

    @property
    def whose(self) -> str:
        return "factory" if self.factory else "own"


def own_folder() -> Path:
    return home() / "presets"


def factory_folder() -> Path:
    """The presets that are shipped in the package."""
    return Path(__file__).parent.parent / "assets" / "presets"


def list_presets() -> list[Listed]:
    """Every preset in alphabetical order, each with its place. A damaged one is listed with its sentence.

    Raises:
        PresetError: the user's folder cannot be read.
    """
    found = {path.stem: Listed(path.stem, path, True) for path in _files(factory_folder())}
    found |= {path.stem: Listed(path.stem, path, False) for path in _files(own_folder())}
    return placed([_with_heading(line) for line in sorted(found.values(), key=lambda line: _order(line.name))])


def placed(lines: Sequence[Listed]) -> list[Listed]:
    """The lines with their places: first those with a number (the user's before the factory's), then the others."""
    places: dict[int, str] = {}
    numbered = [line for line in lines if line.heading.number is not None]
    for line in sorted(numbered, key=lambda line: line.factory):
        places.setdefault(line.heading.number or 0, line.name)
    taken = set(places.values())
    free = (place for place in count(1) if place not in places)
    for line in lines:
        if line.name not in taken:
            places[next(free)] = line.name
    place_of = {name: place for place, name in places.items()}
    return [replace(line, place=place_of[line.name]) for line in lines]


def find_preset(wanted: str | int) -> Listed:
    """A preset by name (capitals do not matter where only one is meant), or by its place.

    Raises:
        UnknownNameError: there is no such preset.
        UsageError: it cannot be a name.
    """
    lines = list_presets()
    named = _by_name(check_name(wanted), lines) if isinstance(wanted, str) else None
    if named is not None:
        return named
    place = int(wanted) if not isinstance(wanted, str) or wanted.isdecimal() else 0
    for line in lines:
        if line.place == place:
            return line
    shown = f"no preset has the place {wanted}" if isinstance(wanted, int) else f"there is no preset {wanted!r}"
    raise UnknownNameError(shown, fix=_known(lines))


def neighbours(name: str, step: int) -> list[Listed]:
    """All presets in alphabetical order (``step`` 1) or against it (-1), the one after ``name`` first, round the end.

    ``name`` need not exist; "" stands before the first and behind the last.
    """
    lines = list_presets()
    names = [_order(line.name) for line in lines]
    if step > 0:
        first = bisect.bisect_right(names, _order(name)) if name else 0
        return lines[first:] + lines[:first]
    first = bisect.bisect_left(names, _order(name)) if name else len(lines)
    return (lines[first:] + lines[:first])[::-1]


def read_preset(wanted: str | int, registry: Registry) -> ReadPreset:
    """A preset by name or place. By its exact name no list is made: a morph asks sixty times a second.

    Raises:
        UnknownNameError: there is none. PresetError: it cannot be read, or is damaged.
    """
    if isinstance(wanted, str):
        for folder in (own_folder(), factory_folder()):
            path = folder / f"{check_name(wanted)}{SUFFIX}"
            if path.is_file():
                return preset_of(_document(path), registry, wanted)
    return read_listed(find_preset(wanted), registry)


def read_listed(line: Listed, registry: Registry) -> ReadPreset:
    """The preset of a line.

    Raises:
        PresetError: it cannot be read, or is damaged.
    """
    return preset_of(_document(line.path), registry, line.name)


def save_preset(preset: Preset, registry: Registry) -> Path:
    """Write a preset under its name into the user's folder, in place of one that has it; returns its file.

    Raises:
        UsageError: it cannot be a name, or is the factory's.
        PresetError: it cannot be written.
    """
    path = own_folder() / f"{check_name(preset.name)}{SUFFIX}"
    if not path.exists():
        _check_new(preset.name)
    try:
        write_atomic(path, format_preset(preset, registry).encode())
    except OSError as error:
        raise PresetError(f"cannot write {path}: {error.strerror or error}", fix="make room, and save again") from None
    return path


def delete_preset(name: str) -> Path:
    """Remove one of the user's presets; returns the file that is gone.

    Raises:
        UnknownNameError: there is none. UsageError: it is the factory's. PresetError: it cannot be removed.
    """
    line = find_preset(name)
    if line.factory:
        raise UsageError(f"{line.name} is a factory preset and stays", fix="only your own can be deleted")
    try:
        line.path.unlink()
    except OSError as error:
        raise PresetError(f"cannot delete {line.path}: {error.strerror}", fix="check its permissions") from None
    return line.path


def _by_name(name: str, lines: Sequence[Listed]) -> Listed | None:
    exact = [line for line in lines if line.name == name]
    alike = exact or [line for line in lines if line.name.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _check_new(name: str) -> None:
    if any(path.stem.casefold() == name.casefold() for path in _files(factory_folder())):
        raise UsageError(f"{name} is a factory preset and stays as it is", fix="save under another name")
    if len(_files(own_folder())) >= MOST_PRESETS:
        raise PresetError(f"there are {MOST_PRESETS} presets already", fix="delete one first")


def _known(lines: Sequence[Listed]) -> str:
    names = [line.name for line in lines]
    if not names:
        return "save one first"
    return f"use {', '.join(names[:8])}{' ... (`distill-live presets` lists them)' if len(names) > 8 else ''}"


def _files(folder: Path) -> list[Path]:
    """The presets of a folder: what could not be asked for by name is left alone."""
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix == SUFFIX and p.is_file() and _can_be_named(p.stem))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PresetError(f"cannot read {folder}: {error.strerror}", fix="check its permissions") from None
    return paths[:MOST_PRESETS]


def _can_be_named(stem: str) -> bool:
    try:
        return bool(check_name(stem))
    except UsageError:
        return False


def _with_heading(line: Listed) -> Listed:
    try:
        return replace(line, heading=read_heading(_document(line.path), line.name))
    except PresetError as error:
        return replace(line, problem=str(error))


def _document(path: Path) -> dict[str, Any]:
    """The table a file holds, as it is on the disk now.

    Raises:
        PresetError: it is gone, too large, no text or no preset.
    """
    try:
        stat = path.stat()
        return _read(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PresetError(f"cannot read the preset {path.stem}: {reason}", fix="correct or delete it") from None


@lru_cache(maxsize=2 * MOST_PRESETS)
def _read(path: Path, stamp: tuple[int, int, int]) -> dict[str, Any]:
    """Kept by inode, time and size: a morph reads two files sixty times a second. Nobody may change the table."""
    if (size := stamp[2]) > MAX_PRESET_BYTES:
        raise PresetError(f"{path.stem} has {size} bytes", fix=f"a preset has at most {MAX_PRESET_BYTES}")
    return parse_document(path.read_text(encoding="utf-8"), path.stem)


def _order(name: str) -> tuple[str, str]:
    """Alphabetical, capitals or not; names that differ in nothing else keep a fixed order."""
    return name.casefold(), name
