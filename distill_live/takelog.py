"""The take log: what it says, how it is written while playing, and how it is read back (contract E).

It is public, one JSON object a line; frames are samples, counted from the take's first::

    {"type": "take", "version": 1, "seed": 7, "model": "<sha256>", "sample_rate": 48000, "block": 512, ...}
    {"type": "asset", "sha256": "...", "kind": "codes", ...}          what came in from outside, before its first use
    {"type": "model", "sha256": "...", "name": "...", "path": "..."}  another model, before the take crosses into it
    {"type": "event", "frame": 48128, "address": "/distill/temperature", "args": [0.7], "source": "osc"}
    {"type": "recording", "number": 1, "frame": 48128, "wet": "1-wet.wav", "dry": "1-dry.wav"}
    {"type": "recording", "number": 1, "frame": 48128, "frames": 96256, "sha256": "...", "wet": ..., "dry": ...}
    {"type": "end", "frames": 960000, "sha256": "..."}

The first line holds the whole initial state; addresses are canonical, values already clamped. A recording is written
twice, when it begins and when it is over; the second line counts. The digest of a stretch of sound is the SHA-256 of
its samples as a WAV file holds them (``audio.digest``). ``docs/takes.md`` is this format for people.

A log that was cut off is replayable to its last whole event. Standard library only; a ``TakeWriter`` belongs to one
thread.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from distill_live.errors import TakeError
from distill_live.events import ControlEvent

if sys.platform != "win32":
    import fcntl

VERSION: Final = 1
LOG_SUFFIX: Final = ".jsonl"
MOST: Final = 2**53  # the largest count that every reader of JSON keeps exactly

_ENCODER: Final = json.JSONEncoder(allow_nan=False)
_GIVE: Final = f"give a {LOG_SUFFIX} that `play --log` wrote, or a name that `takes` lists"
_RESTORE: Final = "restore the log, or remove the line"


@dataclass(frozen=True)
class ModelNote:
    """Where a model lay when the take was played; what identifies it is its hash."""

    name: str
    path: str


@dataclass(frozen=True)
class Recording:
    """A stretch of a take that was recorded.

    Attributes:
        number: 1 for the take's first.
        frame: the take's sample that its files begin with.
        wet: the file of what was heard, as seen from the log's folder.
        dry: the file of what went into the effects; empty for none.
        frames: how long; None when the take broke off while recording.
        sha256: digest of the wet samples; empty when it is not known.
        problem: why it ended early or has a gap; empty when all is well.
    """

    number: int
    frame: int
    wet: str
    dry: str = ""
    frames: int | None = None
    sha256: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The log's line, without what is empty."""
        said = {"frames": self.frames, "sha256": self.sha256, "wet": self.wet, "dry": self.dry, "problem": self.problem}
        kept = {name: value for name, value in said.items() if value is not None and value != ""}
        return {"type": "recording", "number": self.number, "frame": self.frame, **kept}


@dataclass(frozen=True)
class Take:
    """A take log read back.

    Attributes:
        header: the first line.
        events: in the order of their frames; those of one frame as the log has them.
        assets: what came in from outside, by hash.
        frames: the take's length; None when the log has no end (it was cut off).
        models: where the models lay that it crossed into, by hash.
        recordings: what was recorded, in order.
        sha256: digest of the whole sound as it was played; empty when it is not known.
    """

    header: dict[str, Any]
    events: tuple[ControlEvent, ...]
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: int | None = None
    models: dict[str, ModelNote] = field(default_factory=dict)
    recordings: tuple[Recording, ...] = ()
    sha256: str = ""


def as_line(record: dict[str, Any]) -> str:
    """A line of a log; one text may go to several logs.

    Raises:
        ValueError: NaN or infinity.

    >>> as_line({"type": "end", "frames": 512})
    '{"type": "end", "frames": 512}\\n'
    """
    return _ENCODER.encode(record) + "\n"


