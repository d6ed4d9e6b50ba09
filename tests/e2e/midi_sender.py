"""A MIDI controller in a process of its own: connects to the instrument's port and sends what stdin says.

Not in the test's process: rtmidi holds the interpreter's lock while it talks to the JACK server, and the server waits
for the recorder's callback, which waits for that lock.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 20.0


class MidiSender:
    """Sends three bytes at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def send(self, *data: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, data)) + "\n")
        self.process.stdin.flush()


@contextmanager
def midi_sender() -> Iterator[MidiSender]:
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "connected\n", "the instrument's MIDI port did not appear"
        yield MidiSender(process)
    finally:
        process.stdin.close()
        process.wait(10)


def main() -> None:
    import rtmidi

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "controller")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        names = out.get_ports()
        found = [index for index, name in enumerate(names) if "distill-live in" in name]
        if found:
            out.open_port(found[0], "out")
            print("connected", flush=True)
            for line in sys.stdin:
                out.send_message([int(word) for word in line.split()])
            break
        time.sleep(0.1)
    out.delete()


if __name__ == "__main__":
    main()
