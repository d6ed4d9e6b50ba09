"""``scripts/strain``: what is left out when the machine is too slow, in which order, and back. One thread."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench.figures import Report
from distill_live.cli.bench.stage import keep_option, own_stage, publish, report_options
from distill_live.models.library import resolve

SCRIPT: Final = "strain"
QUICK: Final[dict[str, Any]] = {"calm_s": 1.0, "stress_s": 1.0, "shares": (0.6,), "press_s": 2.0, "after_s": 1.0}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/strain
  scripts/strain mine.distill --lead 1024 --json""",
)
@click.argument("model", required=False)
@click.option("--lead", type=click.IntRange(512, 48000), default=2048, show_default=True, help="Frames ahead.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the take.")
@report_options
@keep_option
def command(
    model: str | None,
    lead: int,
    seed: int,
    keep: Path | None,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Play while the cores are taken away, and give them back. Exit code 1: a bar was missed."""
    path = resolve(model)
    from distill_live.cli.bench.strain import StrainPlan, strain, strain_part

    with own_stage(SCRIPT, keep) as stage:
        arguments = [str(path), "--device", "system", "--lead", str(lead), "--seed", str(seed), "--osc-port", "0"]
        plan = StrainPlan(arguments, lead)
        plan = replace(plan, **QUICK) if quick else plan
        part = strain_part(plan, stage.folder, *strain(plan, stage.folder))
        settings = {"model": path.stem, "lead": lead, "output": stage.output}
        code = publish(SCRIPT, Report(stage.machine, settings, [part]), as_json, write)
    return 0 if quick else code


def main() -> int:
    """``python -m distill_live.cli.bench.run_strain``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
