"""Control events, the take log (JSON lines), and how to read one back.

Contract E: every control change carries the frame from which it can be heard, counted in samples from the take's
first. The log is public, one JSON object a line::

    {"type": "take", "version": 1, "seed": 7, "model": "<sha256>", "sample_rate": 48000, "block": 512, ...}
    {"type": "asset", "sha256": "...", "kind": "codes", ...}          what came in from outside, before its first use
    {"type": "event", "frame": 48128, "address": "/distill/temperature", "args": [0.7], "source": "osc"}
    {"type": "end", "frames": 960000}

The first line holds the whole initial state; addresses are canonical, values already clamped. A log that was cut off
is replayable to its last whole event. Standard library only; a ``TakeWriter`` belongs to one thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from distill_live.errors import TakeError
from distill_live.params import Value

ROOT: Final = "/distill"
TAKE_VERSION: Final = 1
SHORT_IDS: Final = ("temperature", "topk", "topp", "seed", "mix", "bypass")
"""Parameters whose canonical address is ``/distill/<id>``; all others are ``/distill/param/<id>``."""


@dataclass(frozen=True)
class ControlEvent:
    """One control change: what, to which values, from which output sample on, and who asked."""

    frame: int
    address: str
    args: tuple[Value, ...] = ()
    source: str = "osc"

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "event",
            "frame": self.frame,
            "address": self.address,
            "args": list(self.args),
            "source": self.source,
        }


def param_address(param_id: str) -> str:
    """The canonical address of a parameter.

    >>> param_address("temperature"), param_address("level.0.topk")
    ('/distill/temperature', '/distill/param/level.0.topk')
    """
    return f"{ROOT}/{param_id}" if param_id in SHORT_IDS else f"{ROOT}/param/{param_id}"


def param_id_of(address: str) -> str | None:
    """The parameter a canonical address sets, or None for a command such as ``/distill/swap``.

    >>> param_id_of("/distill/topk"), param_id_of("/distill/param/level.0.mute"), param_id_of("/distill/swap")
    ('topk', 'level.0.mute', None)
    """
    if address.startswith(f"{ROOT}/param/"):
        return address.removeprefix(f"{ROOT}/param/")
    tail = address.removeprefix(f"{ROOT}/")
    return tail if tail in SHORT_IDS else None


def set_event(param_id: str, value: Value, source: str, frame: int = 0) -> ControlEvent:
    """The canonical event that sets one parameter."""
    return ControlEvent(frame, param_address(param_id), (value,), source)


@dataclass(frozen=True)
class Take:
    """A take log read back. ``frames`` is None when the log has no end (it was cut off)."""

    header: dict[str, Any]
    events: tuple[ControlEvent, ...]
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: int | None = None


class TakeWriter:
    """Appends a take log line by line; every line is flushed, so a crash loses nothing that was written.

    ``write`` errors (a full disk) are not raised: logging stops, ``failed`` holds the reason, the music goes on.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self.failed: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO | None = path.open("w", encoding="utf-8")
        except OSError as error:
            raise TakeError(f"cannot write the take log {path}: {error.strerror}", fix="choose another place") from None
        self._assets: set[str] = set()
        self._line({"type": "take", "version": TAKE_VERSION, **header})

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        """Store something that came in from outside, once, under its hash."""
        if sha256 not in self._assets:
            self._assets.add(sha256)
            self._line({"type": "asset", "sha256": sha256, **body})

    def event(self, event: ControlEvent) -> None:
        self._line(event.to_json())

    def close(self, frames: int) -> None:
        """Write the end (``frames``: samples rendered) and close."""
        if self._file is None:
            return
        self._line({"type": "end", "frames": frames})
        self._close()

    def _line(self, record: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(record, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
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


def read_take(path: Path) -> Take:
    """Read a take log; a last line that was cut off is dropped.

    Raises:
        TakeError: when there is no log, its first line is not a take's, it is from the future, or a line inside it
            is not what the format says.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TakeError(f"cannot read the take {path}: {reason}", fix="give a .jsonl that `play --log` wrote") from None
    records = list(_records(path, lines))
    if not records or records[0].get("type") != "take":
        raise TakeError(f"{path} is not a take log", fix="give a .jsonl that `play --log` wrote")
    header = records[0]
    version = header.get("version")
    if version != TAKE_VERSION:
        raise TakeError(f"{path} is a take of version {version}, this program reads {TAKE_VERSION}", fix="update it")
    events: list[ControlEvent] = []
    assets: dict[str, dict[str, Any]] = {}
    frames: int | None = None
    for number, record in enumerate(records[1:], 2):
        kind = record.get("type")
        if kind == "event":
            events.append(_event(path, number, record))
        elif kind == "asset":
            assets[str(record.get("sha256"))] = record
        elif kind == "end" and _is_count(record.get("frames")):
            frames = record["frames"]
        else:
            raise TakeError(f"{path}, line {number}: unknown record {kind!r}", fix="restore the log or remove the line")
    return Take(header, tuple(events), assets, frames)


def _records(path: Path, lines: list[str]) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except ValueError:
            if number == len(lines):  # no newline after it: the machine died while writing it
                return
            raise TakeError(f"{path}, line {number} is not a JSON object", fix="restore the log") from None
        yield record


def _event(path: Path, number: int, record: dict[str, Any]) -> ControlEvent:
    frame, address, args = record.get("frame"), record.get("address"), record.get("args", [])
    good_args = isinstance(args, list) and all(
        isinstance(a, (bool, int, str)) or (isinstance(a, float) and math.isfinite(a)) for a in args
    )
    if not (_is_count(frame) and isinstance(address, str) and good_args):
        raise TakeError(f"{path}, line {number} is not an event with frame, address and args", fix="restore the log")
    assert isinstance(frame, int) and isinstance(address, str)
    return ControlEvent(frame, address, tuple(args), str(record.get("source", "log")))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
