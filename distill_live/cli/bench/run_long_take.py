"""``scripts/long_take``: random hands; what is rendered, recorded and replayed is the same bits. One thread."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench.figures import Report
from distill_live.cli.bench.stage import keep_option, own_stage, publish, report_options
from distill_live.cli.jackserver import PERIOD
from distill_live.models.library import resolve

SCRIPT: Final = "long_take"
QUICK: Final[dict[str, Any]] = {"seconds": 5.0, "events": 20}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/long_take
  scripts/long_take --sync --lead 24000
  scripts/long_take mine.distill --minutes 2 --events 5000 --json""",
)
@click.argument("model", required=False)
@click.option("--minutes", type=click.FloatRange(0.05, 6000), default=10.0, show_default=True, help="Of play.")
@click.option("--events", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="By hand, in it.")
@click.option("--lead", type=click.IntRange(512, 48000), default=2048, show_default=True, help="Frames ahead.")
@click.option(
    "--period", type=click.IntRange(64, 4096), default=PERIOD, show_default=True, help="Of the server, frames."
)
@click.option("--sync", is_flag=True, help="The server waits for its clients: what is late is not lost at the port.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the take and of the events.")
@report_options
@keep_option
def command(
    model: str | None,
    minutes: float,
    events: int,
    lead: int,
    period: int,
    sync: bool,
    seed: int,
    keep: Path | None,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Play under random hands; one SHA-256 for what was rendered, recorded, replayed. Exit code 1: there are more."""
    path = resolve(model)
    from distill_live.cli.bench.long_take import LongPlan, long_part, play_long
    from distill_live.cli.bench.sibling import NAMES, stock_library
    from distill_live.cli.offline import open_model

    with own_stage(SCRIPT, keep, period, sync) as stage:
        first, _ = stock_library(path)
        levels = open_model(str(first)).levels
        arguments = [str(first), "--device", "system", "--lead", str(lead), "--seed", str(seed), "--osc-port", "0"]
        plan = LongPlan(60.0 * minutes, events, arguments, levels, NAMES, seed)
        plan = replace(plan, **QUICK) if quick else plan
        part = long_part(plan, stage.folder, play_long(plan, stage.folder))
        settings = {"model": path.stem, "lead": lead, "output": stage.output}
        code = publish(SCRIPT, Report(stage.machine, settings, [part]), as_json, write)
    return 0 if quick else code


def main() -> int:
    """``python -m distill_live.cli.bench.run_long_take``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
