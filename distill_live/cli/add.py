"""``distill-live add``: a model hears more recordings."""

from __future__ import annotations

from pathlib import Path

import click

from distill_live.cli.durations import parse_duration


@click.command(
    "add",
    epilog="""\b
Example:
  distill-live add new-takes --to mine.distill
  distill-live add new-takes --to "night drones" --budget 10m""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", "model", required=True, metavar="MODEL", help="A .distill file, or a name in the library.")
@click.option("--budget", default="3m", show_default=True, metavar="TIME", help="Wall-clock time, e.g. 90s, 5m, 1h.")
@click.option("--kind", default="auto", show_default=True, help="auto, recurrent, transformer, markov or mixed.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")
def command(folder: Path, model: str, budget: str, kind: str, seed: int, as_json: bool) -> None:
    """Add the recordings in FOLDER to a model: its codes stay, its prior learns from old and new ones."""
    budget_s = parse_duration(budget)
    from distill_live.training.machine import be_polite

    be_polite()  # before torch is loaded
    from distill_live.cli.training_view import view
    from distill_live.models.library import resolve
    from distill_live.signals import StopFlag, stop_on_signals
    from distill_live.training.retrain import Course, add_recordings

    path = resolve(model)
    with stop_on_signals(StopFlag()) as stop:
        add_recordings(path, folder, view(as_json), Course(budget_s, seed, kind=kind), stop)
