"""The library: names for models and sounds, and the folders they stand for.

There is no index that could disagree with the disk: the folder is the index. Everything lives under one home
(``DISTILL_HOME``, else the platform's place for user data)::

    <home>/models/NAME.distill        <home>/sounds/NAME.wav, .flac, ... (encoded sounds: .npz)

Knows nothing of torch. Called from any thread; two programs may use it at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from distill_live.errors import ModelFileError, UnknownNameError, UsageError
from distill_live.home import check_name, home
from distill_live.models.file import SUFFIX, ModelFile, read_model
from distill_live.takelog import LOG_SUFFIX

SOUND_SUFFIXES: Final = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".npz")


def models_folder() -> Path:
    return home() / "models"


def sounds_folder() -> Path:
    return home() / "sounds"


def factory_path() -> Path:
    """The model that is shipped in the package."""
    return Path(__file__).parent.parent / "assets" / f"factory{SUFFIX}"


def place_for(name_or_path: str) -> Path:
    """Where a new model goes: a path when it ends in ``.distill``, else that name in the library."""
    if name_or_path.endswith(SUFFIX):
        return Path(name_or_path).expanduser()
    return models_folder() / f"{check_name(name_or_path)}{SUFFIX}"


def resolve(name_or_path: str | None) -> Path:
    """The file of an existing model: a path when it ends in ``.distill``, a library name else, None the factory's.

    The factory's has its own name too, unless the library has a model of that name.

    Raises:
        ModelFileError: when there is no such file.
        UnknownNameError: when the library has no model of that name.
        UsageError: when it cannot be a name, or is the log of a take.
    """
    if name_or_path is None:
        return _existing(factory_path(), "the factory model is missing", "install distill-live again or train a model")
    if name_or_path.endswith(LOG_SUFFIX):
        raise UsageError(
            f"{name_or_path[-90:]} is the log of a take, not a model", fix="play it with `distill-live replay`"
        )
    if name_or_path.endswith(SUFFIX):
        path = place_for(name_or_path)
        return _existing(path, f"there is no file {path}", "check the path, or look at `distill-live models list`")
    return registered(name_or_path)


def registered(name: str) -> Path:
    """The file of a model of the library, or of the factory's under its own name; a path is never accepted.

    Raises:
        UsageError: when it cannot be a name (a message from the network must not choose a place on the disk).
        UnknownNameError: when there is no such model.
    """
    path = models_folder() / f"{check_name(name.removesuffix(SUFFIX))}{SUFFIX}"
    if path.is_file():
        return path
    if name == factory_path().stem:
        return resolve(None)
    raise UnknownNameError(f"the library has no model {name!r}", fix=_known())


def model_names() -> list[str]:
    """The names ``registered`` accepts, the factory's first; no file is opened."""
    own = [path.stem for path in _files()]
    factory = factory_path().stem
    return own if factory in own or not factory_path().is_file() else [factory, *own]


def _existing(path: Path, problem: str, fix: str) -> Path:
    if not path.is_file():
        raise ModelFileError(problem, fix=fix)
    return path


def _known() -> str:
    if not _files():
        return (
            "use factory, train one with `distill-live train CORPUS --out NAME`, or name a file that ends in .distill"
        )
    return f"use one of {', '.join(model_names()[:20])}, or name a file that ends in .distill"


def _files() -> list[Path]:
    try:
        return sorted(p for p in models_folder().iterdir() if p.suffix == SUFFIX and p.is_file() and p.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelFileError(f"cannot read {models_folder()}: {error.strerror}", fix="check its permissions") from None


@dataclass(frozen=True)
class Listed:
    """One line of the library: ``model`` when the file is good, else ``problem`` says why it is not."""

    name: str
    path: Path
    model: ModelFile | None
    problem: str = ""


def list_models(search: str = "") -> list[Listed]:
    """Every model in the library whose name or corpus holds ``search`` (upper and lower case alike), by name.

    A damaged file is listed with its sentence.

    Raises:
        ModelFileError: when the library's folder itself cannot be read.
    """
    listed = [_listed(path) for path in _files()]
    return [line for line in listed if search.lower() in _searchable(line).lower()]


def _listed(path: Path) -> Listed:
    try:
        return Listed(path.stem, path, read_model(path))
    except ModelFileError as error:
        return Listed(path.stem, path, None, str(error))


def _searchable(line: Listed) -> str:
    corpus = line.model.metadata["training"].get("corpus", "") if line.model else ""
    return f"{line.name} {corpus}"


def rename_model(name: str, new_name: str) -> Path:
    """Give a library model another name; returns its new file.

    Raises:
        UnknownNameError: when there is no such model.
        UsageError: when the new name is taken or cannot be a name.
    """
    old, new = _in_library(name), models_folder() / f"{check_name(new_name)}{SUFFIX}"
    if new.exists():
        raise UsageError(f"the library already has a model {new_name!r}", fix="choose another name or delete it first")
    try:
        os.link(old, new)  # fails when somebody took the name meanwhile, which a rename would overwrite
        old.unlink()
    except FileExistsError:
        raise UsageError(f"the library already has a model {new_name!r}", fix="choose another name") from None
    except OSError:  # a file system without hard links
        _rename(old, new)
    return new


def _rename(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError as error:
        raise ModelFileError(f"cannot rename {old}: {error.strerror}", fix="check its permissions") from None


def delete_model(name: str) -> Path:
    """Remove a library model; returns the file that is gone.

    Raises:
        UnknownNameError: when there is no such model.
        ModelFileError: when it cannot be removed.
    """
    path = _in_library(name)
    try:
        path.unlink()
    except OSError as error:
        raise ModelFileError(f"cannot delete {path}: {error.strerror}", fix="check its permissions") from None
    return path


def _in_library(name: str) -> Path:
    if name.endswith(SUFFIX):
        raise UsageError(f"{name} is a file, not a name in the library", fix="use the name that `models list` shows")
    return resolve(name)


def list_sounds() -> list[str]:
    """The names of the sounds that bank slots can be loaded with."""
    try:
        entries = sorted(sounds_folder().iterdir())
    except OSError:
        return []
    return [p.name for p in entries if p.suffix.lower() in SOUND_SUFFIXES and p.name[0] != "." and p.is_file()]


def sound_path(name: str) -> Path:
    """The file of a library sound, by its name with or without the suffix. A path is never accepted.

    Raises:
        UsageError: when it cannot be a name (a message from the network must not choose a place on the disk).
        UnknownNameError: when the library has no such sound.
    """
    check_name(name)
    for known in list_sounds():
        if name in (known, Path(known).stem):
            return sounds_folder() / known
    names = ", ".join(list_sounds()[:20]) or f"put recordings into {sounds_folder()}"
    raise UnknownNameError(f"the library has no sound {name!r}", fix=f"use one of {names}" if list_sounds() else names)
