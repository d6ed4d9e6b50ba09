"""What goes back: replies, and errors that do not become a flood of their own.

An error goes to the sender once per address, code and second; what came from MIDI, or from nobody, becomes a sentence
for the screen. Knows no links and no values. One thread, the bridge's loop.
"""

from __future__ import annotations

from collections.abc import Callable

from distill_live.control.codes import RateLimiter
from distill_live.control.desk import Desk
from distill_live.control.osc import Client, OscSocket
from distill_live.control.outcome import Args
from distill_live.control.validate import MAX_STRING_BYTES
from distill_live.errors import DistillError


class Replies:
    """Answers to clients; ``say`` takes a sentence for the screen."""

    def __init__(self, osc: OscSocket, desk: Desk, say: Callable[[str], None]) -> None:
        self._osc, self._desk, self._say = osc, desk, say
        self._errors = RateLimiter()

    def send(self, client: Client | None, address: str, args: Args = ()) -> None:
        """Answer one client (nobody asks from MIDI). Switches go as 1 and 0: Pd and Max do not read T and F alike."""
        if client is not None:
            self._osc.send(client, address, [int(arg) if isinstance(arg, bool) else arg for arg in args])

    def refuse(self, client: Client | None, address: str, error: DistillError) -> None:
        """Count something that was not done, and say why."""
        self._desk.state.refused += 1
        self.error(client, address, error.code, str(error))

    def error(self, client: Client | None, address: str, code: str, text: str) -> None:
        """Send ``/distill/error address code text``, or say it on the screen when there is no client."""
        if not self._errors.allows((client, address, code)):
            return
        if client is None:
            self._say(text)
        else:
            self._osc.send(client, self._desk.namespace.address("error"), (address, code, cut(text)))


def cut(text: str) -> str:
    """A text as long as the longest string that our own client takes.

    >>> len(cut("é" * 300).encode()), cut("short")
    (254, 'short')
    """
    return text.encode(errors="replace")[:MAX_STRING_BYTES].decode(errors="ignore")
