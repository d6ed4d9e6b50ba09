"""From a UDP packet to the change that is heard: a series of code swaps and one of temperatures, live.

A process of its own sends and notes the moments. Afterwards the take is replayed: just before each event the
performance is forked, both ways go on, and where they first differ audibly the event was heard. Frames become moments
through the clock that ``play --json`` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.follow import Change, follow
from distill_live.cli.bench.heard import QUIETEST_DB, RATE, OutputClock
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.playing import Line, Playing, playing
from distill_live.cli.bench.sender import Message, Performer
from distill_live.cli.offline import open_model
from distill_live.control.client import OscClient
from distill_live.errors import DistillError
from distill_live.takelog import Take, read_take

BARS_MS: Final = {"swap": 250.0, "temperature": 400.0}
TEMPERATURES: Final = (0.1, 2.0)
LEAD_IN_S: Final = 1.5
PERIOD: Final = 256
STOOD_STILL_S: Final = 1.0
NAMES: Final = {
    "wait_ms": "packet, wait for a block, render",
    "ring_ms": "ring",
    "device_ms": "device",
    "change_ms": "until the sound differs",
    "rise_ms": "until it is heard",
}


@dataclass(frozen=True)
class Heard:
    """One event's way, in parts that add up to ``total_ms``.

    Attributes:
        series: swap or temperature.
        wait_ms: packet, the wait for a block boundary, the rendering: whatever the other parts do not explain.
        ring_ms: the lead, which every block waits in the ring.
        device_ms: what the device adds.
        change_ms: from the first sample the event could change to the first that it changed.
        rise_ms: from there until the difference is heard.
    """

    series: str
    total_ms: float
    wait_ms: float
    ring_ms: float
    device_ms: float
    change_ms: float
    rise_ms: float


def measure_latency(plan: Plan) -> list[Part]:
    """A part for each lead."""
    model = open_model(plan.model)
    leads = (plan.lead, *(lead for lead in plan.more_leads if lead != plan.lead))
    return [_at_lead(plan, model, lead, with_bars=lead == plan.lead) for lead in leads]


def _at_lead(plan: Plan, model: Any, lead: int, with_bars: bool) -> Part:
    log = plan.folder / f"latency-{lead}.jsonl"
    with playing(*plan.play_arguments(lead), "--log", str(log)) as play:
        sent = _perform(plan, play)
        finished = play.stop()
    clock, latency_s = output_clock(play, finished), float(finished["output_latency_s"])
    take, messages = read_take(log), [message for messages in sent.values() for message in messages]
    found = follow(model, take, messages)
    part = Part(f"latency at lead {lead}")
    for name, messages in sent.items():
        ways = [_way(name, message, found[message], clock, lead, latency_s) for message in messages if message in found]
        _describe(part, name, len(messages), ways, BARS_MS[name] if with_bars else None)
    part.add("underruns meanwhile", int(finished["underruns"]))
    part.details["changes"] = [asdict(message) | asdict(change) for message, change in found.items()]
    part.details["play"] = {"finished": finished, "devices": play.devices, "messages": play.messages}
    part.notes += [*_interruptions(play, finished), *_doubts(take, found)]
    log.unlink(missing_ok=True)
    return part


def _perform(plan: Plan, play: Playing) -> dict[str, list[Message]]:
    port = int(play.wait_for("ready")["osc_port"])
    play.wait_for("sounding")
    with OscClient(port=port, timeout_s=10.0) as client:
        slots = [number for number, name in enumerate(client.bank().slots, 1) if name]
        levels = len([name for name in client.query("level/list") if name])
    rng = np.random.default_rng(plan.seed)
    swaps = _timed(swap_series(plan.events, levels, slots), plan.swap_gap_s, rng)
    temperatures = _timed(temperature_series(plan.events), plan.temperature_gap_s, rng)
    sent = {}
    for name, messages in (("swap", swaps), ("temperature", temperatures)):
        performer = Performer(port, messages)
        try:
            sent[name] = performer.finish()
        finally:
            performer.stop()
    with OscClient(port=port, timeout_s=10.0) as client:
        client.sync(1)
    return sent


def _interruptions(play: Playing, finished: Line) -> list[str]:
    """What would make the series worthless, in sentences: a device that went away, sound that stood still."""
    sentences = []
    if len(play.devices) > 1:
        states = ", ".join(f"{d.get('name')} {d.get('device_state')}" for d in play.devices)
        sentences.append(f"The output changed while the series was played: {states}.")
    elapsed_s = finished["at_s"] - play.wait_for("sounding")["at_s"]
    played_s = float(finished["frames"]) / RATE
    if played_s < elapsed_s - STOOD_STILL_S:
        sentences.append(f"The sound stood still: {played_s:.1f} s were played in {elapsed_s:.1f} s.")
    return sentences


def _doubts(take: Take, found: Mapping[Message, Change]) -> list[str]:
    """What else explains that an event was not heard, in sentences."""
    sentences = []
    strangers = sum(event.source != "engine" for event in take.events) - len(found)
    if strangers:
        sentences.append(f"{strangers} events in the log are not ours: somebody else played along.")
    quiet = sum(change.level_db is not None and change.level_db < QUIETEST_DB for change in found.values())
    if quiet:
        sentences.append(f"{quiet} events came while the sound was below {QUIETEST_DB:g} dBFS.")
    broken = sum(change.level_db is None for change in found.values())
    if broken:
        sentences.append(f"{broken} events led to samples that are not finite, or had no time to be heard.")
    return sentences


def swap_series(count: int, levels: int, slots: Sequence[int]) -> list[tuple[str, tuple[Any, ...]]]:
    """Level after level from one slot after the other: on, off, on, off.

    >>> swap_series(3, 2, [1, 5])
    [('swap', (0, 1, 1.0)), ('swap', (0, 'off', 1.0)), ('swap', (1, 5, 1.0))]
    """
    if not slots:
        raise DistillError("the model holds no sounds to swap with", fix="train it again")
    return [
        ("swap", ((n // 2) % levels, slots[(n // 2) % len(slots)] if n % 2 == 0 else "off", 1.0)) for n in range(count)
    ]


def temperature_series(count: int) -> list[tuple[str, tuple[Any, ...]]]:
    """From one end to the other and back."""
    return [("temperature", (TEMPERATURES[n % 2],)) for n in range(count)]


def _timed(
    series: Sequence[tuple[str, tuple[Any, ...]]], gap_s: tuple[float, float], rng: np.random.Generator
) -> list[Message]:
    """At random moments, so that every phase of the block is met."""
    at_s = LEAD_IN_S + np.cumsum(rng.uniform(*gap_s, len(series)))
    return [Message(float(at), path, args) for at, (path, args) in zip(at_s, series, strict=True)]


def output_clock(play: Playing, finished: Line) -> OutputClock:
    """The clock of a run.

    Raises:
        DistillError: its status lines do not say enough.
    """
    pairs = [(float(s["output_s"]), int(s["output_frame"])) for s in play.statuses]
    try:
        return OutputClock.from_pairs(pairs, float(finished["output_latency_s"]), PERIOD)
    except ValueError:
        raise DistillError("play has said too little about its clock", fix="let it play longer") from None


def _way(
    series: str, message: Message, change: Change, clock: OutputClock, lead: int, latency_s: float
) -> Heard | None:
    """The event's way in milliseconds; None when it changed nothing that is heard."""
    if change.heard is None or change.differs is None:
        return None
    leaves_s = clock.moment_s(change.frame) - message.at_s
    total_s = clock.moment_s(change.frame + change.heard) - message.at_s
    ring_s, change_s = lead / RATE, change.differs / RATE
    parts_s = (leaves_s - ring_s - latency_s, ring_s, latency_s, change_s, total_s - leaves_s - change_s)
    return Heard(series, 1000.0 * total_s, *(round(1000.0 * part, 3) for part in parts_s))


def _describe(part: Part, name: str, sent: int, ways: Sequence[Heard | None], bar_ms: float | None) -> None:
    heard = [way for way in ways if way is not None]
    part.add(f"{name}: sent", sent)
    part.add(f"{name}: lost on the way", sent - len(ways), "", 0.0 if bar_ms is not None else None)
    part.add(f"{name}: changed nothing that is heard", len(ways) - len(heard))
    part.add_spread(f"{name}: packet to heard", spread(w.total_ms for w in heard), "ms", bar_ms)
    for field, text in NAMES.items():
        values = spread(getattr(way, field) for way in heard)
        part.add(f"{name}: of it {text}, p50", values.get("p50"), "ms")
        part.add(f"{name}: of it {text}, p95", values.get("p95"), "ms")
    part.details[name] = [asdict(way) for way in heard]
