"""A performer in a process of its own: sends OSC or MIDI at given moments and notes when it has.

``python -m distill_live.cli.bench.sender`` reads one JSON object from stdin, ``{"port", "midi_to", "on_server",
"messages": [[at_s, path, [args], [midi bytes]], ...]}`` with ``at_s`` counted from the moment it has read it, and
prints one JSON line a message sent: ``[sent_s, frame]``, the monotonic clock and, where it was asked to know the audio
server, the server's frame time, both read just before the message leaves. :class:`Performer` is its other end.

A MIDI message leaves through a JACK port, so it is handed over with the server's next period; what is noted is the
moment it was sent, as for OSC.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from distill_live.cli.bench.beside import stand_in_front
from distill_live.errors import DistillError
from distill_live.params import Value

_CONNECT_PATIENCE_S: Final = 5.0


@dataclass(frozen=True)
class Message:
    """One message of a series.

    Attributes:
        at_s: when (s from its begin, or on the monotonic clock once it is sent).
        path, args: what, as the take's log will have it.
        midi: the bytes it is sent as; none when it is sent as OSC.
        frame: the audio server's frame time when it was sent; -1 where that is not known.
    """

    at_s: float
    path: str
    args: tuple[Value, ...]
    midi: tuple[int, ...] = ()
    frame: int = -1


class Performer:
    """A sender that runs beside us.

    Args:
        port: of the bridge.
        messages: in the order of their moments.
        on_server: whether it shall note the audio server's frame time (it needs JACK-Client).
        midi_to: part of the JACK MIDI port's name that MIDI goes to.
    """

    def __init__(self, port: int, messages: Sequence[Message], on_server: bool = False, midi_to: str = "") -> None:
        self._messages = messages
        command = [sys.executable, "-m", "distill_live.cli.bench.sender"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        told = [[m.at_s, m.path, list(m.args), list(m.midi)] for m in messages]
        json.dump({"port": port, "midi_to": midi_to, "on_server": on_server, "messages": told}, self._process.stdin)
        self._process.stdin.close()

    def finish(self) -> list[Message]:
        """Wait until everything is sent; the messages with the moments they were sent at.

        Raises:
            DistillError: the sender has failed.
        """
        assert self._process.stdout is not None
        noted = [json.loads(line) for line in self._process.stdout]
        if self._process.wait(10.0) != 0:
            raise DistillError("the sender of the benchmark has failed, see above")
        return [
            replace(message, at_s=sent_s, frame=frame)
            for message, (sent_s, frame) in zip(self._messages, noted, strict=True)
        ]

    def stop(self) -> None:
        """End it, sent or not."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def send_all(
    messages: Sequence[Message],
    osc: Callable[..., None],
    midi: Callable[[tuple[int, ...]], None],
    clock: Callable[[], int],
) -> list[tuple[float, int]]:
    """Send each message when it is due; the moments they were sent at."""
    began_s = time.monotonic()
    sent = []
    for message in messages:
        time.sleep(max(0.0, began_s + message.at_s - time.monotonic()))
        now = (time.monotonic(), clock())
        if message.midi:
            midi(message.midi)
        else:
            osc(message.path, *message.args)
        sent.append(now)
    return sent


class MidiOut:
    """MIDI into a JACK port: what is sent waits for the next period, whose thread calls ``period``."""

    def __init__(self, client: Any, wanted: str) -> None:
        self._port = client.midi_outports.register("out")
        self._waiting: deque[tuple[int, ...]] = deque()
        client.set_process_callback(self.period)
        client.activate()
        client.connect(self._port, _midi_input(client, wanted))

    def send(self, data: tuple[int, ...]) -> None:
        self._waiting.append(data)

    def period(self, _frames: int) -> None:
        self._port.clear_buffer()
        while self._waiting:
            self._port.write_midi_event(0, self._waiting.popleft())


def _midi_input(client: Any, wanted: str) -> Any:
    deadline_s = time.monotonic() + _CONNECT_PATIENCE_S
    while time.monotonic() < deadline_s:
        for port in client.get_ports(is_midi=True, is_input=True):
            if wanted in port.name:
                return port
        time.sleep(0.1)
    raise SystemExit(f"there is no JACK MIDI port {wanted!r}")


def main() -> None:
    """The process."""
    from distill_live.control.client import OscClient

    task = json.load(sys.stdin)
    messages = [Message(at_s, path, tuple(args), tuple(midi)) for at_s, path, args, midi in task["messages"]]
    client = _client() if task["on_server"] or task["midi_to"] else None
    midi = MidiOut(client, task["midi_to"]).send if task["midi_to"] else lambda _: None
    with OscClient(port=int(task["port"])) as osc:
        for sent in send_all(messages, osc.send, midi, lambda: client.frame_time if client else -1):
            print(json.dumps(sent))
    if client is not None:
        client.close()


def _client() -> Any:
    import jack

    stand_in_front()
    return jack.Client("distill-sender", no_start_server=True)


if __name__ == "__main__":
    main()
