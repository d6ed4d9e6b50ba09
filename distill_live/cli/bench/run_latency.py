"""``scripts/bench_latency``: how long it takes until a hand is heard, measured from outside. One thread."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench.figures import Part, Report
from distill_live.cli.bench.live_input import INPUT
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.series import EDIT, KINDS, MIDI, SAMPLING
from distill_live.cli.bench.stage import own_stage, publish, report_options
from distill_live.errors import UsageError
from distill_live.models.library import resolve

SCRIPT: Final = "bench_latency"
ALL: Final = (*KINDS, INPUT)
QUICK_EVENTS: Final = 3
QUICK: Final[dict[str, Any]] = {
    "swap_gap_s": (0.25, 0.35),
    "temperature_gap_s": (0.4, 0.5),
    "burst_gap_s": (0.5, 0.6),
}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/bench_latency
  scripts/bench_latency mine.distill --lead 512 --only edit --only midi
  scripts/bench_latency --write docs/benchmarks.md""",
)
@click.argument("model", required=False)
@click.option("--events", type=click.IntRange(1, 10_000), default=210, show_default=True, help="Of each kind.")
@click.option("--lead", type=click.IntRange(512, 48000), default=2048, show_default=True, help="Frames ahead.")
@click.option("--input-lead", type=click.IntRange(512, 48000), help="For the live input [as --lead].")
@click.option("--only", multiple=True, metavar="KIND", help=f"Measure only {', '.join(ALL)}; may be given often.")
@click.option("--model", "named", metavar="MODEL", help="The same as the argument MODEL.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the take and of the moments.")
@report_options
def command(
    model: str | None,
    events: int,
    lead: int,
    input_lead: int | None,
    only: tuple[str, ...],
    named: str | None,
    seed: int,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Measure from a packet, or an onset at the input, to what is heard. MODEL: as `play` takes it."""
    kinds = tuple(only or ALL)
    for kind in kinds:
        if kind not in ALL:
            raise UsageError(f"there is no kind {kind!r}", fix=f"use {', '.join(ALL)}")
    path = resolve(named or model)
    with own_stage(SCRIPT) as stage:
        controls = tuple(kind for kind in KINDS if kind in kinds)
        count, gaps = (QUICK_EVENTS, QUICK) if quick else (events, {})
        plan = Plan(str(path), stage.folder, lead=lead, seed=seed, events=count, kinds=controls, **gaps)
        parts = _measure(plan, input_lead or lead, INPUT in kinds)
        settings = {"model": path.stem, "lead": lead, "input lead": input_lead or lead, "output": stage.output}
        report = Report(stage.machine, settings, parts)
    code = publish(SCRIPT, report, as_json, write, latency_json(parts))
    return 0 if quick else code


def _measure(plan: Plan, input_lead: int, with_input: bool) -> list[Part]:
    from distill_live.cli.bench.latency import measure_controls
    from distill_live.cli.bench.live_input import measure_input

    parts = [measure_controls(plan, plan.lead)] if plan.kinds else []
    return parts + ([measure_input(plan, input_lead)] if with_input else [])


def latency_json(parts: Sequence[Part]) -> dict[str, Any]:
    """What machines are told: the spread of each kind, and means of the parts that add up to the mean of the whole.

    >>> latency_json([])["midi"]
    {'p50_ms': None, 'p95_ms': None, 'p99_ms': None, 'max_ms': None, 'n': 0}
    """
    details = {kind: found for part in parts for kind, found in part.details.items() if kind in ALL}
    body: dict[str, Any] = {}
    for kind in (EDIT, SAMPLING, MIDI, INPUT):
        spread = details.get(kind, {}).get("spread", {})
        body[kind] = {f"{which}_ms": spread.get(which) for which in ("p50", "p95", "p99", "max")}
        body[kind]["n"] = spread.get("n", 0)
    body["parts_ms"] = {kind: found["parts_ms"] for kind, found in details.items()}
    for part in parts:
        body["parts_ms"].update(part.details.get("beside_ms", {}))
    return body


def main() -> int:
    """``python -m distill_live.cli.bench.run_latency``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
