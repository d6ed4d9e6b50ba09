"""Messages between our own processes: one JSON object a line over a socket, never waiting for the other side.

A ``Link`` wraps one end. ``poll`` takes what has arrived; ``send`` hands a message over, and when the peer is gone it
says so once through ``closed`` instead of raising (the supervisor restarts peers; nobody else needs to care). A peer
that stands still fills the socket: messages then wait here, in order, and those that the next one of their kind
replaces anyway (``droppable``) are dropped, so a stopped bridge cannot stop the sound. The sender keeps its own promise
not to flood: the bridge coalesces and waits for acknowledgements (see ``control.bridge``). One thread per end.

Nothing here ever waits inside a message. A peer that was killed while it wrote leaves half a line behind: whoever takes
its place begins with a line of its own, and the half one is dropped. (Regression: with ``multiprocessing``'s own
connections, Ctrl-C in the middle of a message left the reader one number behind, and ``play`` hung for good.)
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

Message = dict[str, Any]
End = socket.socket
"""One end of a channel as it is handed to a child process (picklable while a child is being started)."""

MOST_WAITING: Final = 4096  # messages kept for a peer that stands still; the oldest fall out
LONGEST_LINE: Final = 1 << 26  # more without an end is no message of ours
_PORTION: Final = 1 << 16
_HAS_POLL: Final = hasattr(select, "poll")  # a kept poll object answers in 1 us; Windows has none


class Link:
    """One end of a duplex channel of JSON messages."""

    def __init__(self, connection: End) -> None:
        self.connection = connection
        self.closed = False
        self.damaged = 0  # lines that were no message
        self._ended = False  # nothing more will arrive
        self._arrived = bytearray()
        self._lines: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._leaving = memoryview(b"\n")  # the rest of the line that is on its way; the first ends a dead peer's half
        self._poller: Any = None
        connection.setblocking(False)
        if _HAS_POLL:
            self._poller = select.poll()
            self._poller.register(connection.fileno(), select.POLLIN)
        self._flush()

    def send(self, message: Message, droppable: bool = False) -> bool:
        """Hand one message over, or keep it until there is room; False when the other side is gone.

        ``droppable``: a message that a later one replaces; it is not kept.
        """
        if self.closed:
            return False
        self._flush()
        if droppable and (self._waiting or self._leaving):
            return not self.closed
        self._waiting.append(json.dumps(message, allow_nan=False).encode() + b"\n")
        self._flush()
        return not self.closed

    def poll(self, most: int = 256, wait_s: float = 0.0) -> list[Message]:
        """Up to ``most`` messages that have arrived, waiting at most ``wait_s`` for the first."""
        until_s = time.monotonic() + wait_s if wait_s else 0.0
        if self._waiting or self._leaving:
            self._flush()
        while len(self._lines) < most and self._readable(self._left_s(until_s)):
            if not self._receive() and (self._lines or not until_s):
                break
        return self._taken(most)

    def poll_readable(self, most: int = 256) -> list[Message]:
        """``poll`` for a link of which it is known that something has arrived."""
        if self._waiting or self._leaving:
            self._flush()
        while len(self._lines) < most and not self._ended and self._receive():
            pass
        return self._taken(most)

    def _taken(self, most: int) -> list[Message]:
        messages: list[Message] = []
        while self._lines and len(messages) < most:
            message = _message(self._lines.popleft())
            if message is None:
                self.damaged += 1
            else:
                messages.append(message)
        return messages

    @property
    def has_work(self) -> bool:
        """Whether a ``poll`` has something to do though nothing new has arrived."""
        return bool(self._lines or self._waiting or self._leaving)

    def close(self) -> None:
        """Leave; the other side notices."""
        self.closed = self._ended = True
        self.connection.close()

    def _left_s(self, until_s: float) -> float:
        """How long to wait for something to read: not at all once there is a message."""
        return max(0.0, until_s - time.monotonic()) if until_s and not self._lines else 0.0

    def _receive(self) -> bool:
        """Take a portion of what the socket holds, without waiting; False when that was all there is now."""
        try:
            data = self.connection.recv(_PORTION)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = self._ended = True
            return False
        self._arrived += data
        if b"\n" in data:
            *whole, rest = self._arrived.split(b"\n")
            self._lines.extend(bytes(line) for line in whole if line)
            self._arrived = rest
        elif len(self._arrived) > LONGEST_LINE:
            self._arrived.clear()
            self.damaged += 1
        return len(data) == _PORTION

    def _flush(self) -> None:
        """Send what waits, as far as there is room."""
        try:
            while not self.closed and (self._leaving or self._waiting):
                if not self._leaving:
                    self._leaving = memoryview(self._waiting.popleft())
                self._leaving = self._leaving[self.connection.send(self._leaving) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.closed = True

    def _readable(self, wait_s: float) -> bool:
        """Whether there is something to read, the other side's end among it."""
        if self._ended or self.connection.fileno() < 0:
            self.closed = True
            return False
        if self._poller is None:
            return bool(select.select([self.connection], [], [], wait_s)[0])
        return bool(self._poller.poll(wait_s * 1000.0))


class LinkGroup:
    """Several links that one thread listens to, asked all at once: one call into the system instead of one for each."""

    def __init__(self, *links: Link) -> None:
        self._links = links
        self._poller: Any = None
        if _HAS_POLL:
            self._poller = select.poll()
            for link in links:
                self._poller.register(link.connection.fileno(), select.POLLIN)

    def poll(self, most: int = 256) -> Iterator[tuple[Link, list[Message]]]:
        """Each link that has something, in the order in which they were given, with what ``Link.poll`` gives now."""
        if self._poller is None:
            for link in self._links:
                yield link, link.poll(most)
            return
        ready = self._poller.poll(0)
        for link in self._links:
            if ready and any(link.connection.fileno() == descriptor for descriptor, _ in ready):
                yield link, link.poll_readable(most)
            elif link.has_work:
                yield link, link.poll(most)


def link_pair() -> tuple[End, End]:
    """Two connected ends, to be handed to two processes and wrapped in ``Link`` there."""
    return socket.socketpair()


def _message(line: bytes) -> Message | None:
    """A line as a message, None for what is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
