"""``scripts/bench_hour``: a model left to itself for an hour, stretch by stretch: does it stay alive, and is it whole?

Each stretch is held against the corpus as the codec gives it back (the training grids, decoded), so nothing but the
model file is needed. Nothing of the sound is kept but what is measured. Offline; one process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from distill_live.audio.mel import log_mel
from distill_live.cli.bench.figures import write_between_markers
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.bench.offline import Listener, windowed_entropy
from distill_live.cli.durations import parse_duration
from distill_live.cli.offline import open_model
from distill_live.cli.quality.measures import Frames, Sound, frames_of, frechet, nearest_db
from distill_live.cli.quality.pictures import draw_hour
from distill_live.cli.quality.seams import SeamMeter, Seams
from distill_live.codes.grid import CodeGrid
from distill_live.engine.performance import BLOCK, SAMPLE_RATE, Performance
from distill_live.models.playable import Playable
from distill_live.models.transcode import decode_sound
from distill_live.prior.guard import LONGEST_PERIOD_S, longest_repetition
from distill_live.prior.memorisation import longest_copy

SCRIPT: Final = "bench_hour"
SEAM_BAR_PERCENT: Final = 5.0
DEVICE_BLOCK: Final = 256  # samples that a device usually asks for


@dataclass(frozen=True)
class Stretch:
    """Some minutes of what was played.

    Attributes:
        level_db: RMS, dB of full scale.
        entropy_bits: of the codes of each level.
        columns: how many different columns, of so many.
        frechet: distance of its frames from the corpus's, per dimension; ``nearest_db`` that of its frames to their
            nearest frame there.
    """

    level_db: float
    entropy_bits: tuple[float, ...]
    different: int
    columns: int
    frechet: float
    nearest_db: float
    reprimed: int


@dataclass(frozen=True)
class Hour:
    """What was found. Repetition, copy and silence are the longest, in seconds."""

    seconds: float
    stretches: tuple[Stretch, ...]
    seams: tuple[Seams, ...]
    peak: float
    not_finite: int
    silence_s: float
    repetition_s: float
    copy_s: float
    real_time_percent: float
    corpus_apart_db: float
    picture: NDArray[np.float32] = field(repr=False)
    codes: NDArray[np.int16] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """All figures as plain JSON values, without picture and codes."""
        found = {key: value for key, value in vars(self).items() if key not in ("picture", "codes")}
        return {**found, "stretches": [asdict(s) for s in self.stretches], "seams": [asdict(s) for s in self.seams]}


def listen(model: Playable, seed: int, seconds: float, window_s: float) -> Hour:
    """Play, and measure.

    Args:
        model: as it is played.
        seed: of its dice.
        seconds: in all.
        window_s: of each stretch.
    """
    sounds = [decode_sound(model, CodeGrid(grid, model.sha256, 0, "")) for grid in model.training_grids]
    corpus = frames_of(sounds)
    performance, listener = Performance(model, seed), Listener()
    meters = [SeamMeter(period) for period in (DEVICE_BLOCK, BLOCK, model.frames_per_column * BLOCK)]
    columns: list[NDArray[np.int16]] = []
    stretches, picture, took_s = [], [], 0.0
    left = round(seconds * SAMPLE_RATE / BLOCK)
    while left:
        count = min(left, round(window_s * SAMPLE_RATE / BLOCK))
        left -= count
        first, reprimed_before = len(columns), performance.voice.stream.reprimed
        began_s = time.perf_counter()
        blocks = _played(performance, count, columns)
        took_s += time.perf_counter() - began_s
        for block in blocks:
            listener.hear(block)
        whole = np.concatenate(blocks, axis=1)
        for meter in meters:
            meter.hear(whole)
        sound = whole.mean(axis=0)
        reprimed = performance.voice.stream.reprimed - reprimed_before
        stretches.append(_stretch(sound, np.stack(columns[first:]), corpus, reprimed))
        picture.append(_by_second(sound, model))
    codes = np.stack(columns)
    column_s = model.frames_per_column * BLOCK / SAMPLE_RATE
    return Hour(
        seconds=seconds,
        stretches=tuple(stretches),
        seams=tuple(meter.seams() for meter in meters),
        peak=listener.peak,
        not_finite=listener.not_finite,
        silence_s=listener.longest_silence_s,
        repetition_s=column_s * longest_repetition(codes, round(LONGEST_PERIOD_S / column_s)),
        copy_s=column_s * longest_copy(codes, model.training_grids).columns,
        real_time_percent=100.0 * took_s / seconds,
        corpus_apart_db=nearest_db(corpus, corpus, apart=True),
        picture=np.concatenate(picture, axis=1),
        codes=codes,
    )


def _played(performance: Performance, count: int, columns: list[NDArray[np.int16]]) -> list[NDArray[np.float32]]:
    """So many blocks; the columns that began in them are added."""
    blocks = []
    for _ in range(count):
        if performance.column == len(columns):
            columns.append(performance.voice.stream.column(len(columns)).codes.copy())
        blocks.append(performance.render_block())
    return blocks


def _stretch(sound: Sound, codes: NDArray[np.int16], corpus: Frames, reprimed: int) -> Stretch:
    frames = frames_of([sound])
    by_level = [windowed_entropy(list(codes[:, :, level]), len(codes))[0] for level in range(codes.shape[2])]
    return Stretch(
        level_db=float(10.0 * np.log10(max(float(np.square(sound, dtype=np.float64).mean()), 1e-10))),
        entropy_bits=tuple(by_level),
        different=len(np.unique(codes.reshape(len(codes), -1), axis=0)),
        columns=len(codes),
        frechet=frechet(corpus, frames),
        nearest_db=nearest_db(frames, corpus),
        reprimed=reprimed,
    )


def _by_second(sound: Sound, model: Playable) -> NDArray[np.float32]:
    """The loudest of each mel band in every second, more or less, dB ``[n_mels, seconds]``."""
    seconds = np.array_split(sound, max(1, round(len(sound) / SAMPLE_RATE)))
    return np.stack([log_mel(second, model.mel).max(axis=1) for second in seconds], axis=1)


# ------------------------------------------------------------------ what was found


def markdown(machine: Mapping[str, Any], model: Playable, seed: int, window_s: float, found: Hour) -> str:
    """Machine, figures and the table of stretches, for ``docs/quality.md``."""
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines += [
        f"- model: {model.name}, seed {seed}, {found.seconds / 60.0:.0f} minutes, "
        f"{found.real_time_percent:.0f} % of one core",
        f"- peak {found.peak:.2f}, samples that are not finite: {found.not_finite}",
        f"- longest silence {found.silence_s:.1f} s, exact repetition {found.repetition_s:.1f} s, "
        f"exact copy of a recording {found.copy_s:.1f} s",
        f"- recordings of the corpus are {found.corpus_apart_db:.1f} dB from each other's nearest frames",
        "",
        "| step from sample to sample | at edges | inside | apart | sixteenths of a block | beside | apart | at most |",
        "|---|---|---|---|---|---|---|---|",
        *(_seam_row(seams) for seams in found.seams),
        "",
        "| minutes | level | entropy, bits | different columns | Fréchet to the corpus | nearest frame | begun anew |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, s in enumerate(found.stretches):
        bits = " ".join(f"{value:.2f}" for value in s.entropy_bits)
        begin = number * window_s / 60.0
        lines.append(
            f"| {begin:.0f} to {min(begin + window_s / 60.0, found.seconds / 60.0):.0f} | {s.level_db:.1f} dB | {bits} "
            f"| {s.different} of {s.columns} | {s.frechet:.1f} | {s.nearest_db:.1f} dB | {s.reprimed} |"
        )
    return "\n".join(lines)


def _seam_row(s: Seams) -> str:
    """One row of the table of seams: the bar is on everything inside, and what is beside says what the edge does."""
    words = ["ok" if abs(apart) <= SEAM_BAR_PERCENT else "NOT" for apart in (s.apart_percent, s.beside_percent)]
    return (
        f"| edges every {s.period} samples | {s.edge:.4f} | {s.inside:.4f} | {s.apart_percent:+.1f} % {words[0]} "
        f"| {s.least:.4f} to {s.most:.4f} | {s.beside:.4f} | {s.beside_percent:+.1f} % {words[1]} "
        f"| {SEAM_BAR_PERCENT:g} % |"
    )


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/bench_hour
  scripts/bench_hour mine.distill --minutes 10 --seed 3 --picture hour.png""",
)
@click.argument("model", required=False)
@click.option("--minutes", type=click.FloatRange(0.1, 600.0), default=60.0, show_default=True, help="How long.")
@click.option("--window", default="5m", show_default=True, metavar="TIME", help="Of each stretch.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of the dice.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the whole of it into this file.")
@click.option("--write", type=click.Path(path_type=Path), help="Fill the table between the markers of this page.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(
    model: str | None, minutes: float, window: str, seed: int, picture: Path | None, write: Path | None, as_json: bool
) -> None:
    """Leave MODEL (the factory model when not given) to itself, and say what became of it."""
    machine, opened, window_s = describe_machine(), open_model(model), parse_duration(window)
    found = listen(opened, seed, 60.0 * minutes, window_s)
    text = markdown(machine, opened, seed, window_s, found)
    if write is not None:
        write_between_markers(write, SCRIPT, text)
    if picture is not None:
        draw_hour(picture, found.picture, found.codes, opened.level_names)
    print(json.dumps({"machine": machine, **found.to_json()}, indent=1) if as_json else text)


def main() -> int:
    """``python -m distill_live.cli.quality.hour``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
