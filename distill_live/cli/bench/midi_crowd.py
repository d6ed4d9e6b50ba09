"""A controller and a sequencer in one: MIDI clock and knobs over JACK, from a process of its own.

``python -m distill_live.cli.bench.midi_crowd PORT`` sends the clock of 120 beats a minute and CC 16 to 23, one every
50 ms, to the JACK MIDI port with PORT in its name, until stdin ends; its last line says how many. :class:`MidiCrowd`
is its other end.
"""

from __future__ import annotations

import json
import select
import sys
import time
from typing import Any, Final

from distill_live.cli.bench.beside import READY, Beside, stand_in_front
from distill_live.cli.bench.sender import MidiOut

CLOCK_S: Final = 60.0 / 120.0 / 24.0
KNOB_S: Final = 0.05
CLOCK: Final = (0xF8,)
_CC: Final = 0xB0
_KNOBS: Final = (16, 17, 18, 19, 20, 21)


class MidiCrowd(Beside):
    """The sender that runs beside us."""

    def __init__(self, port: str = "distill-live in") -> None:
        super().__init__("midi_crowd", port)

    def per_s(self) -> float:
        """End it; how many clocks and knob turns a second it has sent."""
        told = self.stop()
        return float(told.get("sent", 0)) / max(float(told.get("seconds", 0.0)), 1e-9)


def main(port: str) -> None:
    """The process."""
    import jack

    stand_in_front()
    client: Any = jack.Client("distill-crowd", no_start_server=True)
    out = MidiOut(client, port)
    print(READY, flush=True)
    began_s, clocks, knobs = time.monotonic(), 0, 0
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        passed_s = time.monotonic() - began_s
        while clocks < passed_s / CLOCK_S:
            out.send(CLOCK)
            clocks += 1
        while knobs < passed_s / KNOB_S:
            out.send((_CC, _KNOBS[knobs % len(_KNOBS)], 40 + (7 * knobs) % 60))
            knobs += 1
    client.deactivate()
    client.close()
    print(json.dumps({"sent": clocks + knobs, "seconds": time.monotonic() - began_s}))


if __name__ == "__main__":
    main(sys.argv[1])
