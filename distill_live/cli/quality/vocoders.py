"""``scripts/bench_vocoder``: vocoders alone, on the true mels of recordings, what they cost, how late they are.

Every vocoder streams as it does when it plays, in steps of a column, and its delay is taken away before it is judged:
what is left is what it makes of a perfect codec. One thread, set for the live path.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from distill_live.audio.corpus import load_mono, scan_corpus
from distill_live.audio.mel import MelConfig, log_mel
from distill_live.cli.bench.figures import write_between_markers
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.quality.measures import Distances, Sound, distances
from distill_live.engine.live_setup import prepare_live
from distill_live.models.vocoder_file import load_vocoder
from distill_live.streaming import Streaming
from distill_live.vocoder.rtisi import RtisiConfig, RtisiLa

SCRIPT: Final = "bench_vocoder"
RTISI: Final = {f"rtisi {rounds}": RtisiConfig(iterations=rounds) for rounds in (4, 6, 8)} | {
    "rtisi 8, 1 ahead": RtisiConfig(look_ahead=1)
}
STEP_FRAMES: Final = 4  # 43 ms
_TURNS: Final = 12
_STEPS_A_TURN: Final = 40

Vocoder = Streaming[Any, Any, Any]


@dataclass(frozen=True)
class Trial:
    """One vocoder on one folder: means over its recordings, and what it takes.

    Attributes:
        core_percent: processor time of a second of sound, in steps of ``STEP_FRAMES`` frames; the lower quartile.
    """

    vocoder: str
    folder: str
    recordings: int
    distances: Distances
    core_percent: float
    latency_ms: float


@click.command(
    SCRIPT,
    epilog="""\b
Example:
  scripts/bench_vocoder ../shared/data/beats ../shared/data/drones
  scripts/bench_vocoder ../shared/data/beats --vocoder a.vocoder --vocoder b.vocoder --write docs/quality.md""",
)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--vocoder", "files", multiple=True, type=click.Path(path_type=Path), help="A file of train_vocoder's.")
@click.option("--write", type=click.Path(path_type=Path), help="Fill the table between the markers of this page.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write everything into this file.")
def command(folders: tuple[Path, ...], files: tuple[Path, ...], write: Path | None, out: Path | None) -> None:
    """Judge RTISI-LA with 4, 6 and 8 rounds and with less look-ahead, and learned vocoders, on FOLDERS."""
    prepare_live()
    machine = describe_machine()
    vocoders: dict[str, Vocoder] = {name: RtisiLa(config) for name, config in RTISI.items()}
    vocoders |= {path.stem: load_vocoder(path) for path in files}
    trials: list[Trial] = []
    for folder in folders:
        recordings = [load_mono(file) for file in scan_corpus(folder).used]
        shares = core_percents(vocoders, log_mel(max(recordings, key=len), MelConfig()))
        for name, vocoder in vocoders.items():
            print(f"{name} on {folder.name}", file=sys.stderr, flush=True)
            trials.append(judged(name, vocoder, folder.name, recordings, shares[name]))
    text = markdown(machine, trials)
    print(text)
    if write is not None:
        write_between_markers(write, SCRIPT, text)
    if out is not None:
        body = {"machine": machine, "trials": [asdict(trial) for trial in trials]}
        out.write_text(json.dumps(body, indent=1), encoding="utf-8")


def judged(name: str, vocoder: Vocoder, folder: str, recordings: Sequence[Sound], core_percent: float) -> Trial:
    """One vocoder on some recordings."""
    found = [asdict(distances(sound, streamed(vocoder, sound))) for sound in recordings]
    mean = Distances(**{key: float(np.mean([one[key] for one in found])) for key in found[0]})
    latency_ms = 1e3 * vocoder.latency / MelConfig().sample_rate
    return Trial(name, folder, len(recordings), mean, core_percent, latency_ms)


def streamed(vocoder: Vocoder, sound: Sound) -> Sound:
    """A recording through its true mel and the vocoder, step by step, without the delay."""
    config = MelConfig()
    late = -(-vocoder.latency // config.hop)
    mel = np.pad(log_mel(sound, config), ((0, 0), (0, late)), constant_values=config.floor_db)
    state, hops = vocoder.initial_state(), []
    for start in range(0, mel.shape[1], STEP_FRAMES):
        hop, state = vocoder.step(mel[:, start : start + STEP_FRAMES], state)
        hops.append(hop)
    whole: Sound = np.concatenate(hops)[vocoder.latency :][: len(sound)]
    return whole


def core_percents(vocoders: Mapping[str, Vocoder], mel: Sound) -> dict[str, float]:
    """What each takes for a mel ``[n_mels, n]``, over and over: in turns, so that a busy moment is everybody's."""
    states = {name: vocoder.initial_state() for name, vocoder in vocoders.items()}
    took_s: dict[str, list[float]] = {name: [] for name in vocoders}
    for turn in range(_TURNS):
        for name, vocoder in vocoders.items():
            for step in range(_STEPS_A_TURN):
                start = (turn * _STEPS_A_TURN + step) * STEP_FRAMES % max(1, mel.shape[1] - STEP_FRAMES)
                began_s = time.thread_time()
                _, states[name] = vocoder.step(mel[:, start : start + STEP_FRAMES], states[name])
                took_s[name].append(time.thread_time() - began_s)
    steps_a_second = MelConfig().frames_per_second / STEP_FRAMES
    return {name: 100.0 * steps_a_second * float(np.percentile(took, 25)) for name, took in took_s.items()}


def markdown(machine: dict[str, Any], trials: Sequence[Trial]) -> str:
    """Machine and table, for ``docs/quality.md``."""
    lines = [f"- {name}: {value}" for name, value in machine.items() if name != "machine"]
    head = "folder (recordings), vocoder | mrstft | mel dB | lsd dB | centroid | level | of a core | latency"
    return "\n".join([*lines, "", f"| {head} |", "|" + "---|" * (head.count("|") + 1), *map(_row, trials)])


def _row(trial: Trial) -> str:
    d = trial.distances
    return (
        f"| {trial.folder} ({trial.recordings}), {trial.vocoder} | {d.mrstft:.2f} | {d.mel_db:.2f} | {d.lsd_db:.1f} "
        f"| {d.centroid_percent:.0f} % | {d.level_db:+.1f} dB "
        f"| {trial.core_percent:.1f} % | {trial.latency_ms:.0f} ms |"
    )


def main() -> int:
    """``python -m distill_live.cli.quality.vocoders``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
