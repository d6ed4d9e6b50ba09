"""What the engine leaves out when the machine is too slow, in which order, and whether it comes back.

One take in phases: calm, ``stress`` beside it at ordinary priority, a load that stands before the engine in growing
shares of each core, calm again. Every decision is read from the take's log; the replay must have the very samples. One
thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from distill_live.cli.bench import loglook
from distill_live.cli.bench.clicks import steps
from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.press import Press
from distill_live.cli.bench.tapped import Files, Tapped, tapped_play
from distill_live.cli.bench.tellings import compare_clicks, compare_replay, describe_gaps
from distill_live.engine.thrift import MOST

RATE: Final = 48000
STRESS: Final = "stress"  # the program, and the phase in which it runs


@dataclass(frozen=True)
class StrainPlan:
    """What is done.

    Attributes:
        arguments: of ``play``.
        lead: that it is asked for.
        calm_s: before, so long nothing is done.
        stress_s: so long ``stress`` runs.
        shares: of each core that are taken from the engine, one after the other.
        press_s: for so long each.
        after_s: to come back.
    """

    arguments: Sequence[str]
    lead: int
    calm_s: float = 10.0
    stress_s: float = 20.0
    shares: Sequence[float] = (0.65, 0.75, 0.83)
    press_s: float = 20.0
    after_s: float = 90.0


@dataclass(frozen=True)
class Phase:
    """A stretch of the take under one load.

    Attributes:
        name: of the load.
        began_s, ended_s: on the monotonic clock.
    """

    name: str
    began_s: float
    ended_s: float


def strain(plan: StrainPlan, folder: Path) -> tuple[Tapped, list[Phase], bool]:
    """The take, its phases, and whether the load stood before the engine."""
    realtime = True
    phases: list[Phase] = []
    with tapped_play(Files.within(folder), *plan.arguments) as play:
        play.play.wait_for("sounding")
        phases.append(_wait("calm", plan.calm_s))
        with _stress():
            phases.append(_wait(STRESS, plan.stress_s))
        for share in plan.shares:
            press = Press(share)
            realtime = realtime and press.realtime
            phases.append(_wait(f"{100 * share:.0f} % of each core taken", plan.press_s))
            press.stop()
        phases.append(_wait("calm again", plan.after_s))
        return play.stop(), phases, realtime


def _wait(name: str, seconds: float) -> Phase:
    began_s = time.monotonic()
    time.sleep(seconds)
    return Phase(name, began_s, time.monotonic())


@contextlib.contextmanager
def _stress() -> Iterator[None]:
    """``stress`` with two workers a core, where it is installed."""
    if shutil.which(STRESS) is None:
        yield
        return
    quiet = subprocess.DEVNULL
    command = [STRESS, "--cpu", str(2 * (os.cpu_count() or 1))]
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


# ------------------------------------------------------------------ what was found


def strain_part(plan: StrainPlan, folder: Path, tapped: Tapped, phases: Sequence[Phase], realtime: bool) -> Part:
    """The degrees in order, every one an event, and back; the sound without a click, and its replay the same."""
    part = Part("strain")
    events, frames = loglook.by_the_engine(tapped.files.log), len(tapped.rendered)
    efforts = loglook.course(events, loglook.EFFORT, 0)
    leads = loglook.course(events, loglook.LEAD, plan.lead)
    _describe_phases(part, tapped, phases)
    part.add("degree of thrift, highest", loglook.largest(efforts), "", 1.0, "at least")
    part.add("degrees entered out of order", out_of_order([value for _, value in efforts]), "", 0.0)
    part.add("lead, longest", loglook.largest(leads), "frames")
    part.add("degree of thrift at the end", efforts[-1][1], "", 0.0)
    part.add("lead at the end", leads[-1][1], "frames")
    part.add("with thrift", 100.0 * loglook.share_above(efforts, 0, frames), "% of the time")
    part.add("blocks stretched", sum(event.address.endswith("/stretch") for event in events))
    describe_gaps(part, tapped, dry_bar=None)  # nothing can play without a processor: counted, faded, owned up to
    compare_clicks(part, tapped)
    compare_replay(part, tapped, folder)
    part.notes.append("thrift " + course_text(efforts))
    part.notes.append("lead " + course_text(leads))
    if shutil.which(STRESS) is None:
        part.notes.append(f"{STRESS} is not installed: that phase was calm.")
    if not realtime:
        part.notes.append("No real time was granted: the load did not stand before the engine.")
    part.details |= {"thrift": efforts, "lead": leads, "steps": steps(tapped.rendered).tolist()}
    return part


def _describe_phases(part: Part, tapped: Tapped, phases: Sequence[Phase]) -> None:
    for phase in phases:
        within = [s for s in tapped.play.statuses if phase.began_s + 1.0 < s["at_s"] <= phase.ended_s]
        loads = spread(100.0 * float(status["load"]) for status in within)
        part.add(f"{phase.name}: render loop's load, p50", loads.get("p50"), "%")
        part.add(f"{phase.name}: render loop's load, max", loads.get("max"), "%")
        dry = [int(status["xruns"]) for status in within]
        part.add(f"{phase.name}: underruns", dry[-1] - dry[0] if dry else None)


def out_of_order(degrees: Sequence[int]) -> int:
    """How often a degree did not follow the one before it, up or down.

    >>> out_of_order([0, 1, 2, 3, 2, 1, 0]), out_of_order([0, 2, 0])
    (0, 2)
    """
    return sum(abs(b - a) != 1 or not 0 <= b <= MOST for a, b in pairwise(degrees))


def course_text(course: Sequence[tuple[int, int]]) -> str:
    """How a number went, for people.

    >>> course_text([(0, 2048), (480000, 2560)])
    '2048 at 0.0 s, 2560 at 10.0 s'
    """
    return ", ".join(f"{value} at {frame / RATE:.1f} s" for frame, value in course)
