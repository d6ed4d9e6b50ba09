"""``distill-live train``: a folder of recordings becomes a model."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import click

from distill_live.cli.durations import parse_duration
from distill_live.errors import UsageError


def parse_codec(pairs: Iterable[str]) -> dict[str, float]:
    """``NAME=VALUE`` pairs as numbers by name.

    >>> parse_codec(["decay=0.99"])
    {'decay': 0.99}

    Raises:
        UsageError: a pair is not that.
    """
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            found[name.strip()] = float(text)
        except ValueError:
            raise UsageError(f"{pair[:40]!r} is not NAME=VALUE", fix="write e.g. --codec decay=0.99") from None
    return found


@click.command(
    "train",
    epilog="""\b
Example:
  distill-live train my-sounds --out mine.distill
  distill-live train my-sounds --out "night drones" --budget 10m
  distill-live train my-sounds --out mine.distill --preset good --from factory
  distill-live train my-sounds --out mine.distill --epochs 40 --seed 7 --threads 2
  distill-live train my-sounds --out mine.distill --resume""",
)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="NAME", help="A .distill file, or a name for the library.")
@click.option("--budget", metavar="TIME", help="Wall-clock time for everything, e.g. 90s, 5m, 1h.  [default: 5m]")
@click.option(
    "--epochs", type=int, help="Stop after so many; with one seed and --threads the weights are the same again."
)
@click.option("--levels", type=int, default=3, show_default=True, help="Levels of codes, 2 to 4.")
@click.option("--grid", default="frames", show_default=True, help="frames, bands or reference: fine to coarse in time.")
@click.option("--codebook-size", type=int, help="Codes in each level, a power of two; the corpus decides otherwise.")
@click.option("--prior", default="auto", show_default=True, help="auto, recurrent, transformer, markov or mixed.")
@click.option("--preset", metavar="NAME", help="quick, good or best: so much learning, however long it takes here.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--from", "start", metavar="MODEL", help="Begin as this model's codec (factory: the one that came along)."
)
@click.option("--codec", "settings", multiple=True, metavar="NAME=VALUE", help="Another codec, e.g. decay=0.99.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same name.")
@click.option("--threads", type=int, help="Cores to use; all of them otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")
def command(
    corpus: Path,
    out: str,
    budget: str | None,
    epochs: int | None,
    levels: int,
    grid: str,
    codebook_size: int | None,
    prior: str,
    preset: str | None,
    device: str,
    start: str | None,
    settings: tuple[str, ...],
    seed: int,
    resume: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train a model on the folder CORPUS. Ctrl-C saves what there is; --resume goes on."""
    started = time.monotonic()  # loading torch counts too
    budget_s = parse_duration(budget) if budget is not None else None
    from distill_live.training.machine import be_polite

    be_polite()  # before torch is loaded
    from distill_live.cli.training_view import view
    from distill_live.models.library import place_for, resolve
    from distill_live.signals import StopFlag, stop_on_signals
    from distill_live.training.options import TrainOptions
    from distill_live.training.run import train_model

    options = TrainOptions(
        budget_s=budget_s,
        epochs=epochs,
        levels=levels,
        grid=grid,
        codebook_size=codebook_size,
        prior=prior,
        seed=seed,
        threads=threads,
        resume=resume,
        preset=preset,
        device=device,
        start=None if start is None else resolve(start),
        codec=parse_codec(settings),
    )
    path = place_for(out)
    with stop_on_signals(StopFlag()) as stop:
        train_model(corpus, path, options, view(as_json), stop, started)
    if not as_json and os.environ.get("RANK", "0") == "0":  # one of a team is enough
        print(f"play it with: distill-live play {out if ' ' not in out else repr(out)}")
