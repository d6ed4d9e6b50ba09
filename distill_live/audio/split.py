"""Which part of a corpus is kept from training, to measure on: whole files, before any augmentation.

With fewer than four files none can be spared; then the last part of each is held out, with a gap of one window so that
no sample is in both parts. Knows nothing of files' contents. Pure functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TAIL_FRACTION: Final = 0.15  # of the files, or of each of them
FEWEST_FILES: Final = 4  # below this no whole file is held out
GAP_FRAMES: Final = 4  # mel frames between head and tail: windows of 2048 at a hop of 512 no longer overlap


@dataclass(frozen=True)
class Split:
    """Names to train on, names held out; ``tail_fraction`` is above 0 when the tails of files are held out instead."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]
    tail_fraction: float = 0.0


def split_by_file(names: Sequence[str], seed: int, held_out_fraction: float = TAIL_FRACTION) -> Split:
    """Hold out ``held_out_fraction`` of the files, at least one, chosen by ``seed`` alone.

    Each name draws its own lot, so adding a file to a corpus hardly moves the others. With fewer than four files
    every file trains with its head and its tail is held out (:func:`cut_tail`).

    >>> split_by_file(["a", "b", "c", "d", "e"], seed=0)
    Split(training=('a', 'b', 'd', 'e'), held_out=('c',), tail_fraction=0.0)
    >>> split_by_file(["one"], seed=0)
    Split(training=('one',), held_out=(), tail_fraction=0.15)
    """
    assert 0.0 < held_out_fraction < 1.0, held_out_fraction
    assert len(set(names)) == len(names), "names must differ"
    if len(names) < FEWEST_FILES:
        return Split(tuple(sorted(names)), (), held_out_fraction)
    lots = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    kept_out = max(1, round(held_out_fraction * len(names)))
    return Split(tuple(sorted(lots[kept_out:])), tuple(sorted(lots[:kept_out])))


def cut_tail(mel: Floats, tail_fraction: float) -> tuple[Floats, Floats]:
    """A mel ``[n_mels, frames]`` in two: what trains, and the last ``tail_fraction`` of it.

    A file too short for both and the gap (fewer than 40 frames) is all head, and its tail is empty.
    """
    frames = mel.shape[1]
    tail = round(tail_fraction * frames)
    if tail < 1 or frames < 10 * GAP_FRAMES:
        return mel, mel[:, frames:]
    return mel[:, : frames - tail - GAP_FRAMES], mel[:, frames - tail :]
