"""The shelf of takes: one folder a take, the folder is the index, nothing in it can disagree with the disk.

    <home>/takes/2026-07-25-173206/take.jsonl        what was played (``takelog``)
                                   1-wet.wav         its first recording, as it was heard
                                   1-dry.wav         the same, as it went into the effects
                                   model-<hash>.distill   the models it needs, as they were

Any thread; two programs may use it at once.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import soundfile

from distill_live.audio.digest import SoundDigest
from distill_live.errors import TakeError, UnknownNameError, UsageError
from distill_live.home import check_name, home, pieces_of
from distill_live.takelog import LOG_SUFFIX, Recording, Take, being_written, read_take

LOG: Final = "take.jsonl"
_MODEL: Final = re.compile(r"model-[0-9a-f]{12}\.distill")
_STEM: Final = re.compile(r"\d+-(wet|dry)\.wav")
_READ_AT_ONCE: Final = 48000


def takes_folder() -> Path:
    """Where takes are kept; it need not exist yet."""
    return home() / "takes"


def new_folder(takes: Path, now: datetime.datetime | None = None) -> Path:
    """Make the folder of a new take, named by the time of day: sorted by name is sorted by time.

    Raises:
        TakeError: it cannot be made.

    >>> import tempfile
    >>> takes, now = Path(tempfile.mkdtemp()), datetime.datetime(2026, 7, 25, 17, 32, 6)
    >>> new_folder(takes, now).name, new_folder(takes, now).name
    ('2026-07-25-173206', '2026-07-25-173206-02')
    """
    stamp = (now or datetime.datetime.now()).strftime("%Y-%m-%d-%H%M%S")
    try:
        for name in (stamp, *(f"{stamp}-{n:02d}" for n in range(2, 100))):
            try:
                (takes / name).mkdir(parents=True)
                return takes / name
            except FileExistsError:
                continue
    except OSError as error:
        raise TakeError(f"cannot keep takes in {takes}: {error.strerror}", fix="check its permissions") from None
    raise TakeError(f"{takes} has too many takes of {stamp}", fix="try again in a second")


def store_model(folder: Path, sha256: str, path: Path) -> str:
    """Lay a model beside the log that needs it: while it learns on, or is deleted, its old state is found here.

    A second name for the same file where the disk allows it (it then costs no room), a copy else.

    Args:
        folder: the take's.
        sha256: of the model as it was loaded; a file that has changed since is not stored.
        path: where it lies.

    Returns:
        Why it could not be stored; empty when it was, or was there.
    """
    place = folder / f"model-{sha256[:12]}.distill"
    try:
        if not place.exists():
            _link_or_copy(path, place)
        digest = hashlib.sha256()
        for piece in pieces_of(place):
            digest.update(piece)
        if digest.hexdigest() != sha256:
            place.unlink()
            return f"{path} has changed; this take can only be replayed where its old state still is."
    except OSError as error:
        return f"{path} could not be stored with this take: {error.strerror}."
    return ""


def _link_or_copy(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError:  # another disk, or one without links
        try:
            with place.open("xb", buffering=0) as copy:
                for piece in pieces_of(path):
                    copy.write(piece)
        except OSError:
            place.unlink(missing_ok=True)  # half a model is none
            raise


def stored_models(folder: Path) -> list[Path]:
    """The models that lie beside a log."""
    return sorted(path for path in folder.glob("model-*.distill") if _MODEL.fullmatch(path.name))


def remove_if_bare(folder: Path) -> list[str]:
    """Take away the folder of a take that holds its log and models and nothing else; returns what stood in the way."""
    try:
        files = list(folder.iterdir())
        if all(path.name == LOG or _MODEL.fullmatch(path.name) for path in files):
            _remove(folder, files)
    except OSError as error:
        return [f"the empty take {folder} stays: {error.strerror}."]
    return []


def _remove(folder: Path, files: Sequence[Path]) -> None:
    for path in files:
        path.unlink()
    folder.rmdir()


# ---------------------------------------------------------------------- what there is


@dataclass(frozen=True)
class ListedTake:
    """One line of the shelf: ``take`` when its log is good, else ``problem`` says why it is not.

    Attributes:
        name: of its folder.
        log: the log's place, whether or not there is one.
        when: it was begun.
        state: ``complete``, ``cut off`` (its end is missing), or ``playing`` (some process is writing it now).
    """

    name: str
    log: Path
    when: datetime.datetime
    take: Take | None
    problem: str = ""
    state: str = ""

    @property
    def frames(self) -> int:
        """How long it is, as far as anybody knows."""
        return 0 if self.take is None else known_length(self.take)


def list_takes() -> list[ListedTake]:
    """Every take, the newest first; a damaged one is listed with its sentence.

    Raises:
        TakeError: when the folder itself cannot be read.
    """
    takes = takes_folder()
    try:
        folders = [path for path in takes.iterdir() if path.is_dir() and path.name[0] != "."]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TakeError(f"cannot read {takes}: {error.strerror}", fix="check its permissions") from None
    return sorted(map(_listed, folders), key=lambda line: (line.when, line.name), reverse=True)


def _listed(folder: Path) -> ListedTake:
    log = folder / LOG
    try:
        return describe(log, read_take(log))
    except TakeError as error:
        return ListedTake(folder.name, log, _touched(folder), None, str(error))


def describe(log: Path, take: Take) -> ListedTake:
    """A take that has been read from ``log`` as a line of the list."""
    name = log.parent.name if log.name == LOG else log.name
    state = "complete" if take.frames is not None else "playing" if being_written(log) else "cut off"
    return ListedTake(name, log, _created(take, log.parent), settled(take, log.parent), state=state)


def _created(take: Take, folder: Path) -> datetime.datetime:
    try:
        when = datetime.datetime.fromisoformat(str(take.header.get("created")))
    except ValueError:  # a hand has been at it
        return _touched(folder)
    return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)


def _touched(folder: Path) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(folder.stat().st_mtime, datetime.UTC)
    except OSError:  # somebody has just deleted it
        return datetime.datetime.fromtimestamp(0, datetime.UTC)


def find_take(name_or_path: str) -> Path:
    """The log of an existing take: a log's path, a folder that holds one, or a name on the shelf.

    Raises:
        TakeError: there is nothing at that path.
        UnknownNameError: the shelf has no take of that name.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if (path / LOG).is_file():
        return path / LOG
    if len(path.parts) == 1 and path.suffix != LOG_SUFFIX:
        return shelved(name_or_path) / LOG
    raise TakeError(f"there is no take at {path}", fix="give a log, its folder, or a name that `takes` lists")


