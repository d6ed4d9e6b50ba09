"""Train on a folder for a while on two cores, render a minute from what came out, and judge it.

Clicks are counted by ``quality.py``, in the render and in the recordings: it counts real onsets too, so only the
difference says anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.files import read_audio
from distill_live.audio.meter import to_db
from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.offline import LONGEST_SILENCE_S, Listener
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.playing import distill
from distill_live.errors import DistillError
from distill_live.models.file import read_model

CORES: Final = 2
QUIETEST_DBFS: Final = -50.0
FLAT_SAMPLES: Final = 3  # so many equal samples in a row at the peak are a flat top
CLICKS_BAR: Final = 0.05
UTILISATION_BAR: Final = 50.0
_BLOCK: Final = 512


def measure_training(plan: Plan) -> Part:
    """The part ``train``."""
    assert plan.train is not None
    part = Part("train")
    model, wav = plan.folder / "bench.distill", plan.folder / "bench.wav"
    began_s = time.monotonic()
    with _on_cores(CORES):
        run_program(
            distill("train", str(plan.train), "--out", str(model), "--budget", f"{plan.train_budget_s:g}s", "--json")
        )
    took_s = time.monotonic() - began_s
    seconds = f"{plan.train_render_s:g}"
    run_program(distill("render", str(model), "--seconds", seconds, "--seed", str(plan.seed), "--out", str(wav)))
    part.add("time to train, all in all", took_s, "s")
    _loudness(part, wav)
    _clicks(part, plan, wav)
    health = read_model(model).metadata["health"]
    part.add("codes of level 0 in use", float(health[0]["utilisation_percent"]), "%", UTILISATION_BAR, "at least")
    part.notes.append(f"{plan.train.name}, {plan.train_budget_s:g} s on {CORES} cores, then {seconds} s rendered.")
    part.details["health"] = health
    return part


def _loudness(part: Part, wav: Path) -> None:
    samples = read_audio(wav, None).samples
    listener = Listener()
    for start in range(0, samples.shape[1], _BLOCK):
        listener.hear(samples[:, start : start + _BLOCK])
    rms = np.sqrt(np.square(samples, dtype=np.float64).mean())
    part.add("render's level (RMS)", float(to_db(rms)), "dBFS", QUIETEST_DBFS, "at least")
    part.add("render's longest silence", listener.longest_silence_s, "s", LONGEST_SILENCE_S)
    part.add("render's clipped samples", clipped_samples(samples), "", 0.0)
    part.add("render's peak", listener.peak)


def clipped_samples(samples: NDArray[np.float32]) -> int:
    """Samples of float32 ``[C, T]`` at or above full scale, or in a flat top: equal neighbours at a channel's own peak.

    >>> round_top = np.sin(np.arange(4800, dtype=np.float32) / 40)[None] * 0.8
    >>> clipped_samples(round_top), clipped_samples(np.clip(round_top, -0.5, 0.5)) > 100
    (0, True)
    """
    count = 0
    for channel in np.abs(samples):
        at_peak = channel >= channel.max()
        flat = np.convolve(at_peak, np.ones(FLAT_SAMPLES, np.int64))[FLAT_SAMPLES - 1 :] >= FLAT_SAMPLES
        count += int((channel >= 1.0).sum()) + int((flat & (channel > 0.0) & (channel < 1.0)).sum())
    return count


def _clicks(part: Part, plan: Plan, wav: Path) -> None:
    if plan.quality is None or not plan.quality.is_file():
        part.notes.append("Clicks were not counted: give --quality the path of quality.py.")
        part.add("clicks per second more than the recordings", None, "/s", CLICKS_BAR)
        return
    assert plan.train is not None
    ours, theirs = _clicks_per_s(plan, wav), _clicks_per_s(plan, plan.train)
    part.add("render's clicks", ours, "/s")
    part.add("the recordings' clicks", theirs, "/s")
    part.add("clicks per second more than the recordings", ours - theirs, "/s", CLICKS_BAR)


def _clicks_per_s(plan: Plan, path: Path) -> float:
    out = plan.folder / "clicks.json"
    run_program([sys.executable, str(plan.quality), "--clicks", str(path), "--json", str(out)])
    files: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return float(sum(f["clicks"] for f in files.values()) / max(sum(f["seconds"] for f in files.values()), 1e-9))


def run_program(command: list[str]) -> None:
    """Run a program of ours to its end.

    Raises:
        DistillError: it failed; with what it said last.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise DistillError(f"{' '.join(command[1:4])} failed: {said[0]}", fix="run it by hand and see")


@contextlib.contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """Children started meanwhile run on so many cores at most, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
