"""Messages between our own processes: JSON over a ``multiprocessing`` connection, never waiting for the other side.

A ``Link`` wraps one end. ``poll`` takes what has arrived; ``send`` hands a message over, and when the peer is gone it
says so once through ``closed`` instead of raising (the supervisor restarts peers; nobody else needs to care).
``LinkSet.wait`` sleeps on several links. The sender keeps its own promise not to flood: the bridge coalesces and waits
for acknowledgements (see ``control.bridge``). One thread per end.
"""

from __future__ import annotations

import json
import select
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Final

Message = dict[str, Any]

# multiprocessing's own poll builds a selector for each call, 30 us; a kept poll object answers in 1. Windows has none.
_HAS_POLL: Final = hasattr(select, "poll")


class Link:
    """One end of a duplex channel of JSON messages."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.closed = False
        self._poller: Any = None
        if _HAS_POLL:
            self._poller = select.poll()
            self._poller.register(connection.fileno(), select.POLLIN)

    def send(self, message: Message) -> bool:
        """Hand one message over; False when the other side is gone."""
        if self.closed:
            return False
        try:
            self.connection.send_bytes(json.dumps(message, allow_nan=False).encode())
        except (BrokenPipeError, ConnectionError, OSError):
            self.closed = True
        return not self.closed

    def poll(self, most: int = 256, wait_s: float = 0.0) -> list[Message]:
        """Up to ``most`` messages that have arrived, waiting at most ``wait_s`` for the first."""
        messages: list[Message] = []
        try:
            while not self.closed and len(messages) < most and self._arrived(0.0 if messages else wait_s):
                messages.append(json.loads(self.connection.recv_bytes()))
        except (EOFError, ConnectionError, OSError):
            self.closed = True
        return messages

    def _arrived(self, wait_s: float) -> bool:
        """Whether there is something to read, the other side's end among it."""
        if self._poller is None or self.connection.closed:
            return self.connection.poll(wait_s)  # raises OSError when this end was closed
        return bool(self._poller.poll(wait_s * 1000.0))


class LinkSet:
    """Several links to sleep on."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        self._poller: Any = None
        self._watched: tuple[Link, ...] = ()

    def wait(self, seconds: float) -> None:
        """Sleep until one of the links that are not closed has something to read, at most ``seconds``."""
        alive = tuple(link for link in self._links if not link.closed)
        if not _HAS_POLL:
            wait([link.connection for link in alive], seconds)
            return
        if alive != self._watched:
            self._watched, self._poller = alive, select.poll()
            for link in alive:
                self._poller.register(link.connection.fileno(), select.POLLIN)
        self._poller.poll(seconds * 1000.0)


def link_pair() -> tuple[Connection, Connection]:
    """Two connected ends, to be handed to two processes and wrapped in ``Link`` there."""
    left, right = Pipe(duplex=True)
    return left, right
