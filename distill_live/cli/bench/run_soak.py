"""``scripts/soak``: a long play among a crowd, recorded at the device's port. One thread."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.bench.figures import Report
from distill_live.cli.bench.stage import keep_option, own_stage, publish, report_options
from distill_live.errors import UsageError
from distill_live.models.library import resolve

SCRIPT: Final = "soak"
QUICK: Final[dict[str, Any]] = {"seconds": 4.0, "say_s": 2.0, "replay_s": 2.0}


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/soak --minutes 60
  scripts/soak mine.distill --minutes 10 --lead 1024 --train ../shared/data/drones --json""",
)
@click.argument("model", required=False)
@click.option("--minutes", type=click.FloatRange(0.05, 6000), default=60.0, show_default=True, help="Of play.")
@click.option("--lead", type=click.IntRange(512, 48000), default=2048, show_default=True, help="Frames ahead.")
@click.option("--train", type=click.Path(path_type=Path), help="Recordings to train on beside it [the demo's].")
@click.option("--messages", type=click.IntRange(1, 20_000), default=1000, show_default=True, help="OSC, a second.")
@click.option("--replay-minutes", type=click.FloatRange(0.01, 6000), default=2.0, show_default=True, help="Replayed.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the take and of the messages.")
@report_options
@keep_option
def command(
    model: str | None,
    minutes: float,
    lead: int,
    train: Path | None,
    messages: int,
    replay_minutes: float,
    seed: int,
    keep: Path | None,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> int:
    """Play among a flood of OSC, MIDI, the terminal app and a training; Ctrl-C ends it early, with its report.

    An hour takes 3 GB of disk, until it is over. Exit code 1: a bar was missed.
    """
    path = resolve(model)
    if train is not None and not train.is_dir():
        raise UsageError(f"{train} is no folder", fix="give --train a folder of recordings")
    from distill_live.cli.bench.soak import SoakPlan, soak, soak_parts
    from distill_live.cli.offline import open_model

    with own_stage(SCRIPT, keep) as stage:
        levels = open_model(str(path)).levels
        arguments = (str(path), "--device", "system", "--lead", str(lead), "--seed", str(seed), "--osc-port", "0")
        corpus = train or _demo_corpus(stage.folder)
        plan = SoakPlan(60.0 * minutes, arguments, lead, levels, corpus, messages, seed, replay_s=60.0 * replay_minutes)
        plan = replace(plan, **QUICK) if quick else plan
        tapped, watched, crowded = soak(plan, stage.folder)
        parts = soak_parts(plan, stage.folder, tapped, watched, crowded)
        settings = {"model": path.stem, "lead": lead, "OSC messages a second": messages, "output": stage.output}
        report = Report(stage.machine, settings, parts)
        code = publish(SCRIPT, report, as_json, write)
    return 0 if quick else code


def _demo_corpus(folder: Path) -> Path:
    from distill_live.audio.demo_corpus import make_demo_corpus

    make_demo_corpus(folder / "corpus")
    return folder / "corpus"


def main() -> int:
    """``python -m distill_live.cli.bench.run_soak``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
