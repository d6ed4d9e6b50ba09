"""Messages between our own processes: JSON over a ``multiprocessing`` connection, never waiting for the other side.

A ``Link`` wraps one end. ``poll`` takes what has arrived; ``send`` hands a message over, and when the peer is gone it
says so once through ``closed`` instead of raising (the supervisor restarts peers; nobody else needs to care). A peer
that stands still fills the pipe: messages then wait here, in order, and those that the next one of their kind replaces
anyway (``droppable``) are dropped, so a stopped bridge cannot stop the sound. The sender keeps its own promise not to
flood: the bridge coalesces and waits for acknowledgements (see ``control.bridge``). One thread per end.
"""

from __future__ import annotations

import json
import select
from collections import deque
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final

Message = dict[str, Any]

# multiprocessing's own poll builds a selector for each call, 30 us; a kept poll object answers in 1. Windows has none.
_HAS_POLL: Final = hasattr(select, "poll")
MOST_WAITING: Final = 4096  # messages kept for a peer that stands still; the oldest fall out


class Link:
    """One end of a duplex channel of JSON messages."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.closed = False
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._poller: Any = None
        if _HAS_POLL:
            self._poller, self._space = select.poll(), select.poll()
            self._poller.register(connection.fileno(), select.POLLIN)
            self._space.register(connection.fileno(), select.POLLOUT)

    def send(self, message: Message, droppable: bool = False) -> bool:
        """Hand one message over, or keep it until there is room; False when the other side is gone.

        ``droppable``: a message that a later one replaces; it is not kept.
        """
        if self.closed:
            return False
        self._flush()
        if droppable and (self._waiting or not self._has_room()):
            return not self.closed
        self._waiting.append(json.dumps(message, allow_nan=False).encode())
        self._flush()
        return not self.closed

    def poll(self, most: int = 256, wait_s: float = 0.0) -> list[Message]:
        """Up to ``most`` messages that have arrived, waiting at most ``wait_s`` for the first."""
        messages: list[Message] = []
        if self._waiting:
            self._flush()
        try:
            while not self.closed and len(messages) < most and self._arrived(0.0 if messages else wait_s):
                messages.append(json.loads(self.connection.recv_bytes()))
        except (EOFError, ConnectionError, OSError):
            self.closed = True
        return messages

    def _flush(self) -> None:
        """Send what waits, as far as there is room."""
        try:
            while self._waiting and not self.closed and self._has_room():
                self.connection.send_bytes(self._waiting[0])
                self._waiting.popleft()
        except (BrokenPipeError, ConnectionError, OSError):
            self.closed = True

    def _has_room(self) -> bool:
        """A socket says so only while a good part of its buffer is free: our messages then fit without waiting."""
        return self._poller is None or self.connection.closed or bool(self._space.poll(0))

    def _arrived(self, wait_s: float) -> bool:
        """Whether there is something to read, the other side's end among it."""
        if self._poller is None or self.connection.closed:
            return self.connection.poll(wait_s)  # raises OSError when this end was closed
        return bool(self._poller.poll(wait_s * 1000.0))


def link_pair() -> tuple[Connection, Connection]:
    """Two connected ends, to be handed to two processes and wrapped in ``Link`` there."""
    left, right = Pipe(duplex=True)
    return left, right
