"""``scripts/bench_live``: the command line of the benchmark, and the order of its parts. One thread."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench import figures
from distill_live.cli.bench.figures import Part, Report
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.bench.plan import PARTS, Plan
from distill_live.cli.bench.stage import output_text, verdict
from distill_live.cli.jackserver import DummyServer, dummy_server
from distill_live.errors import DistillError
from distill_live.models.library import resolve

SCRIPT: Final = "bench_live"
QUICK: Final[dict[str, Any]] = {
    "more_leads": (),
    "chain_s": 1.5,
    "chain_rounds": 1,
    "underrun_s": 2.0,
    "events": 4,
    "swap_gap_s": (0.25, 0.35),
    "temperature_gap_s": (0.4, 0.5),
    "starts": 1,
    "offline_s": 6.0,
    "window_s": 2.0,
    "train": None,
}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/bench_live
  scripts/bench_live mine.distill --only latency --json
  scripts/bench_live --train ../shared/data/drones --write docs/benchmarks.md""",
)
@click.argument("model", required=False)
@click.option("--only", multiple=True, metavar="PART", help=f"Measure only {', '.join(PARTS)}; may be given often.")
@click.option("--lead", type=int, default=2048, show_default=True, help="Frames rendered ahead.")
@click.option("--events", type=int, default=60, show_default=True, help="Of each kind, in the latency part.")
@click.option("--offline-minutes", type=click.FloatRange(0.1, 6000), default=30.0, show_default=True)
@click.option("--train", type=click.Path(path_type=Path), help="Train on this folder and judge the result too.")
@click.option("--quality", type=click.Path(path_type=Path), help="quality.py, to count clicks [beside CORPUS/../..].")
@click.option("--quick", is_flag=True, help="A smoke test of half a minute: exit code 0, for its figures mean nothing.")
@click.option("--write", type=click.Path(path_type=Path), help="Fill the table between the markers of this page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str | None,
    only: tuple[str, ...],
    lead: int,
    events: int,
    offline_minutes: float,
    train: Path | None,
    quality: Path | None,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Measure the live instrument on this machine. MODEL: as `play` takes it. Exit code 1: a bar was missed."""
    resolve(model)  # say what is wrong with it before anything starts
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="distill-bench-")))
        plan = Plan(
            model,
            folder,
            lead=lead,
            events=events,
            offline_s=60.0 * offline_minutes,
            train=train,
            quality=quality or _quality_beside(train),
            only=frozenset(only or PARTS),
        )
        plan = replace(plan, **QUICK) if quick else plan
        machine = describe_machine()
        server = stack.enter_context(dummy_server(f"distill-bench-{os.getpid()}"))
        plan = plan if server else replace(plan, device="null")
        report = _measure(plan, machine, server, talk=not as_json)
    if write is not None:
        figures.write_between_markers(write, SCRIPT, report.markdown())
    if as_json:
        print(json.dumps(report.to_json(), indent=1, allow_nan=False))
    return 1 if report.missed and not quick else 0


def _measure(plan: Plan, machine: dict[str, Any], server: DummyServer | None, talk: bool) -> Report:
    settings = {
        "model": Path(plan.model).stem if plan.model else "the factory model",
        "lead": plan.lead,
        "output": output_text(server),
    }
    say: Callable[[str], None] = partial(print, flush=True) if talk else lambda _: None
    for name, value in {**machine, **settings}.items():
        say(f"{name:14} {value}")
    parts: list[Part] = []
    for name, measure in _measurements(plan):
        try:
            found = measure()
        except DistillError as error:  # the other parts are worth having
            found = [_failed(name, error)]
        parts += found
        for part in found:
            say("\n" + "\n".join(figures.text_lines(part)))
    report = Report(machine, settings, parts)
    say(f"\n{verdict(report)}")
    return report


def _failed(name: str, error: DistillError) -> Part:
    part = Part(name, notes=[str(error)])
    part.add("measured at all", None, "", 1.0, "at least")
    return part


def _measurements(plan: Plan) -> Iterator[tuple[str, Callable[[], list[Part]]]]:
    """The parts of the plan, in order; torch is loaded only when the first live parts are over."""
    from distill_live.cli.bench.chain import measure_chain
    from distill_live.cli.bench.start import measure_start
    from distill_live.cli.bench.underruns import measure_underruns

    if plan.does("start"):
        yield "start", lambda: [measure_start(plan)]
    if plan.does("chain"):
        yield "chain", lambda: [measure_chain(plan)]
    if plan.does("underruns"):
        yield "underruns", lambda: [measure_underruns(plan)]
    if plan.does("latency"):
        from distill_live.cli.bench.latency import measure_leads

        yield "latency", lambda: measure_leads(plan)
    if plan.does("offline"):
        from distill_live.cli.bench.offline import measure_offline

        yield "offline", lambda: [measure_offline(plan)]
    if plan.does("train"):
        from distill_live.cli.bench.training import measure_training

        yield "train", lambda: [measure_training(plan)]


def _quality_beside(train: Path | None) -> Path | None:
    return None if train is None else train.resolve().parent.parent / "tools" / "quality.py"


def main() -> int:
    """``python -m distill_live.cli.bench.run``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], "scripts/bench_live")


if __name__ == "__main__":
    sys.exit(main())
