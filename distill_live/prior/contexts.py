"""Counting with contexts of every length: how likely each code is after what was seen before it.

A place (row, level) has an ordered list of context codes (``Order``), most telling first: the code before it at the
same place, the coarser codes of its own column, and so on. Codes are counted after every prefix of that list; the
probability is interpolated from the even choice up to the longest prefix ever seen (Jelinek and Mercer, 1980)::

    p_d(x) = (1 - w) * p_{d-1}(x) + w * n(x) / n          n: how often the context of length d was seen

The end of each recording is followed by the beginning of another (``joins``): music that is to go on without end must
have somewhere to go from there, and what rings out would otherwise ring out for ever.

The weights ``w`` depend on ``d`` and on ``n`` (in octaves): they are fitted by expectation maximisation on pieces of
the corpus that are left out of the counts in turn.

One order cannot have everything first, so there are several (``ORDERS``), each with counts and weights of its own, and
each has a share per level, fitted to the same pieces: the coarsest level follows its own past, or what the finer levels
of the last column said of it; the finer ones follow their column, or nothing but their own last code; and pairs alone,
which with one row are the bigram of ``baselines.py``.

Contexts are hashed (64 bits; among a million contexts two meet with a probability of 1e-7). Knows nothing of time,
networks or choosing. numpy; any thread; immutable after construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import CorpusError
from distill_live.prior.order import BEGIN
from distill_live.prior.shares import fitted_shares

Columns = NDArray[np.int16]
Codes = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Floats = NDArray[np.float64]

DEPTH: Final = 6  # context codes at most
PAST: Final = 5  # columns that a context reaches back at most
MOST_PLACES: Final = 1_000_000  # that are counted: of a larger corpus recordings evenly spread (up to 150 MB)
OCTAVES: Final = 9  # of how often a context was seen: once, 2 to 3, 4 to 7, ..., 256 and more
PIECES: Final = 16  # that are left out in turn while the weights are fitted
ROUNDS: Final = 30  # of expectation maximisation
_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_FACTOR: Final = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT: Final = np.uint64(29)
_WORD: Final = 2**64 - 1


@dataclass(frozen=True)
class Source:
    """Where one context code stands: ``back`` columns before, ``below`` rows lower, at ``level``."""

    back: int
    below: int
    level: int


@dataclass(frozen=True)
class Order:
    """Context codes, most telling first; how they are counted and trusted.

    Attributes:
        by_row: whether rows are told apart before the first, or counted all together.
        tied: whether a context is trusted the same however often it was seen.
    """

    sources: tuple[Source, ...]
    by_row: bool
    tied: bool = False


@lru_cache(maxsize=64)
def own_past(level: int, _levels: int) -> Order:
    """First what was at the same place, then the coarser codes, then what was before that.

    >>> [(s.back, s.below, s.level) for s in own_past(0, 3).sources[:3]]
    [(1, 0, 0), (0, 1, 0), (2, 0, 0)]
    >>> [(s.back, s.level) for s in own_past(1, 3).sources[:3]]
    [(1, 1), (0, 0), (1, 0)]
    """
    if level == 0:
        found = [Source(1, 0, 0), Source(0, 1, 0), *(Source(back, 0, 0) for back in range(2, PAST + 1))]
    else:
        coarser = [Source(back, 0, coarse) for coarse in range(level - 1, -1, -1) for back in (0, 1)]
        found = [Source(1, 0, level), *coarser, Source(2, 0, level)]
    return Order(tuple(found[:DEPTH]), by_row=True)


@lru_cache(maxsize=64)
def last_column(level: int, levels: int) -> Order:
    """For the coarsest level the column before it, coarse to fine; for the others no more than their last code.

    What follows what in one row follows in others too, and with many rows each has seen little by itself.

    >>> [(s.back, s.level) for s in last_column(0, 3).sources], [(s.back, s.level) for s in last_column(2, 3).sources]
    ([(1, 0), (1, 1), (1, 2), (2, 0)], [(1, 2)])
    """
    if level:
        return Order((Source(1, 0, level),), by_row=False)
    found = (*(Source(1, 0, other) for other in range(levels)), Source(2, 0, 0))
    return Order(found[:DEPTH], by_row=False)


@lru_cache(maxsize=64)
def pairs(level: int, _levels: int) -> Order:
    """The last code of the same place and nothing else: where all the others know too much, this one does not.

    >>> pairs(0, 3).sources
    (Source(back=1, below=0, level=0),)
    """
    return Order((Source(1, 0, level),), by_row=False, tied=True)


ORDERS: Final = (own_past, last_column, pairs)


def hashed(history: Sequence[Codes], order: Order) -> list[Hashes]:
    """The hash of every prefix of every place's context, one ``[W, H]`` for each length 0 to the longest.

    Args:
        history: codes ``[W, H, Q]``: the column itself (only its coarser levels and lower rows are read), the one
            before it, the one before that, and so on; ``BEGIN`` where there is none.
        order: of the level of the places.
    """
    W, H = history[0].shape[:2]
    rows = np.arange(H, dtype=np.uint64) if order.by_row else np.zeros(H, np.uint64)
    now = np.broadcast_to(rows * _FACTOR + _FIRST, (W, H))
    found = [np.zeros((W, H), np.uint64)]  # the empty context is that of all rows
    for source in order.sources:
        codes = np.full((W, H), BEGIN, np.int64)
        if source.back < len(history):
            codes[:, source.below :] = history[source.back][:, : H - source.below, source.level]
        now = _mixed(now, codes)
        found.append(now)
    return found


def place_hashes(history: Sequence[Columns], row: int, order: Order) -> list[np.uint64]:
    """The same for one row of one column: ``history`` are columns ``[H, Q]``, as ``hashed`` takes them.

    In whole numbers, without arrays: a tenth of the time.

    >>> column, before = np.array([[1, 2], [3, 0]]), np.array([[4, 5], [6, 7]])
    >>> order = own_past(1, 2)
    >>> place_hashes([column, before], 1, order) == [h[0, 1] for h in hashed([column[None], before[None]], order)]
    True
    """
    now = ((row if order.by_row else 0) * int(_FACTOR) + int(_FIRST)) & _WORD
    found = [np.uint64(0)]
    for source in order.sources:
        inside = source.back < len(history) and row >= source.below
        code = int(history[source.back][row - source.below, source.level]) if inside else BEGIN
        mixed = ((now ^ (code - BEGIN + 1)) * int(_FACTOR)) & _WORD
        now = mixed ^ (mixed >> int(_SHIFT))
        found.append(np.uint64(now))
    return found


def _mixed(hashes: Hashes, codes: Codes) -> Hashes:
    with np.errstate(over="ignore"):
        mixed = (hashes ^ (codes - BEGIN + 1).astype(np.uint64)) * _FACTOR
        found: Hashes = mixed ^ (mixed >> _SHIFT)
    return found


def history_of(grid: Columns) -> list[Codes]:
    """A grid ``[W, H, Q]`` and what came before each of its columns, as ``hashed`` takes it."""
    codes = grid.astype(np.int64)
    found = [codes]
    for back in range(1, PAST + 1):
        earlier = np.full_like(codes, BEGIN)
        earlier[back:] = codes[: max(len(codes) - back, 0)]
        found.append(earlier)
    return found


def joins(grids: Sequence[Columns]) -> list[Codes]:
    """The first column of every grid and what came before it, as ``hashed`` takes it: the end of another grid.

    >>> [found[:, 0, 0].tolist() for found in joins([np.array([[[1]], [[2]]]), np.array([[[3]]])])[:3]]
    [[3, 1], [2, 3], [1, -1]]
    """
    ends = [grid.astype(np.int64) for grid in grids]
    firsts = [ends[(which + max(1, len(ends) // 2)) % len(ends)][0] for which in range(len(ends))]
    missing = np.full(ends[0].shape[1:], BEGIN, np.int64)
    found = [np.stack(firsts)]
    for back in range(1, PAST + 1):
        found.append(np.stack([end[-back] if back <= len(end) else missing for end in ends]))
    return found


@dataclass(frozen=True)
class Table:
    """What followed the contexts of one length: context ``i`` has entries ``starts[i]`` to ``starts[i + 1]``."""

    contexts: Hashes
    starts: NDArray[np.int64]
    codes: NDArray[np.int16]
    counts: NDArray[np.int32]
    totals: NDArray[np.int32]

    @classmethod
    def counted(cls, contexts: Hashes, codes: Codes) -> Table:
        order = np.lexsort((codes, contexts))
        contexts, codes = contexts[order], codes[order]
        pair = np.ones(len(codes), np.bool_)
        pair[1:] = (contexts[1:] != contexts[:-1]) | (codes[1:] != codes[:-1])
        at = np.flatnonzero(pair)
        counts = np.diff(at, append=len(codes)).astype(np.int32)
        own, of = np.unique(contexts[at], return_index=True)
        starts = np.append(of, len(at)).astype(np.int64)
        totals = np.add.reduceat(counts, of).astype(np.int32) if len(of) else np.zeros(0, np.int32)
        return cls(own, starts, codes[at].astype(np.int16), counts, totals)

    def places(self, contexts: Hashes) -> NDArray[np.int64]:
        """Where each context stands; -1 for one that was never seen."""
        if not len(self.contexts):
            return np.full(contexts.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        return np.where(self.contexts[at] == contexts, at, -1)

    def count_of(self, places: NDArray[np.int64], codes: Codes) -> Floats:
        """How often each code followed its context (``places`` are all at least 0)."""
        low, high = self.starts[places], self.starts[places + 1]
        while (low < high).any():  # a binary search in every context at once
            middle = (low + high) // 2
            smaller = (low < high) & (self.codes[np.minimum(middle, len(self.codes) - 1)] < codes)
            high = np.where((low < high) & ~smaller, middle, high)
            low = np.where(smaller, middle + 1, low)
        inside = low < self.starts[places + 1]
        at = np.minimum(low, len(self.codes) - 1)
        return np.where(inside & (self.codes[at] == codes), self.counts[at], 0.0)


_Seen = tuple[NDArray[np.int16], NDArray[np.int32], np.int32, np.float64]


class ContextCounts:
    """Counts of one set of grids, int16 ``[W, H, Q]`` each, for one codebook size.

    Args:
        grids: to count.
        codebook_size: K.
        weights: float ``[orders, Q, DEPTH + 1, OCTAVES]``, 0 to 1, of each order of contexts (the first ones of
            ``ORDERS``), level, context length and octave; all orders, and fitted, when None.
        shares: float ``[orders, Q]``, of each order; fitted with the weights, else all the same when None.

    Raises:
        CorpusError: there is no column to count.

    >>> wave = np.tile(np.array([0, 1, 2, 1], np.int16), 60).reshape(-1, 1, 1)
    >>> counts = ContextCounts([wave[:200]], 4)
    >>> bool(counts.bits([wave[200:]])[0] < 0.3)
    True
    """

    def __init__(
        self,
        grids: Sequence[Columns],
        codebook_size: int,
        weights: Floats | None = None,
        shares: Floats | None = None,
    ) -> None:
        self.codebook_size = codebook_size
        self.grids = some_of([grid for grid in grids if len(grid)])
        if not self.grids:
            raise CorpusError("there are no training codes to count", fix="add recordings")
        self.levels = self.grids[0].shape[2]
        used = ORDERS if weights is None else ORDERS[: len(weights)]
        self.orders = [[order(level, self.levels) for level in range(self.levels)] for order in used]
        self._tables = [[_tables(self.grids, level, order) for level, order in enumerate(o)] for o in self.orders]
        fitted, best = self._fitted() if weights is None else (np.asarray(weights, np.float64), shares)
        self.weights = fitted
        self.shares = np.full(fitted.shape[:2], 1.0 / len(fitted)) if best is None else np.asarray(best, np.float64)

    def bits(self, grids: Sequence[Columns]) -> Floats:
        """Bits per code of some grids, per level ``[Q]``; NaN without any."""
        kept = [grid for grid in grids if len(grid)]
        if not kept:
            return np.full(self.levels, np.nan)
        likely = np.stack([self._of_codes(kept, level) for level in range(self.levels)])
        return np.asarray(-np.log2(np.maximum(likely, 1e-12)).mean(axis=1))

    def of_codes(self, grid: Columns) -> Floats:
        """The probability of each code of a grid that starts with the begin token, ``[W, H, Q]``."""
        by_level = [self._of_codes([grid], level).reshape(grid.shape[:2]) for level in range(self.levels)]
        return np.stack(by_level, axis=-1)

    def each_of_codes(self, grid: Columns) -> Floats:
        """The same by each order, ``[orders, W, H, Q]``."""
        by_level = [np.stack(self._each_of_codes([grid], level)) for level in range(self.levels)]
        return np.stack(by_level, axis=-1).reshape(len(self.orders), *grid.shape)

    def probabilities(self, history: Sequence[Columns], row: int, level: int) -> Floats:
        """Of each code ``[K]`` at one place; ``history`` as ``place_hashes`` takes it."""
        found = np.zeros(self.codebook_size)
        for which, shares in enumerate(self.shares):
            found += shares[level] * self._by_order(which, history, row, level)
        return found

    def each(self, history: Sequence[Columns], row: int, level: int) -> list[Floats]:
        """The same by each order."""
        return [self._by_order(which, history, row, level) for which in range(len(self.orders))]

    def each_of_code(self, history: Sequence[Columns], row: int, level: int, code: int) -> list[float]:
        """What ``each`` says of one code, to the last bit, in little more than half the time."""
        return [self._of_code(which, history, row, level, code) for which in range(len(self.orders))]

    def _by_order(self, which: int, history: Sequence[Columns], row: int, level: int) -> Floats:
        found = np.full(self.codebook_size, 1.0 / self.codebook_size)
        for codes, counts, total, weight in self._seen(which, history, row, level):
            found *= 1.0 - weight
            found[codes] += weight / total * counts
        return found

    def _of_code(self, which: int, history: Sequence[Columns], row: int, level: int, code: int) -> float:
        found = 1.0 / self.codebook_size
        for codes, counts, total, weight in self._seen(which, history, row, level):
            found *= 1.0 - weight
            at = int(codes.searchsorted(code))
            if at < len(codes) and codes[at] == code:
                found += weight / total * counts[at]
        return found

    def _seen(self, which: int, history: Sequence[Columns], row: int, level: int) -> Iterator[_Seen]:
        """What followed the contexts of a place: codes, how often each, how often all, and the context's weight."""
        hashes = place_hashes(history, row, self.orders[which][level])
        for table, own, weights in zip(self._tables[which][level], hashes, self.weights[which, level], strict=False):
            at = int(table.contexts.searchsorted(own))
            if at == len(table.contexts) or table.contexts[at] != own:
                return  # a longer one was never seen either
            entries = slice(int(table.starts[at]), int(table.starts[at + 1]))
            total = table.totals[at]
            weight = weights[min(int(total).bit_length() - 1, OCTAVES - 1)]
            yield table.codes[entries], table.counts[entries], total, weight

    def _of_codes(self, grids: Sequence[Columns], level: int) -> Floats:
        """The probability of each code of a level, ``[N]``."""
        return np.asarray(
            sum(s[level] * p for s, p in zip(self.shares, self._each_of_codes(grids, level), strict=True))
        )

    def _each_of_codes(self, grids: Sequence[Columns], level: int) -> list[Floats]:
        found = []
        for order, tables, weights in zip(self.orders, self._tables, self.weights, strict=True):
            evidence = _Evidence.of(tables[level], grids, level, order[level])
            found.append(evidence.probabilities(weights[level], self.codebook_size))
        return found

    def _fitted(self) -> tuple[Floats, Floats | None]:
        """Weights and shares with which each piece of the corpus is least surprising after all the others."""
        pieces = self.grids
        if len(pieces) < 2:
            pieces = [piece for piece in np.array_split(pieces[0], PIECES) if len(piece)]
        groups = [pieces[start::PIECES] for start in range(min(PIECES, len(pieces)))]
        weights = np.full((len(self.orders), self.levels, DEPTH + 1, OCTAVES), 0.5)
        if len(groups) < 2:
            return weights, None
        shares = np.empty((len(self.orders), self.levels))
        for level in range(self.levels):
            guesses = []
            for which, order in enumerate(self.orders):
                seen = _Evidence.joined([_left_out(groups, own, level, order[level]) for own in range(len(groups))])
                weights[which, level] = seen.fitted(self.codebook_size, order[level].tied)
                guesses.append(seen.probabilities(weights[which, level], self.codebook_size))
            shares[:, level] = fitted_shares(np.stack(guesses, axis=-1))
        return weights, shares


