"""Looking into a take log that is too long to be read as a whole: an hour under a flood has millions of events.

Pure but for the file that is read; any thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from distill_live.engine.performance import EFFORT, LEAD
from distill_live.events import ControlEvent
from distill_live.takelog import Take, read_take

_MARK: Final = '"/distill/engine/'  # in the line of every event that the engine made itself


def by_the_engine(log: Path) -> list[ControlEvent]:
    """The events by which the engine has helped itself: a longer lead, less work, a stretched block."""
    found = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if _MARK in line and line.endswith("\n"):
                record = json.loads(line)
                found.append(ControlEvent(record["frame"], record["address"], tuple(record["args"]), record["source"]))
    return found


def head_of(log: Path, frames: int, cut: Path) -> Take:
    """The first ``frames`` of a take as a take of its own; ``cut`` is where its log is written."""
    with log.open(encoding="utf-8") as lines, cut.open("w", encoding="utf-8") as out:
        for line in _until(lines, frames):
            out.write(line)
        out.write(json.dumps({"type": "end", "frames": frames}) + "\n")
    return read_take(cut)


def _until(lines: Iterable[str], frames: int) -> Iterator[str]:
    for line in lines:
        record: dict[str, Any] = json.loads(line) if line.endswith("\n") else {"type": "end"}
        if record["type"] == "end" or (record["type"] == "event" and record["frame"] >= frames):
            return
        if record["type"] != "recording":
            yield line


def course(events: Sequence[ControlEvent], address: str, first: int) -> list[tuple[int, int]]:
    """How a whole number went, as (frame, value) whenever it changed.

    >>> course([ControlEvent(512, LEAD, (2560,)), ControlEvent(1024, EFFORT, (1,))], LEAD, 2048)
    [(0, 2048), (512, 2560)]
    """
    return [(0, first), *((event.frame, int(event.args[0])) for event in events if event.address == address)]


def share_above(way: Sequence[tuple[int, int]], value: int, frames: int) -> float:
    """Which share of ``frames`` a course was above a value.

    >>> share_above([(0, 2048), (512, 2560), (768, 2048)], 2048, 1024)
    0.25
    """
    ends = pairwise([*way, (frames, value)])
    return sum(stop - start for (start, now), (stop, _) in ends if now > value) / max(frames, 1)


def largest(way: Sequence[tuple[int, int]]) -> int:
    """The largest value of a course."""
    return max(value for _, value in way)


__all__ = ["EFFORT", "LEAD", "by_the_engine", "course", "head_of", "largest", "share_above"]
