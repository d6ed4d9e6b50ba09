"""The whole live chain's share of one core, with no hand on a knob and with temperature moving at every block.

Both kinds of run take turns (A B A B), so that what else the machine does meets them alike. The engine's processor
time is read from outside (Linux), the time of its blocks is its own.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any, Final

from distill_live.cli.bench.figures import Part, spread
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.playing import Playing, cpu_seconds, playing
from distill_live.cli.bench.sender import Message, Performer

MOVES_PER_S: Final = 100.0  # more often than there are blocks (93.75 a second)
SETTLE_S: Final = 0.5
ALIKE: Final = 1.10
SHARE_BAR: Final = 25.0
MEMORY_BAR_MB: Final = 700.0

Run = dict[str, Any]


def measure_chain(plan: Plan) -> Part:
    """The part ``chain``."""
    part = Part("chain")
    still: list[Run] = []
    moving: list[Run] = []
    for _ in range(plan.chain_rounds):
        still.append(_run(plan, move=False))
        moving.append(_run(plan, move=True))
    for name, runs in (("no hand on a knob", still), ("temperature moving", moving)):
        _describe(part, name, runs)
    for key, unit in (("cpu_percent", "CPU"), ("p50", "block p50"), ("p95", "block p95"), ("resident_mb", "memory")):
        part.add(f"moving / still, {unit}", _ratio(moving, still, key), "", ALIKE)
    part.notes.append(
        f"{plan.chain_rounds} runs of {plan.chain_s:g} s of each kind, taking turns; CPU is the engine process's own "
        "time, all threads; a block is 10.67 ms of sound. Where there are several runs, figures are their median; "
        f"temperature is sent {MOVES_PER_S:g} times a second by another process."
    )
    part.details = {"still": still, "moving": moving}
    return part


def _describe(part: Part, name: str, runs: list[Run]) -> None:
    part.add(f"{name}: engine's CPU time", _median(runs, "cpu_percent"), "% of a core", SHARE_BAR)
    part.add(f"{name}: CPU time of all our processes", _median(runs, "whole_percent"), "% of a core")
    loads = spread(100.0 * load for run in runs for load in run["loads"])
    part.add_spread(f"{name}: render loop's load", loads, "% of a core")
    for which in ("p50", "p95", "p99"):
        part.add(f"{name}: block, {which}", _median(runs, which), "ms")
    part.add(f"{name}: block, max", max(run["max"] for run in runs), "ms")
    part.add(f"{name}: engine's resident memory", _median(runs, "resident_mb"), "MB", MEMORY_BAR_MB)
    part.add(f"{name}: underruns", sum(run["underruns"] for run in runs))


def _run(plan: Plan, move: bool) -> Run:
    with playing(*plan.play_arguments()) as play:
        port = int(play.wait_for("ready")["osc_port"])
        play.wait_for("sounding")
        performer = Performer(port, temperature_moves(plan.chain_s + 2 * SETTLE_S)) if move else None
        time.sleep(SETTLE_S)
        share, whole, loads = _listen(play, plan.chain_s)
        if performer is not None:
            performer.stop()
        finished = play.stop()
    return {
        "cpu_percent": share,
        "whole_percent": whole,
        "loads": loads,
        **{which: float(finished["block_ms"][which]) for which in ("p50", "p95", "p99", "max")},
        "resident_mb": float(finished["resident_mb"]),
        "underruns": int(finished["underruns"]),
        "server_xruns": int(finished["server_xruns"]),
    }


def _listen(play: Playing, seconds: float) -> tuple[float | None, float | None, list[float]]:
    """Shares of a core in percent, of the engine and of all processes, and the loads reported meanwhile."""
    engine, pids = play.engine_pid(), play.pids()
    began_s, before = time.monotonic(), {pid: cpu_seconds(pid) for pid in pids}
    time.sleep(seconds)
    took_s = time.monotonic() - began_s
    spent = {pid: (cpu_seconds(pid) or 0.0) - (before[pid] or 0.0) for pid in pids}
    loads = [float(status["load"]) for status in play.statuses if status["at_s"] >= began_s]
    if engine is None:
        return None, None, loads
    return 100.0 * spent[engine] / took_s, 100.0 * sum(spent.values()) / took_s, loads


def temperature_moves(seconds: float) -> list[Message]:
    """A slow swing about 1, in steps that are all different from their neighbours.

    >>> len(temperature_moves(2.0))
    200
    """
    count = round(seconds * MOVES_PER_S)
    return [
        Message(n / MOVES_PER_S, "temperature", (1.0 + 0.4 * math.sin(2.0 * math.pi * n / 173.0),))
        for n in range(count)
    ]


def _median(runs: list[Run], key: str) -> float | None:
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def _ratio(moving: list[Run], still: list[Run], key: str) -> float | None:
    above, below = _median(moving, key), _median(still, key)
    return above / below if above is not None and below else None
