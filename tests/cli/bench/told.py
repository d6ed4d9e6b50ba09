"""Three tellings of one take as a watched ``play`` leaves them behind, made without processes, clocks or devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from distill_live.audio.wavfile import WavWriter
from distill_live.cli.bench.tap import Heard
from distill_live.cli.bench.tapped import Files, Tapped


def tell(
    folder: Path,
    rendered: np.ndarray,
    recorded: np.ndarray,
    log: Path | None = None,
    counts: Sequence[tuple[int, int]] = ((0, 0),),
    heard: Heard | None = None,
) -> Tapped:
    """What a take has left: rendered and recorded frames ``[T, 2]``, its log, and what was counted meanwhile.

    ``counts`` are pairs (frames read by then, underruns counted by then).
    """
    files = Files(log or folder / "none.jsonl", folder / "rendered.wav", folder / "recorded.f32")
    with WavWriter(files.rendered, 2) as sink:
        sink.write(np.ascontiguousarray(rendered.T))
    files.recorded.write_bytes(np.ascontiguousarray(recorded, "<f4").tobytes())
    statuses = [{"output_frame": frame, "xruns": count} for frame, count in counts]
    play: Any = SimpleNamespace(statuses=statuses, devices=[], lines=[])
    return Tapped(files, play, {"underruns": counts[-1][1]}, heard or Heard([(0, 0)]))


def dropped(sound: np.ndarray, at: int, frames: int) -> np.ndarray:
    """A sound of which so many frames are missing from ``at`` on."""
    return np.concatenate([sound[:at], sound[at + frames :]])


def silenced(sound: np.ndarray, at: int, frames: int) -> np.ndarray:
    """A sound of which so many frames are zero from ``at`` on."""
    out = sound.copy()
    out[at : at + frames] = 0.0
    return out
