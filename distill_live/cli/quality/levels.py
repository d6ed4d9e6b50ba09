"""``scripts/bench_levels``: what each level of a model is about, and what each edit of a level does to the sound.

The same performance (seed, values) is rendered again and again; from one moment on something is done to one level. What
that changes is measured frame by frame against the undisturbed one, and drawn. Offline; one process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.figures import write_between_markers
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.offline import open_model
from distill_live.cli.quality.measures import Sound, magnitudes
from distill_live.cli.quality.pictures import draw_edits
from distill_live.engine.performance import BANK_LOAD, BLOCK, SWAP, Performance
from distill_live.engine.replay import render
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable

SCRIPT: Final = "bench_levels"
RATE: Final = 48000
FROM_S: Final = 3.0
SECONDS: Final = 11.0
SLOT: Final = "16"
_HZ: Final = np.linspace(0.0, RATE / 2, 1025)
_HEARD_DB: Final = -70.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Of a sound, by frame: loudness in dB, spectral centroid in octaves, pitch classes ``[F, 12]``, spectral flux."""

    loudness_db: Floats
    centroid_oct: Floats
    chroma: Floats
    flux: Floats


@dataclass(frozen=True)
class Change:
    """How far one sound is from another, frame by frame; all 0 for the same sound.

    Attributes:
        energy_db: mean |difference| of loudness.
        centroid_oct: mean |difference| of the spectral centroid, octaves.
        pitch: mean of 1 - cosine of the pitch classes, 0..1.
        onset_percent: mean |difference| of spectral flux, of the mean flux.
    """

    energy_db: float
    centroid_oct: float
    pitch: float
    onset_percent: float


def features(sound: Sound) -> Features:
    """See ``Features``; ``sound`` is mono at 48 kHz."""
    found = magnitudes(sound)
    power = found**2
    loudness = 10.0 * np.log10(np.maximum(power.sum(axis=1), 1e-12))
    centroid = np.log2(np.maximum((found * _HZ).sum(axis=1) / np.maximum(found.sum(axis=1), 1e-9), 20.0))
    audible = (_HZ > 60.0) & (_HZ < 5000.0)
    classes = np.round(12.0 * np.log2(_HZ[audible] / 440.0)).astype(int) % 12
    chroma = np.stack([power[:, audible][:, classes == pitch].sum(axis=1) for pitch in range(12)], axis=1)
    rise = np.maximum(np.diff(np.log1p(1000.0 * found), axis=0, prepend=np.log1p(1000.0 * found[:1])), 0.0)
    return Features(loudness, centroid, chroma, rise.sum(axis=1))


def change(ours: Features, theirs: Features) -> Change:
    """What differs between two sounds of one length."""
    heard = np.maximum(ours.loudness_db, theirs.loudness_db) > _HEARD_DB
    if not heard.any():
        return Change(0.0, 0.0, 0.0, 0.0)
    along = (ours.chroma * theirs.chroma).sum(axis=1)
    norms = np.linalg.norm(ours.chroma, axis=1) * np.linalg.norm(theirs.chroma, axis=1)
    flux = np.abs(ours.flux - theirs.flux).mean() / max(float(ours.flux.mean()), 1e-9)
    return Change(
        energy_db=float(np.abs(ours.loudness_db - theirs.loudness_db)[heard].mean()),
        centroid_oct=float(np.abs(ours.centroid_oct - theirs.centroid_oct)[heard].mean()),
        pitch=float((1.0 - along / np.maximum(norms, 1e-12))[heard].mean()),
        onset_percent=100.0 * float(flux),
    )


def edits(level: int) -> Mapping[str, Sequence[ControlEvent]]:
    """What is done to one level, by its name."""

    def turned(what: str, value: Any) -> ControlEvent:
        return set_event(f"level.{level}.{what}", value, "osc")

    swap = ControlEvent(0, SWAP, (level, SLOT, 1.0))
    return {
        "hold": [turned("hold", True)],
        "swap": [swap],
        "blend (half a swap)": [ControlEvent(0, SWAP, (level, SLOT, 0.5))],
        "swap, fed back": [turned("feedback", True), swap],
        "mute": [turned("mute", True)],
        "remap random": [turned("remap", "random")],
        "remap neighbour": [turned("remap", "neighbour")],
        "remap transpose": [turned("remap", "transpose")],
        "temperature x 0.1": [turned("temperature", 0.1)],
        "temperature x 2": [turned("temperature", 2.0)],
        "top-k 1": [turned("topk", 1)],
        "top-p 1": [turned("topp", 1.0)],
    }


