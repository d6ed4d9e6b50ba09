"""A long play among a crowd: does it ever run dry, click, leave a gap, grow, or differ from what it says it played?

``Soak`` plays and watches; ``soak_parts`` holds the three tellings of the take against each other afterwards. Ctrl-C
ends the play early; what was measured until then is told all the same. One thread.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from distill_live.cli.bench import loglook
from distill_live.cli.bench.crowd import Crowd, Crowded
from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.playing import Playing, cpu_seconds, resident_mb
from distill_live.cli.bench.same_bits import Gap
from distill_live.cli.bench.tapped import Files, Tapped, TappedPlay, tapped_play
from distill_live.cli.bench.tellings import compare_clicks, compare_digests, describe_gaps
from distill_live.control.client import OscClient
from distill_live.errors import DistillError

RATE: Final = 48000
LOOK_S: Final = 1.0
SETTLED: Final = 0.1  # of the time is left out of the line through the memory: the engine is still warming up
MEMORY_BAR_MB: Final = 700.0
STOOD_STILL_REACH_S: Final = 0.5


@dataclass(frozen=True)
class SoakPlan:
    """What is done for how long.

    Attributes:
        seconds: of play.
        arguments: of ``play``.
        lead: that it is asked for.
        levels: of the model.
        corpus: that is trained on beside it.
        per_s: OSC messages a second.
        seed: of the messages.
        say_s: seconds between two lines of progress.
        replay_s: so much of the take is replayed.
    """

    seconds: float
    arguments: Sequence[str]
    lead: int
    levels: int
    corpus: Path
    per_s: int = 1000
    seed: int = 7
    say_s: float = 30.0
    replay_s: float = 120.0


@dataclass
class Watched:
    """What was seen while it played, a sample a second."""

    moments_s: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    engine_cpu_s: float | None = None
    cpu_s: float | None = None
    lasted_s: float = 0.0
    sounding_s: float = 0.0
    interrupted: bool = False


def soak(plan: SoakPlan, folder: Path) -> tuple[Tapped, Watched, Crowded]:
    """Play, until the time is over or somebody has had enough."""
    with tapped_play(Files.within(folder), *plan.arguments) as play:
        port = int(play.play.wait_for("ready")["osc_port"])
        sounding_s = play.play.wait_for("sounding")["at_s"]
        with Crowd(port, plan.per_s, plan.levels, plan.corpus, folder, plan.seed) as crowd:
            watched = _watch(plan, play, crowd, port)
            crowded = crowd.leave()
        watched.sounding_s = sounding_s
        return play.stop(), watched, crowded


def _watch(plan: SoakPlan, play: TappedPlay, crowd: Crowd, port: int) -> Watched:
    watched, engine, began_s = Watched(), play.play.engine_pid(), time.monotonic()
    before = _cpu(play.play)
    said_s = began_s
    try:
        while (passed_s := time.monotonic() - began_s) < plan.seconds and play.play.process.poll() is None:
            time.sleep(min(LOOK_S, plan.seconds - passed_s))
            crowd.learner.look()
            now_mb = resident_mb(engine)
            if now_mb is not None:
                watched.moments_s.append(time.monotonic() - began_s)
                watched.resident_mb.append(now_mb)
            if time.monotonic() - said_s >= plan.say_s:
                said_s = time.monotonic()
                _say(play, crowd, port, said_s - began_s, now_mb)
    except KeyboardInterrupt:
        watched.interrupted = True
        print("ending early; the report follows.", file=sys.stderr)
    watched.lasted_s = time.monotonic() - began_s
    after = _cpu(play.play)
    watched.engine_cpu_s, watched.cpu_s = (
        None if a is None or b is None else a - b for a, b in zip(after, before, strict=True)
    )
    return watched


def _cpu(play: Playing) -> tuple[float | None, float | None]:
    """Processor seconds so far: of the engine, and of all processes of the instrument."""
    all_of_them = [seconds for seconds in map(cpu_seconds, play.pids()) if seconds is not None]
    return cpu_seconds(play.engine_pid()), sum(all_of_them) if all_of_them else None


def _say(play: TappedPlay, crowd: Crowd, port: int, passed_s: float, now_mb: float | None) -> None:
    """A line of progress."""
    status = play.play.statuses[-1] if play.play.statuses else {}
    idle, lead, thrift = crowd.idle.counts(), "?", "?"
    with contextlib.suppress(DistillError), OscClient(port=port, timeout_s=1.0) as client:
        lead, thrift = (f"{float(client.get(name)):.0f}" for name in ("engine.ring", "engine.thrift"))
    underruns, xruns = status.get("xruns", "?"), idle.get("xruns", "?")
    print(
        f"{passed_s / 60:6.1f} min  underruns {underruns}  server xruns {xruns} (idle)  "
        f"lead {lead}  thrift {thrift}  load {100 * float(status.get('load', 0)):.0f} %  engine {now_mb or 0:.0f} MB",
        file=sys.stderr,
        flush=True,
    )


# ------------------------------------------------------------------ what was found


def soak_parts(plan: SoakPlan, folder: Path, tapped: Tapped, watched: Watched, crowded: Crowded) -> list[Part]:
    """Everything there is to tell."""
    sound = Part("sound")
    frames = len(tapped.rendered)
    sound.add("played", frames / RATE / 60.0, "min")
    describe_gaps(sound, tapped)
    compare_clicks(sound, tapped)
    compare_digests(sound, tapped, min(frames, round(plan.replay_s * RATE)), folder)
    if watched.interrupted:
        sound.notes.append("Ended early by Ctrl-C.")
    return [sound, _engine(plan, tapped, watched), _machine(tapped, crowded)]


def _engine(plan: SoakPlan, tapped: Tapped, watched: Watched) -> Part:
    part, finished, frames = Part("engine"), tapped.finished, len(tapped.rendered)
    events = loglook.by_the_engine(tapped.files.log)
    lead, thrift = (loglook.course(events, a, first) for a, first in ((loglook.LEAD, plan.lead), (loglook.EFFORT, 0)))
    part.add("started again", len([line for line in tapped.play.lines if line.get("state") == "relaunch"]), "", 0.0)
    part.add("CPU time", _percent(watched.engine_cpu_s, watched.lasted_s), "% of a core")
    part.add("CPU time of all our processes", _percent(watched.cpu_s, watched.lasted_s), "% of a core")
    loads = [100.0 * float(s["load"]) for s in tapped.play.statuses if s["at_s"] > watched.sounding_s]
    part.add_spread("render loop's load", spread(loads), "% of a core")
    for which in ("p50", "p95", "p99", "max"):
        part.add(f"block, {which}", float(finished["block_ms"][which]), "ms")
    part.add("lead, longest", loglook.largest(lead), "frames")
    part.add("lead, above the one asked for", 100.0 * loglook.share_above(lead, plan.lead, frames), "% of the time")
    part.add("thrift, highest degree", loglook.largest(thrift))
    part.add("thrift, above none", 100.0 * loglook.share_above(thrift, 0, frames), "% of the time")
    part.add("blocks stretched", sum(event.address.endswith("/stretch") for event in events))
    _memory(part, watched)
    part.details |= {"finished": finished, "lead": lead, "thrift": thrift, "memory_mb": watched.resident_mb}
    return part


def _percent(seconds: float | None, of_s: float) -> float | None:
    return None if seconds is None or of_s <= 0 else 100.0 * seconds / of_s


def _memory(part: Part, watched: Watched) -> None:
    found = growth(watched.moments_s, watched.resident_mb)
    part.add("resident memory at the begin", found.get("begin"), "MB")
    part.add("resident memory at the end", found.get("end"), "MB", MEMORY_BAR_MB)
    part.add("resident memory, grown by", found.get("grown"), "MB")
    part.add("resident memory, slope of the line through it", found.get("per_hour"), "MB an hour")


def growth(moments_s: Sequence[float], sizes_mb: Sequence[float]) -> dict[str, float]:
    """How a size went: its begin and end (medians of ten samples), once settled, and the line through it.

    >>> found = growth(range(0, 3600), [600.0 + n / 360 for n in range(3600)])
    >>> round(found["begin"], 1), round(found["grown"], 1), round(found["per_hour"], 1)
    (601.0, 9.0, 10.0)
    """
    skip = int(SETTLED * len(sizes_mb))
    times, sizes = np.asarray(moments_s[skip:], np.float64), np.asarray(sizes_mb[skip:], np.float64)
    if len(sizes) < 3:
        return {}
    begin, end = float(np.median(sizes[:10])), float(np.median(sizes[-10:]))
    return {
        "begin": begin,
        "end": end,
        "grown": end - begin,
        "per_hour": 3600.0 * float(np.polyfit(times, sizes, 1)[0]),
    }


def _machine(tapped: Tapped, crowded: Crowded) -> Part:
    part = Part("machine and crowd")
    part.add("server xruns, seen by our device", int(tapped.finished["server_xruns"]))
    part.add("server xruns, seen by the tap", len(tapped.heard.xruns))
    part.add("server xruns, seen by an idle client", crowded.idle.get("xruns"))
    late_ms = spread(1000.0 * one.late_s for one in crowded.standstills)
    part.add("times a core stood still for more than 5 ms", len(crowded.standstills))
    part.add("the longest of them", late_ms.get("max", 0.0), "ms")
    beside = [gap for gap in tapped.owned.underrun if stood_still_beside(gap, tapped, crowded)]
    part.add("underruns while a core stood still", len(beside))
    part.add("OSC messages sent", crowded.osc, "/s")
    part.add("MIDI clocks and knob turns sent", crowded.midi, "/s")
    part.add("terminal app drew", float(crowded.screen.get("drawn_bytes", 0)) / 1000.0, "kB")
    part.add("terminal app was there to the end", float(crowded.screen.get("alive", False)), "", 1.0, "at least")
    part.add("trainings begun", crowded.trainings)
    part.add("trainings that failed", crowded.failed)
    if not crowded.realtime:
        part.notes.append("The watchers were not granted real time: what they saw may be the load's doing.")
    part.details["standstills"] = [vars(one) for one in crowded.standstills]
    return part


def stood_still_beside(gap: Gap, tapped: Tapped, crowded: Crowded) -> bool:
    """Whether a core stood still just before or while a gap was recorded."""
    at_s = tapped.heard.moment_s(tapped.heard.server_frame(gap.recorded))
    return any(
        one.at_s - STOOD_STILL_REACH_S <= at_s <= one.at_s + one.late_s + STOOD_STILL_REACH_S
        for one in crowded.standstills
    )
