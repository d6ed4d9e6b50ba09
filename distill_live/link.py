"""Messages between our own processes: JSON over a ``multiprocessing`` connection, never waiting for the other side.

A ``Link`` wraps one end. ``poll`` takes what has arrived; ``send`` hands a message over, and when the peer is gone it
says so once through ``closed`` instead of raising (the supervisor restarts peers; nobody else needs to care).
The sender keeps its own promise not to flood: the bridge coalesces and waits for acknowledgements
(see ``control.bridge``). One thread per end.
"""

from __future__ import annotations

import json
from multiprocessing.connection import Connection, Pipe
from typing import Any

Message = dict[str, Any]


class Link:
    """One end of a duplex channel of JSON messages."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.closed = False

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
            while not self.closed and len(messages) < most and self.connection.poll(0.0 if messages else wait_s):
                messages.append(json.loads(self.connection.recv_bytes()))
        except (EOFError, ConnectionError, OSError):
            self.closed = True
        return messages


def link_pair() -> tuple[Connection, Connection]:
    """Two connected ends, to be handed to two processes and wrapped in ``Link`` there."""
    left, right = Pipe(duplex=True)
    return left, right
