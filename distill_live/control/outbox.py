"""Events on their way to the engine: in order, in small batches, never more than the engine has asked for.

At most ``IN_FLIGHT`` batches are sent and not yet acknowledged. Meanwhile only the latest value per address waits;
commands and syncs keep their order, and no value is moved across one. Of preset loads that follow one another only the
latest waits: each sets everything. A preset is one bundle and so one batch, alone in flight with what fitted before it:
200 events of 60 bytes and 16 names are 30 KB, an eighth of a socket's buffer. Pure bookkeeping: knows no link and no
clock. One thread, the bridge's loop.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from distill_live.control.codes import BusyError
from distill_live.control.outcome import EngineEvent
from distill_live.link import Message

IN_FLIGHT: Final = 4
BATCH_EVENTS: Final = 32  # and one bundle more
EVENTS_IN_FLIGHT: Final = 64  # and one batch more: what is in flight fits a socket's buffer, so nothing waits in it
COMMANDS_TOGETHER: Final = 64  # of one bundle: commands carry names, so they are what fills a buffer
EVENTS_TOGETHER: Final = 512  # of one bundle, and one preset more: the engine applies 60 in a millisecond
SYNCS_OUT: Final = 64
MOST_WAITING: Final = 2048


@dataclass(frozen=True)
class _Item:
    events: tuple[EngineEvent, ...] = ()
    source: str = ""
    token: int | None = None  # a sync instead of events
    whole: bool = False  # sets everything that one like it sets

    @property
    def all_values(self) -> bool:
        return self.token is None and all(event.is_value for event in self.events)


@dataclass
class Outbox:
    """What waits, and how much is in flight.

    >>> outbox = Outbox()
    >>> for value in (0.1, 0.2): outbox.put([EngineEvent("/distill/mix", (value,), True)], "osc")
    >>> next(outbox.messages())
    {'type': 'events', 'batch': 1, 'events': [['/distill/mix', [0.2], 'osc']]}
    >>> outbox.coalesced
    1
    """

    coalesced: int = 0
    _items: dict[Hashable, _Item] = field(default_factory=dict)
    _epoch: int = 0
    _last_batch: int = 0
    _syncs_out: int = 0
    _in_flight: dict[int, int] = field(default_factory=dict)  # batch: events
    _sent_in: dict[str, int] = field(default_factory=dict)

    def put(self, events: Sequence[EngineEvent], source: str, whole: bool = False) -> None:
        """Queue events that belong together; they are never split over two batches.

        ``whole``: they set everything that the last such bundle sets; when that one still waits, it is dropped.
        """
        item = _Item(tuple(events), source, whole=whole)
        if whole:
            self._drop_last_whole()
        if item.all_values:
            addresses = tuple(event.address for event in events)
            key = (self._epoch, addresses)
            self.coalesced += len(addresses) if self._items.pop(key, None) else 0
            self._items[key] = item  # at the end: it must not slip in before another that touches its address
        else:
            self._put_in_order(item)

    def put_sync(self, token: int) -> None:
        """Queue a sync behind everything that waits."""
        self._put_in_order(_Item(token=token))

    def synced(self) -> None:
        """The engine has answered one sync."""
        self._syncs_out = max(0, self._syncs_out - 1)

    def acknowledge(self, batch: int) -> None:
        """The engine has taken this batch and all before it."""
        self._in_flight = {b: n for b, n in self._in_flight.items() if b > batch}
        self._sent_in = {a: b for a, b in self._sent_in.items() if b > batch}

    def forget_in_flight(self) -> None:
        """Another engine has begun: what was sent to the one before it will not be acknowledged any more."""
        self._in_flight, self._sent_in, self._syncs_out = {}, {}, 0

    def under_way(self) -> set[str]:
        """Addresses that wait or are not yet acknowledged: what the engine says of them is older than what we know."""
        return {*self._sent_in, *(event.address for item in self._items.values() for event in item.events)}

    def check_room(self, gathered: Sequence[EngineEvent] = ()) -> None:
        """Ask before anything is put; ``gathered`` are the events of its bundle so far.

        Raises:
            BusyError: when too much waits, or comes in one bundle.
        """
        if sum(not event.is_value for event in gathered) >= COMMANDS_TOGETHER or len(gathered) >= EVENTS_TOGETHER:
            most = f"{COMMANDS_TOGETHER} commands or {EVENTS_TOGETHER} changes"
            raise BusyError(f"more than {most} in one bundle", fix="send several bundles")
        if len(self._items) >= MOST_WAITING:
            raise BusyError(f"{len(self._items)} changes are waiting for the engine", fix="send fewer a second")

    def messages(self) -> Iterator[Message]:
        """What may be sent now. A sync goes straight behind the batch before it."""
        while self._items:
            first = next(iter(self._items))
            token = self._items[first].token
            if token is not None and self._syncs_out < SYNCS_OUT:
                del self._items[first]
                self._syncs_out += 1
                yield {"type": "sync", "token": token}
            elif token is None and self._may_send():
                yield self._batch()
            else:
                return

    def _drop_last_whole(self) -> None:
        """Drop the bundle that is replaced, unless a command or a sync stands behind it."""
        for key in reversed(self._items):
            item = self._items[key]
            if item.whole:
                del self._items[key]
                self.coalesced += len(item.events)
                return
            if not item.all_values:
                return

    def _put_in_order(self, item: _Item) -> None:
        self._epoch += 1  # values before and after it are no longer exchanged for one another
        self._items[self._epoch] = item

    def _batch(self) -> Message:
        self._last_batch += 1
        events: list[list[Any]] = []
        for key in list(self._items):
            item = self._items[key]
            if item.token is not None or len(events) >= BATCH_EVENTS:
                break
            del self._items[key]
            for event in item.events:
                events.append([event.address, list(event.args), item.source])
                self._sent_in[event.address] = self._last_batch
        self._in_flight[self._last_batch] = len(events)
        return {"type": "events", "batch": self._last_batch, "events": events}

    def _may_send(self) -> bool:
        return len(self._in_flight) < IN_FLIGHT and sum(self._in_flight.values()) < EVENTS_IN_FLIGHT
