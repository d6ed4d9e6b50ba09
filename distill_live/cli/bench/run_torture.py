"""``scripts/torture``: never a click, whatever cuts into the sound. One thread."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench.figures import Report
from distill_live.cli.bench.stage import keep_option, own_stage, publish, report_options
from distill_live.models.library import resolve

SCRIPT: Final = "torture"
QUICK: Final[dict[str, Any]] = {"times": 1, "gap_s": (0.1, 0.15)}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/torture
  scripts/torture mine.distill --times 200 --json""",
)
@click.argument("model", required=False)
@click.option("--times", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Of each cut.")
@click.option("--lead", type=click.IntRange(512, 48000), default=2048, show_default=True, help="Frames ahead.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the take and of the order.")
@report_options
@keep_option
def command(
    model: str | None,
    times: int,
    lead: int,
    seed: int,
    keep: Path | None,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Swap models, jump to presets, bypass, stop, start and panic, again and again. Exit code 1: a bar was missed."""
    path = resolve(model)
    from distill_live.cli.bench.sibling import stock_library
    from distill_live.cli.bench.torture import TorturePlan, torture, torture_part

    with own_stage(SCRIPT, keep) as stage:
        first, _ = stock_library(path)
        arguments = [str(first), "--device", "system", "--lead", str(lead), "--seed", str(seed), "--osc-port", "0"]
        plan = TorturePlan(times, arguments, seed=seed)
        plan = replace(plan, **QUICK) if quick else plan
        tapped = torture(plan, stage.folder)
        part = torture_part(plan, stage.folder, tapped)
        settings = {"model": path.stem, "lead": lead, "output": stage.output}
        code = publish(SCRIPT, Report(stage.machine, settings, [part]), as_json, write)
    return 0 if quick else code


def main() -> int:
    """``python -m distill_live.cli.bench.run_torture``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
