"""``scripts/train_vocoder``: a learned vocoder from synthesised sound and from folders of recordings."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import click

from distill_live.cli.durations import parse_duration
from distill_live.errors import UsageError

SCRIPT: Final = "train_vocoder"


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/train_vocoder --out universal.vocoder --budget 20m
  scripts/train_vocoder --out universal.vocoder --budget 10h --adversarial --scenes 5000 --batch 32 cc0-recordings
  scripts/train_vocoder --out drones.vocoder --budget 5m --start universal.vocoder --scenes 0 drones""",
)
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("--budget", metavar="TIME", help="Wall-clock time for everything, e.g. 90s, 5m, 1h.  [default: 10m]")
@click.option(
    "--steps", type=click.IntRange(1), help="At most so many steps; without --budget, however long they take."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--width", type=int, help="Features of a frame.  [default: 128]")
@click.option("--depth", type=int, help="Blocks.  [default: 4]")
@click.option("--look-ahead", type=int, help="Frames waited for, 10.7 ms each.  [default: 1]")
@click.option("--rounds", type=int, help="Second looks at each frame; 0 without look-ahead.  [default: 2]")
@click.option("--batch", type=int, default=8, show_default=True, help="Segments in a step.")
@click.option("--scenes", type=int, default=90, show_default=True, help="Synthesised sounds of four seconds.")
@click.option("--adversarial", is_flag=True, help="Let a critic learn beside it; for a GPU.")
@click.option("--start", type=click.Path(path_type=Path), metavar="FILE", help="Begin as this vocoder (fine-tuning).")
@click.option(
    "--codec", type=click.Path(path_type=Path), metavar="MODEL", help="Learn from mels as its codec gives them."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random.")
@click.option("--threads", type=click.IntRange(1), help="Cores to use; all of them otherwise.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same name.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")
def command(
    folders: tuple[Path, ...],
    out: Path,
    budget: str | None,
    steps: int | None,
    device: str,
    width: int | None,
    depth: int | None,
    look_ahead: int | None,
    rounds: int | None,
    batch: int,
    scenes: int,
    adversarial: bool,
    start: Path | None,
    codec: Path | None,
    seed: int,
    threads: int | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a vocoder on synthesised sound and on FOLDERS. Ctrl-C saves what there is; --resume goes on."""
    started = time.monotonic()
    wanted = {"width": width, "depth": depth, "look_ahead": look_ahead, "rounds": rounds}
    shape = {name: value for name, value in wanted.items() if value is not None}
    if start is not None and shape:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in shape)
        raise UsageError(f"{start} brings its own size", fix=f"leave {options} out, or --start")
    default = "10m" if budget is None and steps is None else budget
    budget_s = None if default is None else parse_duration(default)
    from distill_live.training.machine import be_polite

    be_polite()  # before torch is loaded
    from distill_live.cli.training_view import view
    from distill_live.signals import StopFlag, stop_on_signals
    from distill_live.training.vocoder_run import VocoderCourse, train_vocoder

    course = VocoderCourse(
        folders=folders,
        **shape,
        scenes=scenes,
        budget_s=budget_s,
        steps=steps,
        device=device,
        batch=batch,
        adversarial=adversarial,
        start=start,
        codec=codec,
        seed=seed,
        threads=threads,
        resume=resume,
    )
    with stop_on_signals(StopFlag()) as stop:
        train_vocoder(out, course, view(as_json), stop, started)


def main() -> int:
    """``python -m distill_live.cli.train_vocoder``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
