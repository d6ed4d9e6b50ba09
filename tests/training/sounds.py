"""Small corpora that sound: decaying sines and noise, a few seconds each, from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def write_corpus(folder: Path, files: int = 5, seconds: float = 1.5, rate: int = 24000) -> Path:
    """``files`` recordings ``tone-<n>.wav``: plucked sines of changing pitch, each another."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(files):
        soundfile.write(folder / f"tone-{n}.wav", plucks(n, seconds, rate), rate)
    return folder


def plucks(seed: int, seconds: float, rate: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    sound = 0.003 * rng.standard_normal(len(t))
    for begin in np.arange(0.0, seconds, 0.25):
        since = np.maximum(t - begin, 0.0)
        pitch = 110.0 * 2 ** (rng.integers(0, 24) / 12)
        sound += 0.3 * (t >= begin) * np.exp(-6 * since) * np.sin(2 * np.pi * pitch * since)
    return (0.7 * sound / np.abs(sound).max()).astype(np.float32)
