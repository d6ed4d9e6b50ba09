"""From a packet to the change that is heard, found in the sound at the device's port, exact to the sample.

::

    sender (a process)     packet --- the server's frame time just before it leaves
    play --log             event at rendered frame e
    replay                 with the event and without it: differs at e + d, is heard at e + h
    tap (a process)        the port's samples with the server's frame times: the sample e + h is searched, bit for bit

The latency is the way from the first of these frames to the last. Nothing of it is what the instrument says of itself;
its log only says which event to look for. An event around which the recording is not what was rendered (a server that
was late) is not measured, and one that changed nothing is counted, not averaged in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from distill_live.cli.bench import series
from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.follow import Change, Followed, follow, strangers
from distill_live.cli.bench.heard import QUIETEST_DB, RATE
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.same_bits import find_runs, place_of
from distill_live.cli.bench.sender import Message, Performer
from distill_live.cli.bench.series import EDIT, MIDI, SAMPLING
from distill_live.cli.bench.tapped import Files, Tapped, TappedPlay, tapped_play
from distill_live.cli.jackserver import HOW_TO_HAVE_ONE
from distill_live.cli.offline import open_model
from distill_live.control.client import OscClient
from distill_live.errors import DistillError
from distill_live.models.playable import Playable

BARS_MS: Final = {EDIT: 100.0, SAMPLING: 150.0}
MIDI_ADDS_BAR_MS: Final = 8.3  # a device period and 3 ms
AROUND: Final = 480  # samples before and after the one that is heard that must be as they were rendered
MIDI_PORT: Final = "distill-live in"
NAMES: Final = {
    "packet_ms": "packet, wait for a block, render",
    "ring_ms": "ring",
    "effects_ms": "limiter's look-ahead",
    "codes_ms": "until other codes sound",
    "rise_ms": "until it is heard",
}


@dataclass(frozen=True)
class Way:
    """One event's way, in parts that add up to ``total_ms``.

    Attributes:
        kind: of control.
        packet_ms: packet, the wait for a block boundary, the rendering: whatever the other parts do not explain.
        ring_ms: the lead, which every block waits in the ring.
        effects_ms: what the effects hold every sound back.
        codes_ms: from there until the first sample that differs: the wait for a column that is not decoded yet.
        rise_ms: from there until the difference is heard.
    """

    kind: str
    total_ms: float
    packet_ms: float
    ring_ms: float
    effects_ms: float
    codes_ms: float
    rise_ms: float


def measure_leads(plan: Plan) -> list[Part]:
    """A part for each lead of the plan; the first has bars.

    Raises:
        DistillError: there is no audio server.
    """
    if plan.device != "system":
        raise DistillError("latency is measured at the port of a JACK server", fix=HOW_TO_HAVE_ONE)
    leads = (plan.lead, *(lead for lead in plan.more_leads if lead != plan.lead))
    return [measure_controls(plan, lead, with_bars=lead == plan.lead) for lead in leads]


def measure_controls(plan: Plan, lead: int, with_bars: bool = True) -> Part:
    """Edits, MIDI and temperatures in one take at this lead."""
    model = open_model(plan.model)
    slots = [number for number, _ in enumerate(model.sounds[:16], 1)]
    files, map_file = Files.within(plan.folder, f"latency-{lead}"), plan.folder / "latency.toml"
    map_file.write_text(series.midi_map(model.levels, slots), encoding="utf-8")
    with tapped_play(files, *plan.play_arguments(lead), "--map", str(map_file)) as play:
        sent = _perform(plan, play, model, slots)
        tapped = play.stop()
    followed = follow(model, tapped.take, [message for _, message in sent], lead)
    part = Part(f"latency at lead {lead}")
    behind_ms = 1000.0 * float(tapped.finished["output_latency_s"])
    part.details["beside_ms"] = {"behind_the_port_ms": round(behind_ms, 3)}
    _describe_all(part, sent, _ways(sent, followed, tapped), behind_ms, with_bars)
    part.add("underruns meanwhile", int(tapped.finished["underruns"]))
    part.add("server xruns meanwhile, as the tap was told", len(tapped.heard.xruns))
    part.notes += _doubts(followed, tapped)
    part.details["changes"] = [asdict(message) | asdict(change) for message, change in followed.changes.items()]
    return part


def _perform(plan: Plan, play: TappedPlay, model: Playable, slots: Sequence[int]) -> list[tuple[str, Message]]:
    port = int(play.play.wait_for("ready")["osc_port"])
    play.play.wait_for("sounding")
    rng = np.random.default_rng(plan.seed)
    by_swap = [kind for kind in (EDIT, MIDI) if kind in plan.kinds]
    swaps = series.edits(plan.events, model.levels, slots, by_swap) if by_swap else []
    drawn = series.temperatures(plan.events if SAMPLING in plan.kinds else 0)
    sent: list[tuple[str, Message]] = []
    for one, gap_s in ((swaps, plan.swap_gap_s), (drawn, plan.temperature_gap_s)):
        if one:
            timed = series.at_random(one, gap_s, rng)
            sent += zip([kind for kind, _ in timed], _send(port, [message for _, message in timed]), strict=True)
    with OscClient(port=port, timeout_s=10.0) as client:
        client.sync(1)
    return sent


def _send(port: int, messages: Sequence[Message]) -> list[Message]:
    midi_to = MIDI_PORT if any(message.midi for message in messages) else ""
    performer = Performer(port, messages, on_server=True, midi_to=midi_to)
    try:
        return performer.finish()
    finally:
        performer.stop()


# ------------------------------------------------------------------ what was found

LOST, UNHEARD, UNMEASURED = "lost on the way", "changed nothing that is heard", "not measured"

Outcome = Way | str


def _ways(sent: Sequence[tuple[str, Message]], followed: Followed, tapped: Tapped) -> list[tuple[str, Outcome]]:
    """Each event's way, or why there is none."""
    runs = find_runs(followed.sound, tapped.recorded)
    found: list[tuple[str, Outcome]] = []
    for kind, message in sent:
        change = followed.changes.get(message)
        if change is None:
            found.append((kind, LOST))
        elif change.heard is None or change.differs is None:
            found.append((kind, UNHEARD))
        else:
            place = place_of(runs, change.frame + change.heard, AROUND, AROUND)
            at = None if place is None else tapped.heard.server_frame(place)
            found.append((kind, UNMEASURED if at is None else way(kind, message.frame, change, at)))
    return found