class TakeWriter:
    """Appends a take log line by line; every line is flushed, so a crash loses nothing that was written.

    With ``patient`` lines wait for ``flush``: many at once are one call into the system, during which (and after which)
    no other thread has to wait for the interpreter's lock a hundred times.

    ``write`` errors (a full disk) are not raised: logging stops, ``failed`` holds the reason, the music goes on.

    Raises:
        TakeError: on construction only, when the file cannot be made.
    """

    def __init__(self, path: Path, header: dict[str, Any], patient: bool = False) -> None:
        self.path = path
        self._patient = patient
        self.failed: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO | None = path.open("w", encoding="utf-8")
        except OSError as error:
            raise TakeError(f"cannot write the take log {path}: {error.strerror}", fix="choose another place") from None
        _claim(self._file)
        self._known: set[str] = set()
        self.line(as_line({"type": "take", "version": VERSION, **header}))
        self.flush()

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        """Store something that came in from outside, once, under its hash."""
        self._once(sha256, {"type": "asset", "sha256": sha256, **body})

    def model(self, sha256: str, note: ModelNote) -> None:
        """Say where a model lies that the take crosses into, once."""
        self._once(sha256, {"type": "model", "sha256": sha256, "name": note.name, "path": note.path})

    def event(self, event: ControlEvent) -> None:
        self.line(as_line(event.to_json()))

    def line(self, text: str) -> None:
        """Append what ``as_line`` made."""
        if self._file is None:
            return
        try:
            self._file.write(text)
        except OSError as error:
            self._stop(error)
            return
        if not self._patient:
            self.flush()

    def recording(self, recording: Recording) -> None:
        """Say that a recording has begun, or (with its ``frames``) that it is over."""
        self.line(as_line(recording.to_json()))

    def flush(self) -> None:
        """Write what waits."""
        if self._file is None:
            return
        try:
            self._file.flush()
        except OSError as error:
            self._stop(error)

    def close(self, frames: int, sha256: str = "") -> None:
        """Write the end (``frames``: samples rendered; ``sha256``: their digest, where it is known) and close."""
        self.line(as_line({"type": "end", "frames": frames, **({"sha256": sha256} if sha256 else {})}))
        self._close()

    def _once(self, sha256: str, record: dict[str, Any]) -> None:
        if sha256 not in self._known:
            self._known.add(sha256)
            self.line(as_line(record))

    def _stop(self, error: OSError) -> None:
        self.failed = f"the take log {self.path} stops here: {error.strerror}"
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:  # a full disk can say so once more while closing
            self.failed = self.failed or f"the take log {self.path} is incomplete: {error.strerror}"


def _claim(file: TextIO) -> None:
    """Mark a log as being written; the system takes the mark off when the process ends, however it ends."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # a file system without locks: the log looks cut off until it has its end
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def being_written(path: Path) -> bool:
    """Whether some process is writing this log now (always False where the system cannot tell)."""
    if sys.platform != "win32":
        try:
            with path.open("rb") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # there is no such log, or nobody can tell
            return False
    return False


def write_take(path: Path, take: Take) -> None:
    """Write a whole take as a log.

    Raises:
        TakeError: it cannot be written to its end.
    """
    writer = TakeWriter(path, take.header)
    for sha256, note in take.models.items():
        writer.model(sha256, note)
    for sha256, body in take.assets.items():
        writer.asset(sha256, body)
    for event in take.events:
        writer.event(event)
    for recording in take.recordings:
        writer.recording(recording)
    if take.frames is not None:
        writer.close(take.frames, take.sha256)
    if writer.failed:
        raise TakeError(writer.failed, fix="make room on the disk")


def read_take(path: Path) -> Take:
    """Read a take log; a last line that was cut off is dropped, events are put in the order of their frames.

    Raises:
        TakeError: when there is no log, its first line is not a take's, it is from the future, or a line inside it
            is not what the format says.
    """
    records = _records(path, _raw(path))
    header = _header(path, next(records, (1, {}))[1])
    reading = _Reading(path)
    for number, record in records:
        reading.add(number, record)
    return reading.take(header)


def _raw(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)  # some editors put it there
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TakeError(f"cannot read the take {path}: {reason}", fix=_GIVE) from None


def _records(path: Path, raw: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"), parse_float=_finite, parse_constant=_finite)
            if not isinstance(record, dict):
                raise ValueError
        except (ValueError, RecursionError):
            if number == len(lines):  # no newline after it: the machine died while writing it
                return
            if number == 1:
                raise TakeError(f"{path} is not a take log", fix=_GIVE) from None
            raise TakeError(f"{path}, line {number} is not a JSON object", fix=_RESTORE) from None
        yield number, record


def _finite(text: str) -> float:
    """Numbers as JSON has them: neither NaN nor anything too large to be one."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _header(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    if record.get("type") != "take":
        raise TakeError(f"{path} is not a take log", fix=_GIVE)
    version = record.get("version")
    if version != VERSION or isinstance(version, bool):
        raise TakeError(
            f"{path} is a take of version {str(version)[:20]!r}, this program reads {VERSION}",
            fix="update distill-live",
        )
    return record