def shelved(name: str) -> Path:
    """The folder of a take on the shelf, damaged or not; a path is never accepted.

    Raises:
        UsageError, UnknownNameError: there is none of that name.
    """
    folder = takes_folder() / check_name(name)
    if not folder.is_dir():
        raise UnknownNameError(f"there is no take {name!r}", fix="`distill-live takes` lists them")
    return folder


def delete_take(name: str) -> list[str]:
    """Delete a take of the shelf for good: its log and its stems. Returns the names of other files, which stay.

    Raises:
        UnknownNameError: there is none of that name.
        UsageError: it is being played, or the folder is no take's.
        TakeError: it cannot be deleted.
    """
    folder = shelved(name)
    if being_written(folder / LOG):
        raise UsageError(f"{name} is being played", fix="stop it first")
    try:
        files = sorted(folder.iterdir())
        ours = [path for path in files if path.name == LOG or _MODEL.fullmatch(path.name) or _STEM.fullmatch(path.name)]
        if folder.is_symlink() or (files and not ours):
            raise UsageError(f"{folder} holds no take", fix="delete it yourself if it should go")
        if len(ours) == len(files):
            _remove(folder, ours)
        else:
            for path in ours:
                path.unlink()
    except OSError as error:
        raise TakeError(f"cannot delete {folder}: {error.strerror}", fix="check its permissions") from None
    return [path.name for path in files if path not in ours]


# ---------------------------------------------------------------------- a take that broke off


def known_length(take: Take) -> int:
    """A take's frames; of one that broke off, up to the last thing that is known of it."""
    if take.frames is not None:
        return take.frames
    last = max((event.frame for event in take.events), default=0)
    return max([last, *(r.frame + (r.frames or 0) for r in take.recordings)])


def settled(take: Take, folder: Path) -> Take:
    """The take with what its log could not say any more when it broke off: how long the last recording's file is.

    Args:
        take: as its log says.
        folder: where the log lies.
    """
    return replace(take, recordings=tuple(_settled(recording, folder) for recording in take.recordings))


def _settled(recording: Recording, folder: Path) -> Recording:
    if recording.frames is not None:
        return recording
    wet = folder / recording.wet
    try:
        return replace(recording, frames=int(soundfile.info(wet).frames) if wet.is_file() else 0)
    except (OSError, RuntimeError):  # soundfile's own errors are RuntimeErrors
        return replace(recording, frames=0, problem=f"{wet} cannot be read")


def file_digest(wet: Path) -> str:
    """The digest of a recording's file; empty when it cannot be read."""
    digest = SoundDigest()
    try:
        with soundfile.SoundFile(wet) as file:
            for samples in file.blocks(_READ_AT_ONCE, dtype="float32", always_2d=True):
                digest.update(samples.T)
    except (OSError, RuntimeError):  # soundfile's own errors are RuntimeErrors
        return ""
    return digest.hexdigest
