"""What each event of a take has changed: the take is replayed, and forked just before each event.

Both ways go on, with the event and without it, until the next event or for a while; where they first differ audibly the
event was heard. Knows nothing of clocks or processes. One thread, in a process that is set for the live path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.meter import to_db
from distill_live.cli.bench.heard import RATE, first_difference, heard_at
from distill_live.cli.bench.sender import Message
from distill_live.engine.performance import BLOCK, Performance
from distill_live.engine.take import add_assets, start_of
from distill_live.events import ControlEvent
from distill_live.takelog import Take

LONGEST_S: Final = 1.5  # an event that is not heard by then has changed nothing


@dataclass(frozen=True)
class Change:
    """What one logged event did.

    Attributes:
        frame: the first sample it could change.
        differs, heard: how many samples later the sound differs, and audibly so; None when it does not.
        level_db: of the undisturbed sound from there on, dBFS; None when there is none, or it is not finite.
    """

    frame: int
    differs: int | None
    heard: int | None
    level_db: float | None


def follow(model: Any, take: Take, sent: Sequence[Message]) -> dict[Message, Change]:
    """What each message that reached the log has changed, found by replaying the take with and without it."""
    wanted = match(take.events, sent)
    performance = start_of(take).performance(model)
    add_assets(performance, take)
    events = list(take.events)
    found = {}
    for index, event in enumerate(events):
        while performance.frame < event.frame:
            performance.render_block()
        if index not in wanted:
            performance.apply(event)
            continue
        nearest = min([e.frame for e in events[index + 1 :]] + [event.frame + round(LONGEST_S * RATE)])
        blocks = min(round(LONGEST_S * RATE), nearest - event.frame) // BLOCK
        found[wanted[index]] = _what_changed(performance, event, blocks)
    return found


def _what_changed(performance: Performance, event: ControlEvent, blocks: int) -> Change:
    """Apply one event; the performance is ``blocks`` blocks further afterwards."""
    without = performance.fork()
    performance.apply(event)
    ours = _mono(performance.render_block() for _ in range(blocks))
    theirs = _mono(without.render_block() for _ in range(blocks))
    return Change(event.frame, first_difference(ours, theirs), heard_at(ours, theirs), _level_db(ours, theirs))


def _level_db(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float | None:
    if not len(theirs) or not np.isfinite(ours + theirs).all():
        return None
    rms = np.sqrt(np.square(theirs, dtype=np.float64).mean())
    return round(float(to_db(rms)), 1)


def _mono(blocks: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    pieces = [block[0] for block in blocks]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def match(events: Sequence[ControlEvent], sent: Sequence[Message]) -> dict[int, Message]:
    """Which event of the log (by index) came from which message; the order is the same, some may be missing.

    >>> log = [ControlEvent(0, "/distill/topk", (3,)), ControlEvent(512, "/distill/temperature", (0.1,))]
    >>> match(log, [Message(9.5, "swap", (0, "off", 1.0)), Message(10.0, "temperature", (0.1,))])
    {1: Message(at_s=10.0, path='temperature', args=(0.1,))}
    """
    found: dict[int, Message] = {}
    at = 0
    for message in sent:
        for index in range(at, len(events)):
            if _same(events[index], message):
                found[index] = message
                at = index + 1
                break
    return found


def _same(event: ControlEvent, message: Message) -> bool:
    if event.address != f"/distill/{message.path}" or len(event.args) != len(message.args):
        return False
    return all(
        str(a) == str(b) or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-5)
        for a, b in zip(event.args, message.args, strict=True)
    )
