"""What each event of a take has changed: the take is replayed, and forked just before each event.

Both ways go on, with the event and without it, until the change is heard, the next event comes, or for a while. Knows
nothing of clocks or processes. One thread, in a process that is set for the live path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.meter import to_db
from distill_live.cli.bench.heard import LEVEL_SAMPLES, RATE, first_difference, heard_at
from distill_live.cli.bench.sender import Message
from distill_live.engine.performance import BLOCK, LEAD, Performance
from distill_live.engine.replay import length_of, performance_of
from distill_live.events import ControlEvent
from distill_live.takelog import Take

LONGEST_S: Final = 1.5  # an event that is not heard by then has changed nothing
AT_ONCE: Final = 24  # blocks, a quarter of a second, after which it is asked whether the change was heard
MOST_LOST: Final = 4  # events of others, or lost messages, in a row; the same message comes again later than that
NOT_SENT: Final = ("engine", "input")  # sources of events that came by no hand

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """What one logged event did.

    Attributes:
        frame: the first sample it could change.
        differs, heard: how many samples later the sound differs, and audibly so; None when it does not.
        level_db: of the undisturbed sound from there on, dBFS; None when there is none, or it is not finite.
        lead: frames the ring was kept filled with then.
        effects: samples that the effects hold every sound back.
    """

    frame: int
    differs: int | None
    heard: int | None
    level_db: float | None
    lead: int = 0
    effects: int = 0


@dataclass(frozen=True)
class Followed:
    """A take that was replayed.

    Attributes:
        changes: what each message that reached the log has changed.
        sound: the whole replay, ``[T, 2]``.
    """

    changes: dict[Message, Change]
    sound: Sound


def follow(model: Any, take: Take, sent: Sequence[Message], lead: int = 0) -> Followed:
    """Replay a take and find what each message has changed. ``lead``: what the take began with."""
    return _Following(performance_of(model, take), take, lead).follow(sent)


class _Following:
    """One take being replayed with and without its events."""

    def __init__(self, performance: Performance, take: Take, lead: int) -> None:
        self.performance, self.take, self.lead = performance, take, lead
        self.sound = np.zeros((-(-length_of(take) // BLOCK) * BLOCK, 2), np.float32)

    def follow(self, sent: Sequence[Message]) -> Followed:
        events, wanted = list(self.take.events), match(self.take.events, sent)
        changes = {}
        for index, event in enumerate(events):
            self._play_up_to(event.frame)
            if event.address == LEAD:
                self.lead = int(event.args[0])
            if index not in wanted:
                self.performance.apply(event)
                continue
            nearest = min([e.frame for e in events[index + 1 :]] + [len(self.sound)])
            blocks = min(round(LONGEST_S * RATE), nearest - self.performance.frame) // BLOCK
            changes[wanted[index]] = self._change(event, blocks)
        self._play_up_to(len(self.sound))
        return Followed(changes, self.sound)

    def _change(self, event: ControlEvent, blocks: int) -> Change:
        """Apply one event, and go on both ways until it is heard or ``blocks`` have passed."""
        without, start = self.performance.fork(), self.performance.frame
        self.performance.apply(event)
        effects = self.performance.delays.effects
        theirs = np.zeros((0, 2), np.float32)
        differs: int | None = None
        heard: int | None = None
        for first in range(0, blocks, AT_ONCE):
            count = min(AT_ONCE, blocks - first)
            self._play_up_to(start + (first + count) * BLOCK)
            theirs = np.concatenate([theirs, *(without.render_block().T for _ in range(count))])
            ours = self.sound[start : start + len(theirs)]
            differs = first_difference(ours, theirs)
            heard = heard_at(ours, theirs, self.sound[max(start - LEVEL_SAMPLES, 0) : start])
            if heard is not None and heard + LEVEL_SAMPLES <= len(theirs):
                break
        return Change(event.frame, differs, heard, _level_db(theirs), self.lead, effects)

    def _play_up_to(self, frame: int) -> None:
        while self.performance.frame < min(frame, len(self.sound)):
            at = self.performance.frame
            self.sound[at : at + BLOCK] = self.performance.render_block().T


def _level_db(sound: Sound) -> float | None:
    if not len(sound) or not np.isfinite(sound).all():
        return None
    return round(float(to_db(np.sqrt(np.square(sound, dtype=np.float64).mean()))), 1)


def match(events: Sequence[ControlEvent], sent: Sequence[Message]) -> dict[int, Message]:
    """Which event of the log (by index) came from which message; the order is the same, some may be missing.

    >>> log = [ControlEvent(0, "/distill/topk", (3,)), ControlEvent(512, "/distill/temperature", (0.1,))]
    >>> found = match(log, [Message(9.5, "swap", (0, "off", 1.0)), Message(10.0, "temperature", (0.1,))])
    >>> [(index, message.path) for index, message in found.items()]
    [(1, 'temperature')]
    """
    found: dict[int, Message] = {}
    by_hand = [index for index, event in enumerate(events) if event.source not in NOT_SENT]
    at = 0
    for message in sent:
        for place, index in enumerate(by_hand[at : at + MOST_LOST + 1]):
            if _same(events[index], message):
                found[index] = message
                at += place + 1
                break
    return found


def strangers(take: Take, changes: Mapping[Message, Change]) -> int:
    """How many events of the log came by a hand that is not ours."""
    return sum(event.source not in NOT_SENT for event in take.events) - len(changes)


def _same(event: ControlEvent, message: Message) -> bool:
    if event.address != f"/distill/{message.path}" or len(event.args) != len(message.args):
        return False
    return all(
        str(a) == str(b) or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-5)
        for a, b in zip(event.args, message.args, strict=True)
    )
