"""From the command to the first sound, and how much memory the engine then has."""

from __future__ import annotations

import time

from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.playing import playing

START_BAR_S = 4.0
MEMORY_BAR_MB = 700.0
LISTEN_S = 1.0


def measure_start(plan: Plan) -> Part:
    """The part ``start``: several starts, one after the other."""
    part = Part("start")
    times: list[float] = []
    memory: list[float] = []
    for _ in range(plan.starts):
        with playing(*plan.play_arguments()) as play:
            times.append(play.wait_for("sounding")["at_s"] - play.started_s)
            time.sleep(LISTEN_S)
            memory.append(float(play.stop()["resident_mb"]))
    for which, value in spread(times).items():
        if which != "n":
            part.add(f"command to first sound, {which}", value, "s", START_BAR_S)
    part.add("engine's resident memory, max", max(memory), "MB", MEMORY_BAR_MB)
    part.notes.append(f"{plan.starts} starts; `play` looks for the first sound ten times a second.")
    part.details = {"start_s": times, "resident_mb": memory}
    return part