def _left_out(groups: Sequence[Sequence[Columns]], own: int, level: int, order: Order) -> _Evidence:
    """What the others know of one group."""
    others = [piece for at, group in enumerate(groups) if at != own for piece in group]
    return _Evidence.of(_tables(others, level, order), groups[own], level, order)


def some_of(grids: Sequence[Columns]) -> list[Columns]:
    """All grids, or, with more than ``MOST_PLACES`` codes, as many as hold so many, evenly spread; one at least."""
    share = MOST_PLACES / max(sum(grid.size for grid in grids), 1)
    if share >= 1.0:
        return list(grids)
    kept = np.unique(np.linspace(0, len(grids) - 1, max(1, int(share * len(grids)))).round().astype(int))
    longest = max(1, MOST_PLACES // len(kept) // int(np.prod(grids[0].shape[1:])))
    return [grids[at][:longest] for at in kept]


def _tables(grids: Sequence[Columns], level: int, order: Order) -> list[Table]:
    by_length: list[list[Hashes]] = [[] for _ in range(len(order.sources) + 1)]
    for grid in grids:
        for length, hashes in enumerate(hashed(history_of(grid), order)):
            by_length[length].append(hashes.ravel())
    joined = joins(grids)
    for length, hashes in enumerate(hashed(joined, order)):
        by_length[length].append(hashes.ravel())
    followed = [*(grid.astype(np.int64) for grid in grids), joined[0]]
    codes = np.concatenate([grid[:, :, level].ravel() for grid in followed])
    return [Table.counted(np.concatenate(hashes), codes) for hashes in by_length]


@dataclass(frozen=True)
class _Evidence:
    """What the counts know of the codes that came: for each context length ``[D + 1, N]``; ``total`` 0: never seen."""

    count: Floats
    total: Floats

    @classmethod
    def of(cls, tables: Sequence[Table], grids: Sequence[Columns], level: int, order: Order) -> _Evidence:
        codes = np.concatenate([grid[:, :, level].astype(np.int64).ravel() for grid in grids])
        by_grid = [hashed(history_of(grid), order) for grid in grids]
        counts, totals = [], []
        for length, table in enumerate(tables):
            places = table.places(np.concatenate([hashes[length].ravel() for hashes in by_grid]))
            known, at = places >= 0, np.maximum(places, 0)
            counts.append(np.where(known, table.count_of(at, codes), 0.0))
            totals.append(np.where(known, table.totals[at], 0.0))
        return cls(np.stack(counts), np.stack(totals))

    @classmethod
    def joined(cls, pieces: Sequence[_Evidence]) -> _Evidence:
        return cls(*(np.concatenate([getattr(p, name) for p in pieces], axis=1) for name in ("count", "total")))

    def probabilities(self, weights: Floats, codebook_size: int) -> Floats:
        """Of the codes that came ``[N]``, with weights ``[D + 1, OCTAVES]``."""
        p = np.full(self.count.shape[1], 1.0 / codebook_size)
        for length in range(len(self.count)):
            p = self._longer(length, p, weights[length])
        return p

    def fitted(self, codebook_size: int, tied: bool) -> Floats:
        """The weights that make these codes most likely, all lengths together, the shortest context first."""
        known = self.total > 0
        octaves, shares = _octave(self.total), self.count / np.maximum(self.total, 1.0)
        found = np.full((DEPTH + 1, OCTAVES), 0.5)
        for _ in range(ROUNDS):
            weights = np.stack([np.where(known[d], found[d][octaves[d]], 0.0) for d in range(len(known))])
            left = np.cumprod(1.0 - weights[::-1], axis=0)[::-1]  # not taken from this length nor from a longer one
            taken = np.concatenate([left[1:], np.ones_like(left[:1])]) * weights * shares
            even = left[0] / codebook_size
            reached = np.cumsum(taken, axis=0) + even  # taken from this length or from a shorter one
            p = np.maximum(reached[-1], 1e-300)
            for d in range(len(known)):
                part = np.bincount(octaves[d][known[d]], (taken[d] / p)[known[d]], OCTAVES)
                whole = np.bincount(octaves[d][known[d]], (reached[d] / p)[known[d]], OCTAVES)
                if tied:
                    part, whole = part.sum(), whole.sum()
                found[d] = (part + 1.0) / (whole + 2.0)  # never quite 0 or 1
        return found

    def _longer(self, length: int, p: Floats, weights: Floats) -> Floats:
        weight = np.where(self.total[length] > 0, weights[_octave(self.total[length])], 0.0)
        longer: Floats = (1.0 - weight) * p + weight * self._share(length)
        return longer

    def _share(self, length: int) -> Floats:
        share: Floats = self.count[length] / np.maximum(self.total[length], 1.0)
        return share


def _octave(total: Floats) -> NDArray[np.int64]:
    """Which octave a count is in: 1; 2 and 3; 4 to 7; and so on."""
    octave: NDArray[np.int64] = np.minimum(np.log2(np.maximum(total, 1.0)).astype(np.int64), OCTAVES - 1)
    return octave