def way(kind: str, sent_frame: int, change: Change, heard_frame: int) -> Way:
    """One event's way from the server's frame at which it was sent to that at which it is heard.

    >>> w = way("edit", 1000, Change(0, 73, 553, -20.0, lead=2048, effects=73), 5000)
    >>> round(w.total_ms, 2), round(w.packet_ms, 2), round(w.ring_ms, 2), round(w.rise_ms, 2)
    (83.33, 29.15, 42.67, 10.0)
    """
    assert change.heard is not None and change.differs is not None
    total = heard_frame - sent_frame
    effects = min(change.effects, change.differs)
    codes, rise = change.differs - effects, change.heard - change.differs
    parts = (total, total - change.lead - change.heard, change.lead, effects, codes, rise)
    return Way(kind, *(round(1000.0 * frames / RATE, 3) for frames in parts))


def _describe_all(
    part: Part,
    sent: Sequence[tuple[str, Message]],
    outcomes: Sequence[tuple[str, Outcome]],
    behind_ms: float,
    with_bars: bool,
) -> None:
    by_kind: dict[str, list[Way]] = {}
    for kind in dict.fromkeys(kind for kind, _ in sent):
        mine = [outcome for of, outcome in outcomes if of == kind]
        by_kind[kind] = [outcome for outcome in mine if isinstance(outcome, Way)]
        bar_ms = BARS_MS.get(kind) if with_bars else None
        _describe(part, kind, Counter(o for o in mine if isinstance(o, str)), by_kind[kind], behind_ms, bar_ms)
    if by_kind.get(EDIT) and by_kind.get(MIDI):
        _what_midi_adds(part, by_kind[EDIT], by_kind[MIDI], with_bars)


def _describe(
    part: Part, kind: str, missing: Counter[str], ways: Sequence[Way], behind_ms: float, bar_ms: float | None
) -> None:
    part.add(f"{kind}: sent", missing.total() + len(ways))
    part.add(f"{kind}: {LOST}", missing[LOST], "", None if bar_ms is None else 0.0)
    part.add(f"{kind}: {UNHEARD}", missing[UNHEARD])
    part.add(f"{kind}: {UNMEASURED}, the server was late", missing[UNMEASURED])
    totals = spread(w.total_ms for w in ways)
    part.add_spread(f"{kind}: packet to heard at the port", totals, "ms", bar_ms)
    p95 = totals.get("p95")
    behind = f"{kind}: and {behind_ms:.2f} ms that JACK says lie behind the port, p95"
    part.add(behind, None if p95 is None else p95 + behind_ms, "ms", bar_ms)
    means = {name: float(np.mean([getattr(w, name) for w in ways])) if ways else None for name in NAMES}
    for name, text in NAMES.items():
        part.add(f"{kind}: of it {text}, mean", means[name], "ms")
    total = {"total_ms": float(np.mean([w.total_ms for w in ways]))} if ways else {}
    part.details[kind] = {"ways": [asdict(w) for w in ways], "spread": totals, "parts_ms": means | total}


def _what_midi_adds(part: Part, osc: Sequence[Way], midi: Sequence[Way], with_bars: bool) -> None:
    """Until an event is in the engine; from there on both have the same way, but not the same luck."""
    by_osc, by_midi = (spread(w.packet_ms for w in ways) for ways in (osc, midi))
    adds = {which: round(by_midi[which] - by_osc[which], 3) for which in ("p50", "p95")}
    part.add("midi: what it adds to OSC, p50", adds["p50"], "ms", MIDI_ADDS_BAR_MS if with_bars else None)
    part.add("midi: what it adds to OSC, p95", adds["p95"], "ms", MIDI_ADDS_BAR_MS if with_bars else None)
    part.details["beside_ms"]["midi_adds_ms"] = adds


def _doubts(followed: Followed, tapped: Tapped) -> list[str]:
    """What would make the series worthless, or explains that an event was not heard, in sentences."""
    sentences = []
    if len(tapped.play.devices) > 1:
        states = ", ".join(f"{d.get('name')} {d.get('device_state')}" for d in tapped.play.devices)
        sentences.append(f"The output changed while the series was played: {states}.")
    if tapped.heard.lost:
        sentences.append(f"The disk was too slow for the tap: {tapped.heard.lost / RATE:.1f} s are missing.")
    others = strangers(tapped.take, followed.changes)
    if others:
        sentences.append(f"{others} events in the log are not ours: somebody else played along.")
    levels = [change.level_db for change in followed.changes.values()]
    quiet = sum(level is not None and level < QUIETEST_DB for level in levels)
    if quiet:
        sentences.append(f"{quiet} events came while the sound was below {QUIETEST_DB:g} dBFS.")
    broken = sum(level is None for level in levels)
    if broken:
        sentences.append(f"{broken} events led to samples that are not finite, or had no time to be heard.")
    return sentences