class _Reading:
    """A log's lines after the first, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[ControlEvent] = []
        self.assets: dict[str, dict[str, Any]] = {}
        self.models: dict[str, ModelNote] = {}
        self.recordings: dict[int, Recording] = {}
        self.frames: int | None = None
        self.sha256 = ""

    def add(self, number: int, record: dict[str, Any]) -> None:
        """Take in one line, or say which it is and what is wrong with it."""
        kind = record.get("type")
        add = self._KINDS.get(kind) if isinstance(kind, str) else None
        if add is None:
            raise TakeError(f"{self.path}, line {number}: unknown record {str(kind)[:40]!r}", fix=_RESTORE)
        if self.frames is not None:
            raise TakeError(f"{self.path}, line {number} comes after the end", fix="move it up, or remove it")
        try:
            add(self, record)
        except ValueError as wanted:
            raise TakeError(f"{self.path}, line {number} is not {wanted}", fix=_RESTORE) from None

    def take(self, header: dict[str, Any]) -> Take:
        """Everything together."""
        events = sorted(self.events, key=lambda event: event.frame)
        recordings = tuple(self.recordings[number] for number in sorted(self.recordings))
        return Take(header, tuple(events), self.assets, self.frames, self.models, recordings, self.sha256)

    def _event(self, record: dict[str, Any]) -> None:
        frame, address, args = record.get("frame"), record.get("address"), record.get("args", [])
        good = _is_count(frame) and isinstance(address, str) and isinstance(args, list) and all(map(_is_value, args))
        _require(good, "an event with frame, address and args")
        self.events.append(ControlEvent(frame, address, tuple(args), str(record.get("source", "log"))))  # type: ignore[arg-type]

    def _asset(self, record: dict[str, Any]) -> None:
        _require(_is_text(record.get("sha256")), "an asset with its sha256")
        self.assets[record["sha256"]] = record

    def _model(self, record: dict[str, Any]) -> None:
        sha256, name, path = record.get("sha256"), record.get("name", ""), record.get("path", "")
        good = _is_text(sha256) and isinstance(name, str) and isinstance(path, str)
        _require(good, "a model with sha256, name and path")
        self.models[record["sha256"]] = ModelNote(name, path)

    def _recording(self, record: dict[str, Any]) -> None:
        made = {name: record[name] for name in Recording.__dataclass_fields__ if name in record}
        good = (
            all(_is_count(made.get(name)) for name in ("number", "frame"))
            and made["number"] > 0
            and _is_text(made.get("wet"))
            and all(isinstance(made.get(name, ""), str) for name in ("dry", "sha256", "problem"))
            and ("frames" not in made or _is_count(made["frames"]))
        )
        _require(good, "a recording with number, frame and wet")
        self.recordings[record["number"]] = Recording(**made)

    def _end(self, record: dict[str, Any]) -> None:
        sha256 = record.get("sha256", "")
        _require(_is_count(record.get("frames")) and isinstance(sha256, str), "an end with frames")
        self.frames, self.sha256 = record["frames"], sha256

    _KINDS: Final[dict[str, Callable[[_Reading, dict[str, Any]], None]]] = {
        "event": _event,
        "asset": _asset,
        "model": _model,
        "recording": _recording,
        "end": _end,
    }


def _require(good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(wanted)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _is_value(value: object) -> bool:
    return isinstance(value, (bool, str, float)) or (isinstance(value, int) and abs(value) <= MOST)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
