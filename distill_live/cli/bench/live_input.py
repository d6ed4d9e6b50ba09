"""From an onset at the input to its onset in the output: bursts are played into the instrument's port.

All levels take their codes from the input, so that what is heard is what was played, spoken in the model's language. A
process of its own plays bursts at frames the audio server's clock knows exactly; the tap has the output with the same
clock; ``onset`` says where a burst begins there. Both ends are measured by the same rule. A burst beside which the
server was late is not measured; one that does not stand out of the output is counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from distill_live.cli.bench.bursts import BURST_S, LEAD_IN_S, Bursts, burst
from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.onset import HALF, RATE, delay_of, find_onset
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.tapped import Files, Tapped, tapped_play
from distill_live.control.client import OscClient
from distill_live.errors import DistillError

INPUT: Final = "live_input"
LOOK_AHEAD: Final = 1
LISTEN_FRAMES: Final = round(2 * BURST_S * RATE)
AROUND: Final = RATE // 100
TENTH: Final = 0.1
SPARE: Final = 1.6
UNHEARD, UNMEASURED = "does not stand out of the sound", "not measured"


def measure_input(plan: Plan, lead: int) -> Part:
    """The part ``live input``."""
    part = Part(f"live input at lead {lead}")
    files = Files.within(plan.folder, f"input-{lead}")
    arguments = [*plan.play_arguments(lead), "--input", plan.device, "--look-ahead", str(LOOK_AHEAD)]
    with tapped_play(files, *arguments) as play:
        port = int(play.play.wait_for("ready")["osc_port"])
        play.play.wait_for("sounding")
        _listen_to_the_input(port)
        bursts = Bursts(plan.seed, plan.burst_gap_s)
        played = SPARE * plan.events  # beside some of them the server will be late
        time.sleep(LEAD_IN_S + played * (BURST_S + sum(plan.burst_gap_s) / 2.0))
        begun = bursts.begun()
        tapped = play.stop()
    if not begun:
        raise DistillError("nothing was played into the input", fix="look for what JACK-Client says above")
    _describe(part, begun, tapped, lead)
    part.notes.append(
        f"Onset: half the plateau's amplitude, envelope of 5 ms; all levels from the input, look-ahead {LOOK_AHEAD}."
    )
    return part


def _listen_to_the_input(port: int) -> None:
    with OscClient(port=port, timeout_s=10.0) as client:
        for level, name in enumerate(client.query("level/list")):
            if name:
                client.send(f"level/{level}/source", "input")
        client.sync(1)


def _describe(part: Part, begun: Sequence[int], tapped: Tapped, lead: int) -> None:
    found = [delay_ms(frame, tapped) for frame in begun]
    missing = Counter(one for one in found if isinstance(one, str))
    heard = [one for one in found if not isinstance(one, str)]
    part.add("bursts played", len(begun))
    part.add(f"bursts: {UNHEARD}", missing[UNHEARD])
    part.add(f"bursts: {UNMEASURED}, the server was late", missing[UNMEASURED])
    halves, tenths = spread(half for half, _ in heard), spread(tenth for _, tenth in heard)
    part.add_spread(f"{INPUT}: onset to onset", halves, "ms")
    part.add(f"{INPUT}: onset to a tenth of the amplitude, p50", tenths.get("p50"), "ms")
    part.add("underruns meanwhile", int(tapped.finished["underruns"]))
    delays = [half for half, _ in heard]
    part.details[INPUT] = {"delays_ms": delays, "spread": halves, "parts_ms": _parts(delays, lead)}


def _parts(delays_ms: Sequence[float], lead: int) -> dict[str, float]:
    """Means that add up: the ring, and everything from hearing a column to speaking it."""
    if not delays_ms:
        return {}
    total, ring = sum(delays_ms) / len(delays_ms), 1000.0 * lead / RATE
    return {"ring_ms": ring, "hear_encode_speak_ms": total - ring, "total_ms": total}


def delay_ms(begun: int, tapped: Tapped) -> tuple[float, float] | str:
    """How long after its begin at the input a burst comes to half, and to a tenth, of its amplitude in the output.

    The burst itself comes there some time after its begin, by the same measure; that is taken off.
    """
    heard = tapped.heard
    place = heard.place(begun)
    if any(place - AROUND <= late <= place + LISTEN_FRAMES for late in heard.late_places):
        return UNMEASURED
    played = burst(np.random.default_rng(0))
    delays = []
    for share in (HALF, TENTH):
        onset = find_onset(tapped.recorded[:, 0], place, LISTEN_FRAMES, share)
        if onset is None:
            return UNHEARD
        delays.append(1000.0 * (heard.server_frame(place + onset) - begun - delay_of(played, share)) / RATE)
    return delays[0], delays[1]
