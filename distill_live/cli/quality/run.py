"""``scripts/bench_quality``: train candidates for the same time on the same recordings, and judge them on others.

Candidates are screened for a minute on the first split; the best two have the whole budget, on every split. With one
candidate there is nothing to screen. Each training is a process of its own at the cores it is given; judging is this
process. One thread.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from distill_live.cli.bench.figures import write_between_markers
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.bench.playing import distill
from distill_live.cli.bench.training import run_program
from distill_live.cli.durations import parse_duration
from distill_live.cli.quality.candidates import CANDIDATES, DEFAULT, candidate
from distill_live.cli.quality.tables import Trial, markdown
from distill_live.errors import UsageError
from distill_live.training.material import END

SCRIPT: Final = "bench_quality"
SCREEN_S: Final = 60.0
FINALISTS: Final = 2
RATE: Final = 48000
HOP: Final = 512


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/bench_quality --budget 5m ../shared/data/beats
  scripts/bench_quality --budget 5m ../shared/data/beats ../shared/data/drones --write docs/quality.md
  scripts/bench_quality --budget 2m my-sounds --candidate frames --candidate bands --splits 3""",
)
@click.argument("corpora", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--budget", default="5m", show_default=True, metavar="TIME", help="Of each training.")
@click.option("--candidate", "names", multiple=True, metavar="NAME", help=f"One of {', '.join(CANDIDATES)}.")
@click.option("--splits", type=click.IntRange(1, 20), default=1, show_default=True, help="Seeds, each its own split.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 100), default=1, show_default=True, help="The first of them.")
@click.option("--others", type=click.Path(path_type=Path), help="Judge on this folder too, as a set nobody trained on.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Draw into this folder.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave the models here, and take those that are.")
@click.option("--write", type=click.Path(path_type=Path), help="Fill the table between the markers of this page.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write everything into this file.")
def command(
    corpora: tuple[Path, ...],
    budget: str,
    names: tuple[str, ...],
    splits: int,
    seed: int,
    others: Path | None,
    pictures: Path | None,
    keep: Path | None,
    write: Path | None,
    out: Path | None,
) -> None:
    """Train on each folder of CORPORA and judge on the recordings that were held out."""
    chosen = names or (DEFAULT,)
    for name in chosen:
        candidate(name)
    for folder in (*corpora, *([others] if others else [])):
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", fix="give folders of recordings")
    budget_s, machine = parse_duration(budget), describe_machine()
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="distill-quality-") as scratch:
        place = keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        for corpus in corpora:
            finalists = chosen
            if len(chosen) > FINALISTS:
                screened = [_trial(corpus, name, seed, SCREEN_S, place, others, None) for name in chosen]
                trials += screened
                finalists = best_of(screened)
            for name in finalists:
                for split in range(seed, seed + splits):
                    draw = pictures if split == seed else None
                    trials.append(_trial(corpus, name, split, budget_s, place, others, draw))
    text = markdown(machine, trials)
    print(text)
    if write is not None:
        write_between_markers(write, SCRIPT, text)
    if out is not None:
        body = {"machine": machine, "trials": [vars(trial) for trial in trials]}
        out.write_text(json.dumps(body, indent=1), encoding="utf-8")


def best_of(trials: Sequence[Trial]) -> tuple[str, ...]:
    """The candidates with the smallest error on held-out recordings."""
    by_error = sorted(trials, key=lambda trial: trial.verdict["reconstruction"]["distances"]["mrstft"])
    return tuple(trial.candidate for trial in by_error[:FINALISTS])


def _trial(
    corpus: Path, name: str, seed: int, budget_s: float, place: Path, others: Path | None, pictures: Path | None
) -> Trial:
    model = place / f"{corpus.name}-{name}-{seed}-{budget_s:.0f}s.distill"
    options = options_of(name)
    print(f"training {model.stem}", file=sys.stderr, flush=True)
    budget = f"{budget_s:g}s"
    if not model.exists():
        run_program(
            distill("train", str(corpus), "--out", str(model), "--budget", budget, "--seed", str(seed), *options)
        )
    return Trial(corpus.name, name, seed, budget_s, _judged(model, corpus, others, seed, pictures))


def options_of(name: str) -> list[str]:
    """A candidate as options of ``train``.

    >>> options_of("bands"), options_of("eight-dimensions")
    (['--grid', 'bands'], ['--codec', 'codebook_dim=8'])
    """
    found: list[str] = []
    for key, value in candidate(name).items():
        if key == "codec":
            found += [part for setting, number in value.items() for part in ("--codec", f"{setting}={number}")]
        else:
            found += [f"--{key.replace('_', '-')}", str(value)]
    return found


def held_out_files(corpus: Path, names: Sequence[str], place: Path) -> list[Path]:
    """The recordings of these names; of ``NAME (end)`` the end that training held out, as a file in ``place``."""
    import soundfile

    from distill_live.audio.files import read_audio
    from distill_live.audio.split import TAIL_FRACTION, cut_tail

    found = []
    for name in names:
        if not name.endswith(END):
            found.append(corpus / name)
            continue
        whole = corpus / name.removesuffix(END)
        samples = read_audio(whole, RATE).mono()
        _, tail = cut_tail(np.zeros((1, -(-len(samples) // HOP)), np.float32), TAIL_FRACTION)
        found.append(place / f"{whole.stem}-end.wav")
        soundfile.write(found[-1], samples[-tail.shape[1] * HOP :], RATE, subtype="FLOAT")
    return found


def _judged(path: Path, corpus: Path, others: Path | None, seed: int, pictures: Path | None) -> dict[str, Any]:
    from distill_live.cli.offline import open_model
    from distill_live.cli.quality.judge import judge, reconstruct
    from distill_live.cli.quality.pictures import draw_curves, draw_pairs, draw_played

    model = open_model(str(path))
    facts = model.metadata["training"]
    held_out = held_out_files(corpus, facts["held_out"], path.parent)
    training = [corpus / name for name in facts["files"] if name not in set(facts["held_out"])]
    found = judge(model, held_out, training, seed)
    verdict = found.to_json()
    if others is not None and others.resolve() != corpus.resolve():
        paths = sorted(path for path in others.iterdir() if path.is_file() and not path.name.startswith("."))
        verdict["others"] = {"folder": others.name, **reconstruct(model, paths)}
    if pictures is not None:
        draw_pairs(pictures / f"{path.stem}-pairs.png", [p.stem for p in held_out], found.pairs)
        draw_played(pictures / f"{path.stem}-played.png", found.sound, found.codes, model.level_names)
        draw_curves(pictures / f"{path.stem}-curves.png", model.metadata["curves"])
    return verdict


def main() -> int:
    """``python -m distill_live.cli.quality.run``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
