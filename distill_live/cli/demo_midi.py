"""A MIDI controller made of software, for the demo: a virtual port that sends to the instrument's.

On Linux without an ALSA sequencer it starts a dummy JACK server, which also becomes the sound device; where that cannot
be had, it says that MIDI was skipped and how to have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distill_live.control.midi import VIRTUAL_IN, midi_systems

START_PATIENCE_S = 5.0


class DemoMidi:
    """Sends to the instrument's port once it is there; ``sentence`` says what was found."""

    def __init__(self, api: str | None, sentence: str) -> None:
        self.sentence = sentence
        self._api = api
        self._out: Any = None

    @property
    def available(self) -> bool:
        return self._api is not None

    def send(self, kind: str, number: int, value: int) -> None:
        """``cc``, ``note_on`` or ``note_off`` on channel 1."""
        if self._api is None:
            return
        if self._out is None:
            self._out = self._open()
        status = {"cc": 0xB0, "note_on": 0x90, "note_off": 0x80}[kind]
        self._out.send_message([status, number, value])

    def close(self) -> None:
        if self._out is not None:
            self._out.delete()
            self._out = None

    def _open(self) -> Any:
        import rtmidi

        out = rtmidi.MidiOut(getattr(rtmidi, f"API_{self._api}"), "distill-demo")
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            names = out.get_ports()
            for index, name in enumerate(names):
                if VIRTUAL_IN in name:
                    out.open_port(index, "out")
                    return out
            time.sleep(0.1)
        raise TimeoutError(f"the instrument's MIDI port {VIRTUAL_IN!r} did not appear")


@contextmanager
def midi_for_demo() -> Iterator[DemoMidi]:
    """The MIDI system of this machine, or a dummy JACK server for the length of the demo."""
    systems = [api for api in midi_systems() if api != "WINDOWS_MM"]  # Windows has no virtual ports
    if systems:
        yield from _closing(DemoMidi(systems[0], f"MIDI over {systems[0]}"))
        return
    if sys.platform != "linux" or shutil.which("jackd") is None:
        yield DemoMidi(None, "MIDI skipped (install jackd2, or use a machine with an ALSA sequencer, to have it)")
        return
    name = f"distill-demo-{os.getpid()}"
    server = _start_server(name)
    if server is None:
        yield DemoMidi(None, "MIDI skipped (the dummy JACK server did not start)")
        return
    before = {key: os.environ.get(key) for key in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")}
    os.environ.update(JACK_DEFAULT_SERVER=name, JACK_NO_START_SERVER="1")
    try:
        yield from _closing(DemoMidi("UNIX_JACK", "MIDI over a dummy JACK server"))
    finally:
        for key, value in before.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        server.terminate()
        server.wait(timeout=5)


def _closing(midi: DemoMidi) -> Iterator[DemoMidi]:
    try:
        yield midi
    finally:
        midi.close()


def _start_server(name: str) -> subprocess.Popen[bytes] | None:
    """A dummy server, with real-time scheduling where it is allowed."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for realtime in (["-R", "-P", "70"], ["-r"]):
        server = subprocess.Popen(["jackd", *realtime, "-n", name, "-d", "dummy", "-r", "48000", "-p", "256"], **quiet)
        os.environ["JACK_DEFAULT_SERVER"] = name
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline and server.poll() is None:
            if "UNIX_JACK" in midi_systems():
                return server
            time.sleep(0.1)
        server.kill()
        server.wait()
    os.environ.pop("JACK_DEFAULT_SERVER", None)
    return None
