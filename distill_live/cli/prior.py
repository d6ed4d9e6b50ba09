"""``distill-live prior``: a model's prior again, from what its file holds."""

from __future__ import annotations

import click

from distill_live.cli.durations import parse_duration


@click.command(
    "prior",
    epilog="""\b
Example:
  distill-live prior mine.distill
  distill-live prior "night drones" --budget 10m --seed 3""",
)
@click.argument("model")
@click.option("--budget", default="3m", show_default=True, metavar="TIME", help="Wall-clock time, e.g. 90s, 5m, 1h.")
@click.option("--kind", default="auto", show_default=True, help="auto, recurrent, transformer, markov or mixed.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")
def command(model: str, budget: str, kind: str, seed: int, as_json: bool) -> None:
    """Train the prior of MODEL (a .distill file or a name in the library) again; no recordings are needed."""
    budget_s = parse_duration(budget)
    from distill_live.training.machine import be_polite

    be_polite()  # before torch is loaded
    from distill_live.cli.training_view import view
    from distill_live.models.library import resolve
    from distill_live.signals import StopFlag, stop_on_signals
    from distill_live.training.retrain import Course, retrain_prior

    path = resolve(model)
    with stop_on_signals(StopFlag()) as stop:
        retrain_prior(path, view(as_json), Course(budget_s, seed, kind=kind), stop)