def rendered(model: Playable, seed: int, events: Sequence[ControlEvent]) -> tuple[Sound, NDArray[np.int16]]:
    """A performance without effects, with something done at ``FROM_S``: mono ``[T]``, the codes of each block."""
    performance = Performance(model, seed, effects=())
    start = round(FROM_S * RATE / BLOCK) * BLOCK
    far = model.sounds[-1][0]
    placed = [
        ControlEvent(0, BANK_LOAD, (SLOT, far)),
        *(ControlEvent(start, e.address, e.args, e.source) for e in events),
    ]
    codes: list[NDArray[np.int16]] = []
    blocks = render(performance, placed, round(SECONDS * RATE), lambda p: codes.append(p.sounding.codes.copy()))
    return np.concatenate(list(blocks), axis=1).mean(axis=0), np.stack(codes)


def measured(model: Playable, seeds: Sequence[int]) -> dict[str, dict[str, Change]]:
    """For each level's name, what each edit changes: means over the seeds."""
    plain = {seed: features(_after(rendered(model, seed, ())[0])) for seed in seeds}
    found: dict[str, dict[str, Change]] = {}
    for level, name in enumerate(model.level_names):
        found[name] = {}
        for edit, events in edits(level).items():
            each = [change(plain[seed], features(_after(rendered(model, seed, events)[0]))) for seed in seeds]
            found[name][edit] = Change(*(float(np.mean([getattr(c, f.name) for c in each])) for f in fields(Change)))
    return found


def _after(sound: Sound) -> Sound:
    return sound[round(FROM_S * RATE) :]


def markdown(
    machine: Mapping[str, Any], model: Playable, seeds: Sequence[int], found: Mapping[str, Mapping[str, Change]]
) -> str:
    """The tables, for ``docs/levels.md``."""
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines += [f"- model: {model.name}; {len(seeds)} performances of {SECONDS - FROM_S:g} s after each edit, no effects"]
    for name, changes in found.items():
        lines += [
            "",
            f"**{name}**",
            "",
            "| what is done | energy dB | centroid octaves | pitch | onsets % |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {edit} | {c.energy_db:.1f} | {c.centroid_oct:.2f} | {c.pitch:.2f} | {c.onset_percent:.0f} |"
            for edit, c in changes.items()
        ]
    return "\n".join(lines)


@click.command(
    SCRIPT, epilog="\b\nExample:\n  scripts/bench_levels --write docs/levels.md --pictures docs/images/levels"
)
@click.argument("model", required=False)
@click.option("--seeds", type=click.IntRange(1, 50), default=4, show_default=True, help="Performances of each edit.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Draw into this folder.")
@click.option("--write", type=click.Path(path_type=Path), help="Fill the tables between the markers of this page.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(model: str | None, seeds: int, pictures: Path | None, write: Path | None, as_json: bool) -> None:
    """Measure what each level of MODEL (the factory model when not given) is about."""
    machine, opened = describe_machine(), open_model(model)
    numbers = range(seeds)
    found = measured(opened, numbers)
    text = markdown(machine, opened, numbers, found)
    if write is not None:
        write_between_markers(write, SCRIPT, text)
    if pictures is not None:
        for level, name in enumerate(opened.level_names):
            shown = {"undisturbed": rendered(opened, 0, ())}
            shown |= {edit: rendered(opened, 0, events) for edit, events in edits(level).items()}
            draw_edits(pictures / f"{name.lower()}.png", level, shown, FROM_S)
    if as_json:
        body = {name: {edit: asdict(c) for edit, c in changes.items()} for name, changes in found.items()}
        print(json.dumps({"machine": machine, "levels": body}, indent=1))
    else:
        print(text)


def main() -> int:
    """``python -m distill_live.cli.quality.levels``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], f"scripts/{SCRIPT}")


if __name__ == "__main__":
    sys.exit(main())
