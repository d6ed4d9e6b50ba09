"""What ``scripts/bench_quality`` found, as tables: a row for each training, and one for the mean of several splits.

Knows nothing of models or sound: verdicts (``judge.Verdict.to_json``) in, Markdown out. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from numbers import Real
from typing import Any, Final

import numpy as np

from distill_live.cli.quality.measures import novelty_words

BARS: Final = {"beats": (1.9, 5.5, 10.0), "drones": (2.6, 9.0, 12.0)}  # mrstft, mel dB, lsd dB: issue 4
USE_BARS: Final = (80.0, 50.0)  # % of the codes of level 0, and of every level


@dataclass(frozen=True)
class Trial:
    """One training and what came of it; ``seed`` says "mean of 3" where it is the mean of three."""

    corpus: str
    candidate: str
    seed: int | str
    budget_s: float
    verdict: dict[str, Any]


def markdown(machine: dict[str, Any], trials: Sequence[Trial]) -> str:
    """Machine and tables, for ``docs/quality.md``."""
    trials = with_means(trials)
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines += ["", "Recordings held out, through codes and the streaming vocoder (lower is better):", ""]
    lines += _table(
        "corpus, candidate, seed, s | mrstft | mel dB | lsd dB | centroid | level | ViSQOL | silence: all three | bar",
        [row for trial in trials for row in _reconstruction_rows(trial)],
    )
    lines += ["", "Codes in use on them and on the whole corpus, per level, and bits per code held out:", ""]
    lines += _table(
        "corpus, candidate, seed | used % | perplexity | corpus used % | bar | prior | unigram | bigram | contexts "
        "| below the bigram | load %",
        [_codes_row(trial) for trial in trials],
    )
    lines += ["", "Each level alone, and swapped (log-mels of the same recordings):", ""]
    lines += _table(
        "corpus, candidate, seed | mel dB: silence | each level alone | the first 2, 3.. | swapped from level 1, 2..: "
        "changed dB | off the corpus dB | roughness % | jumps dB",
        [_edited_row(trial) for trial in trials],
    )
    lines += ["", "A minute of its own:", ""]
    lines += _table(
        "corpus, candidate, seed | Fréchet to training, held out | nearest training frame dB | usual dB | copy s "
        "(usual) | silence s | what it does",
        [_played_row(trial) for trial in trials],
    )
    return "\n".join(lines)


MEAN: Final = "mean"


def with_means(trials: Sequence[Trial]) -> list[Trial]:
    """The same, and after several splits of one candidate their mean."""
    found: list[Trial] = []
    for (corpus, name, budget_s), group in groupby(trials, lambda t: (t.corpus, t.candidate, t.budget_s)):
        own = list(group)
        found += own
        if len(own) > 1:
            verdict = mean_of([trial.verdict for trial in own])
            verdict["bits"] = mean_of([t.verdict["bits"] for t in own], [t.verdict["bits"]["columns"] for t in own])
            played = verdict["played"]
            verdict["novelty"] = novelty_words(
                *(played[k] for k in ("to_training_db", "training_apart_db", "held_out_db"))
            )
            found.append(Trial(corpus, name, f"{MEAN} of {len(own)}", budget_s, verdict))
    return found


def mean_of(values: Sequence[Any], weights: Sequence[float] | None = None) -> Any:
    """The mean of numbers, and of whatever holds numbers at the same places; what is no number is that of the first.

    What is missing (None, not finite) in one of them is missing in the mean.

    >>> mean_of([{"a": [1.0, 2.0], "b": "x"}, {"a": [3.0, 4.0], "b": "y"}])
    {'a': [2.0, 3.0], 'b': 'x'}
    """
    first = values[0]
    if isinstance(first, dict):
        return {key: mean_of([value.get(key) for value in values], weights) for key in first}
    if isinstance(first, (list, tuple)):
        return [mean_of(list(parts), weights) for parts in zip(*values, strict=False)]
    if isinstance(first, Real) and all(isinstance(value, Real) for value in values):
        return float(np.average(np.array(values, np.float64), weights=weights))
    return None if None in values else first


def _table(head: str, rows: Sequence[str]) -> list[str]:
    columns = head.count("|") + 1
    return [f"| {head} |", "|" + "---|" * columns, *rows]


def _reconstruction_rows(trial: Trial) -> list[str]:
    name = f"{trial.corpus}, {trial.candidate}, {trial.seed}, {trial.budget_s:.0f}"
    rows = [_reconstruction_row(name, trial.corpus, trial.verdict["reconstruction"])]
    if others := trial.verdict.get("others"):
        rows.append(_reconstruction_row(f"{name}, on {others['folder']}", others["folder"], others))
    return rows


def _reconstruction_row(name: str, judged_on: str, found: dict[str, Any]) -> str:
    d, none = found["distances"], found["silence"]
    bars = BARS.get(judged_on)
    reached = (
        ""
        if bars is None
        else _word(all(d[key] <= bar for key, bar in zip(("mrstft", "mel_db", "lsd_db"), bars, strict=True)))
    )
    score = "" if found["visqol"] is None else f"{found['visqol']:.2f}"
    silence = f"{none['mrstft']:.2f}, {none['mel_db']:.1f}, {none['lsd_db']:.1f}"
    return (
        f"| {name} | {d['mrstft']:.2f} | {d['mel_db']:.1f} | {d['lsd_db']:.1f} "
        f"| {d['centroid_percent']:.0f} % | {d['level_db']:+.1f} dB | {score} | {silence} | {reached} |"
    )


def _codes_row(trial: Trial) -> str:
    use, bits = trial.verdict["use"], trial.verdict["bits"]
    corpus_use = [level["used_percent"] for level in trial.verdict["corpus_use"]]
    reached = corpus_use[0] >= USE_BARS[0] and min(corpus_use) >= USE_BARS[1]
    pairs = list(zip(bits["held_out_bits"], bits["bigram_bits"], strict=False))
    below = _word(all(own < other for own, other in pairs)) if pairs else "-"
    return (
        f"| {trial.corpus}, {trial.candidate}, {trial.seed} | {_row([u['used_percent'] for u in use], 0)} "
        f"| {_row([u['perplexity'] for u in use], 0)} | {_row(corpus_use, 0)} | {_word(reached)} "
        f"| {_row(bits['held_out_bits'])} | {_row(bits['unigram_bits'])} "
        f"| {_row(bits['bigram_bits'])} | {_row(bits['context_bits'])} "
        f"| {below} | {trial.verdict['played']['real_time_percent']:.0f} |"
    )


def _edited_row(trial: Trial) -> str:
    found = trial.verdict["edited"]
    single = _row([one["mel_db"] for one in found["alone"] if len(one["levels"]) == 1])
    first = _row([one["mel_db"] for one in found["alone"] if len(one["levels"]) > 1])
    keys = ("changed_db", "off_db", "roughness_percent", "jump_db")
    swaps = [_row([s[key] for s in found["swapped"]], 0 if key == "roughness_percent" else 2) for key in keys]
    cells = [_row([found["silence_db"]]), single, first, *swaps]
    return f"| {trial.corpus}, {trial.candidate}, {trial.seed} | {' | '.join(cell or '-' for cell in cells)} |"


def _row(values: Sequence[float], digits: int = 2) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values if np.isfinite(value))


def _played_row(trial: Trial) -> str:
    p = trial.verdict["played"]

    def or_none(value: float | None) -> str:
        return "-" if value is None or not np.isfinite(value) else f"{value:.1f}"

    return (
        f"| {trial.corpus}, {trial.candidate}, {trial.seed} | {p['frechet_training']:.1f}, "
        f"{or_none(p['frechet_held_out'])} | {p['to_training_db']:.1f} | {or_none(p['training_apart_db'])} to "
        f"{or_none(p['held_out_db'])} | {p['longest_copy_s']:.1f} ({or_none(p['held_out_copy_s'])}) "
        f"| {p['longest_silence_s']:.1f} | {trial.verdict['novelty']} |"
    )


def _word(reached: bool) -> str:
    return "ok" if reached else "NOT"
