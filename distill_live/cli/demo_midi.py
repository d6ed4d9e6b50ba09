"""A MIDI controller made of software, for the demo: a virtual port that sends to the instrument's.

On Linux without an ALSA sequencer it starts a dummy JACK server, which also becomes the sound device; where that cannot
be had, it says that MIDI was skipped and how to have it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distill_live.cli.jackserver import HOW_TO_HAVE_ONE, dummy_server
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
    with dummy_server(f"distill-demo-{os.getpid()}") as server:
        if server is None:
            yield DemoMidi(None, f"MIDI skipped (no dummy JACK server starts here; {HOW_TO_HAVE_ONE} to have it)")
            return
        yield from _closing(DemoMidi("UNIX_JACK", "MIDI over a dummy JACK server"))


def _closing(midi: DemoMidi) -> Iterator[DemoMidi]:
    try:
        yield midi
    finally:
        midi.close()
