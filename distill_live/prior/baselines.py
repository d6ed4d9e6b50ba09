"""What a prior has to beat: unigram and interpolated bigram, in bits per code, per level.

Both are mixtures whose weights are fitted by expectation maximisation on the training grids, each grid predicted from
the counts of the others (deleted interpolation; Jelinek and Mercer, 1980)::

    unigram   uniform + the level's codes + the codes of this row of the level
    bigram    the same + the codes that followed the previous column's code of the same row and level

Knows nothing of networks. numpy; called from training and benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import CorpusError
from distill_live.prior.shares import fitted_shares

Columns = NDArray[np.int16]
Floats = NDArray[np.float64]

UNIGRAM: Final = 3  # how many of the components below a unigram uses
COMPONENTS: Final = 4  # uniform, level, row, after


@dataclass(frozen=True)
class _Counts:
    """How often each code came: ``row`` is ``[H, K]``, ``after`` is ``[K + 1, K]`` (the last: first in its grid)."""

    row: Floats
    after: Floats

    def __sub__(self, other: _Counts) -> _Counts:
        return _Counts(self.row - other.row, self.after - other.after)

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(self.row + other.row, self.after + other.after)

    def components(self, codes: NDArray[np.int64], before: NDArray[np.int64]) -> Floats:
        """Probability of each of ``codes [W, H]`` under each component: ``[W * H, 4]``."""
        K = self.row.shape[1]
        rows = np.arange(codes.shape[1])
        flat = np.full(codes.shape, 1.0 / K)
        level = _share(self.row.sum(axis=0)[codes], self.row.sum(), flat)
        row = _share(self.row[rows, codes], self.row.sum(axis=1)[rows], level)
        after = _share(self.after[before, codes], self.after.sum(axis=1)[before], row)
        return np.stack([flat, level, row, after], axis=-1).reshape(-1, COMPONENTS)


def _share(count: Floats, total: Floats | np.float64, otherwise: Floats) -> Floats:
    total = np.broadcast_to(total, count.shape)
    return np.where(total > 0, count / np.maximum(total, 1.0), otherwise)


def _before(codes: NDArray[np.int64], K: int) -> NDArray[np.int64]:
    return np.concatenate([np.full((1, codes.shape[1]), K), codes[:-1]])


def _count(codes: NDArray[np.int64], K: int) -> _Counts:
    row = np.zeros((codes.shape[1], K))
    after = np.zeros((K + 1, K))
    np.add.at(row, (np.broadcast_to(np.arange(codes.shape[1]), codes.shape), codes), 1.0)
    np.add.at(after, (_before(codes, K), codes), 1.0)
    return _Counts(row, after)


class MarkovBaseline:
    """Counts and fitted weights of one set of training grids, each int16 ``[W, H, Q]``.

    Raises:
        CorpusError: when there is no column to count.

    >>> baseline = MarkovBaseline([np.tile(np.array([0, 1], np.int16), 50).reshape(100, 1, 1)], codebook_size=2)
    >>> bool(baseline.unigram_bits([baseline.grids[0]])[0] > 0.99 > 0.1 > baseline.bigram_bits([baseline.grids[0]])[0])
    True
    """

    def __init__(self, grids: Sequence[Columns], codebook_size: int) -> None:
        self.codebook_size = codebook_size
        self.grids = [g for g in grids if len(g)]
        if not self.grids:
            raise CorpusError("there are no training codes to count", fix="add recordings")
        pieces = self.grids if len(self.grids) > 1 else np.array_split(self.grids[0], min(4, len(self.grids[0])))
        self._levels = [
            _Level([p[:, :, q].astype(np.int64) for p in pieces], codebook_size) for q in range(pieces[0].shape[2])
        ]

    def unigram_bits(self, grids: Sequence[Columns]) -> Floats:
        """Bits per code of some grids, per level ``[Q]``."""
        return self._bits(grids, UNIGRAM)

    def bigram_bits(self, grids: Sequence[Columns]) -> Floats:
        """Bits per code of some grids, per level ``[Q]``."""
        return self._bits(grids, COMPONENTS)

    def unigram(self) -> Floats:
        """Probabilities ``[H, Q, K]`` of each code at each place, never 0: where a prior may begin."""
        return np.stack([level.unigram() for level in self._levels], axis=1)

    def _bits(self, grids: Sequence[Columns], components: int) -> Floats:
        return np.array(
            [
                level.bits([g[:, :, q].astype(np.int64) for g in grids if len(g)], components)
                for q, level in enumerate(self._levels)
            ]
        )


class _Level:
    """Counts and weights of one level; ``pieces`` are int64 ``[W, H]``."""

    def __init__(self, pieces: Sequence[NDArray[np.int64]], K: int) -> None:
        self.K = K
        counts = [_count(piece, K) for piece in pieces]
        self.counts = sum(counts[1:], counts[0])
        others = [self.counts - own if len(pieces) > 1 else own for own in counts]
        seen = np.concatenate([o.components(p, _before(p, K)) for o, p in zip(others, pieces, strict=True)])
        self.weights = {n: fitted_shares(seen[:, :n]) for n in (UNIGRAM, COMPONENTS)}

    def bits(self, grids: Sequence[NDArray[np.int64]], components: int) -> float:
        if not grids:
            return float("nan")
        seen = np.concatenate([self.counts.components(g, _before(g, self.K)) for g in grids])
        probability = seen[:, :components] @ self.weights[components]
        return float(-np.log2(np.maximum(probability, 1e-12)).mean())

    def unigram(self) -> Floats:
        H = len(self.counts.row)
        every = np.broadcast_to(np.arange(self.K)[:, None], (self.K, H))
        parts = self.counts.components(every, every)[:, :UNIGRAM] @ self.weights[UNIGRAM]
        mixed: Floats = parts.reshape(self.K, H).T
        floor = 0.01 / self.K
        return (1.0 - self.K * floor) * mixed / mixed.sum(axis=1, keepdims=True) + floor
