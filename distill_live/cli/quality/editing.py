"""What a codec makes of codes that no recording has: levels alone, and fine levels under the coarse ones of another.

A performer mutes levels and swaps them, so the decoder must answer to both. Everything is measured on log-mels, before
the vocoder, through the streaming decoder. Pure functions of a decoder, codes and mels; offline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.quality.measures import Floats, nearest_rms
from distill_live.codec.codebooks import MUTED

MOST_PAIRS: Final = 30  # of recordings that are swapped
HEARD_DB: Final = -70.0  # frames below are silence, and do not jump

Codes = NDArray[np.int16]
Mel = NDArray[np.float32]
Decode = Callable[[Codes], Mel]  # codes [W, H, Q] to a log-mel [n_mels, T] in dB


@dataclass(frozen=True)
class Alone:
    """Recordings decoded from ``levels`` only, the others muted: mean |dB| of their mels."""

    levels: tuple[int, ...]
    mel_db: float


@dataclass(frozen=True)
class Swapped:
    """Recordings whose levels ``first`` and finer come from another recording: means over ordered pairs.

    Attributes:
        first: the coarsest level that is swapped.
        pairs: how many.
        changed_db: mean |dB| that the swap changes; a decoder that ignores the level would have 0, and be clean.
        off_db: how much further its frames lie from their nearest frames of the corpus through the codec than those of
            the recordings as they are (RMS over bands).
        roughness_percent: mean |difference| of a mel's neighbouring frames, 100 for the recordings as they are.
        jump_db: mean |difference| of neighbouring frames' loudness, less that of the recordings as they are.
    """

    first: int
    pairs: int
    changed_db: float
    off_db: float
    roughness_percent: float
    jump_db: float


@dataclass(frozen=True)
class Edited:
    """Both, and what no sound at all would score in place of ``Alone``."""

    silence_db: float
    alone: list[Alone]
    swapped: list[Swapped]


def edited(decode: Decode, mels: Sequence[Mel], grids: Sequence[Codes], corpus: Sequence[Codes]) -> Edited:
    """Judge a decoder by codes that no recording has.

    Args:
        decode: codes to a log-mel; -1 mutes a level.
        mels, grids: recordings, as log-mels ``[n_mels, T]`` in dB and as codes ``[W, H, Q]``.
        corpus: codes of the recordings whose sounds a swap should not leave.
    """
    if not grids:
        return Edited(float("nan"), [], [])
    levels = grids[0].shape[2]
    floor_db = float(decode(np.full((1, *grids[0].shape[1:]), MUTED, np.int16)).min())
    silence_db = float(np.mean([np.abs(mel - floor_db).mean() for mel in mels]))
    alone = [Alone(kept, _error_db(decode, mels, grids, kept)) for kept in level_sets(levels)]
    return Edited(silence_db, alone, _swapped(decode, grids, corpus))


def level_sets(levels: int) -> list[tuple[int, ...]]:
    """Every level alone, then the first two, the first three and so on.

    >>> level_sets(3)
    [(0,), (1,), (2,), (0, 1), (0, 1, 2)]
    """
    return [(level,) for level in range(levels)] + [tuple(range(some)) for some in range(2, levels + 1)]


def only(codes: Codes, kept: Sequence[int]) -> Codes:
    """Codes ``[W, H, Q]`` with every other level muted."""
    found = np.full_like(codes, MUTED)
    found[..., list(kept)] = codes[..., list(kept)]
    return found


def swap(codes: Codes, others: Codes, first: int) -> Codes:
    """Codes ``[W, H, Q]`` whose levels ``first`` and finer are those of another sound, which repeats if it is shorter.

    >>> swap(np.zeros((3, 1, 2), np.int16), np.arange(4, dtype=np.int16).reshape(2, 1, 2), 1)[:, 0].tolist()
    [[0, 1], [0, 3], [0, 1]]
    """
    found = codes.copy()
    found[..., first:] = others[np.arange(len(codes)) % len(others)][..., first:]
    return found


def _error_db(decode: Decode, mels: Sequence[Mel], grids: Sequence[Codes], kept: tuple[int, ...]) -> float:
    pairs = zip(mels, grids, strict=True)
    return float(np.mean([np.abs(decode(only(grid, kept))[:, : mel.shape[1]] - mel).mean() for mel, grid in pairs]))


def _swapped(decode: Decode, grids: Sequence[Codes], corpus: Sequence[Codes]) -> list[Swapped]:
    if len(grids) < 2:
        return []
    places = np.concatenate([decode(grid).T for grid in corpus]).astype(np.float64)
    plain = [decode(grid) for grid in grids]
    found = []
    for first in range(1, grids[0].shape[2]):
        pairs = some_pairs(len(grids))
        swaps = [decode(swap(grids[a], grids[b], first)) for a, b in pairs]
        before = [plain[a] for a, _ in pairs]
        changes = [np.abs(x - y).mean() for x, y in zip(swaps, before, strict=True)]
        found.append(
            Swapped(
                first,
                len(pairs),
                float(np.mean(changes)),
                _far_db(swaps, places) - _far_db(before, places),
                100.0 * roughness_db(swaps) / max(roughness_db(before), 1e-9),
                jump_db(swaps) - jump_db(before),
            )
        )
    return found


def some_pairs(count: int) -> list[tuple[int, int]]:
    """All ordered pairs of so many recordings, or ``MOST_PAIRS`` of them, always the same.

    >>> some_pairs(3), len(some_pairs(75))
    ([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)], 30)
    """
    pairs = list(permutations(range(count), 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    return [pairs[at] for at in sorted(np.random.default_rng(0).permutation(len(pairs))[:MOST_PAIRS])]


def _far_db(mels: Sequence[Mel], places: Floats) -> float:
    return nearest_rms(np.concatenate([mel.T for mel in mels]).astype(np.float64), places)


def roughness_db(mels: Sequence[Mel]) -> float:
    """Mean |difference| of neighbouring frames of mels ``[n_mels, T]``, dB.

    >>> roughness_db([np.array([[0.0, 2.0, 2.0]])])
    1.0
    """
    return float(np.mean([np.abs(np.diff(mel, axis=1)).mean() for mel in mels]))


def jump_db(mels: Sequence[Mel]) -> float:
    """Mean |difference| of neighbouring frames' loudness, dB; below -70 dB all is silence.

    >>> jump_db([np.array([[-20.0, -20.0, -26.0], [-100.0, -100.0, -100.0]])]), jump_db([np.array([[-100.0, -80.0]])])
    (3.0, 0.0)
    """
    each = [np.maximum(10.0 * np.log10((10.0 ** (mel / 10.0)).sum(axis=0)), HEARD_DB) for mel in mels]
    return float(np.round(np.mean([np.abs(np.diff(loudness)).mean() for loudness in each]), 6))
