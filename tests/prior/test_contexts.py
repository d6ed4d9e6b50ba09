"""Counts of every context length, held against counting by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from distill_live.errors import CorpusError
from distill_live.prior import contexts
from distill_live.prior.baselines import MarkovBaseline
from distill_live.prior.contexts import (
    OCTAVES,
    ORDERS,
    ContextCounts,
    Order,
    hashed,
    history_of,
    last_column,
    own_past,
    pairs,
)
from distill_live.prior.order import BEGIN


def walk(columns: int, seed: int, codebook_size: int = 5, levels: int = 2, rows: int = 2) -> Any:
    """Level 0 steps up or stays; the others follow it most of the time."""
    rng = np.random.default_rng(seed)
    grid = np.zeros((columns, rows, levels), np.int64)
    grid[:, :, 0] = np.cumsum(rng.integers(0, 2, (columns, rows)), axis=0) % codebook_size
    for level in range(1, levels):
        stray = rng.random((columns, rows)) < 0.2
        own = rng.integers(0, codebook_size, (columns, rows))
        grid[:, :, level] = np.where(stray, own, (grid[:, :, 0] + level) % codebook_size)
    return grid.astype(np.int16)


def context(grid: Any, w: int, row: int, order: Order, length: int) -> tuple[int, ...]:
    """The codes of a context, read one by one; the row is part of every context but the empty one, where it counts."""
    found = [row] if length and order.by_row else []
    for source in order.sources[:length]:
        there = w - source.back >= 0 and row - source.below >= 0
        found.append(int(grid[w - source.back, row - source.below, source.level]) if there else BEGIN)
    return tuple(found)


def by_hand(counts: ContextCounts, grids: Any, grid: Any, w: int, row: int, level: int) -> Any:
    """The interpolated probabilities of one place, from dictionaries, mixed over the orders."""
    parts = [by_order(counts, which, grids, grid, w, row, level) for which in range(len(ORDERS))]
    return sum(share[level] * part for share, part in zip(counts.shares, parts, strict=True))


def by_order(counts: ContextCounts, which: int, grids: Any, grid: Any, w: int, row: int, level: int) -> Any:
    found = np.full(counts.codebook_size, 1.0 / counts.codebook_size)
    order = ORDERS[which](level, grid.shape[2])
    for length in range(len(order.sources) + 1):
        wanted = context(grid, w, row, order, length)
        seen: Counter[int] = Counter()
        for g in grids:
            for v, r in np.ndindex(g.shape[:2]):
                if context(g, v, r, order, length) == wanted:
                    seen[int(g[v, r, level])] += 1
        for at, end in enumerate(grids):  # and after it another one begins
            joined = np.concatenate([end, grids[(at + len(grids) // 2) % len(grids)][:1]])
            for r in range(joined.shape[1]):
                if context(joined, len(end), r, order, length) == wanted:
                    seen[int(joined[-1, r, level])] += 1
        total = sum(seen.values())
        if not total:
            break
        weight = counts.weights[which, level, length, min(int(np.log2(total)), OCTAVES - 1)]
        share = np.array([seen[code] / total for code in range(counts.codebook_size)])
        found = (1.0 - weight) * found + weight * share
    return found


def test_probabilities_are_those_counted_by_hand():
    grids, new = [walk(40, 1), walk(25, 2)], walk(12, 3)
    counts = ContextCounts(grids, 5)
    for level in range(2):
        surprise = []
        for w, row in np.ndindex(new.shape[:2]):
            found = counts.probabilities([h[w] for h in history_of(new)], row, level)
            assert found == pytest.approx(by_hand(counts, grids, new, w, row, level), abs=1e-12)
            assert found.sum() == pytest.approx(1.0)
            surprise.append(-np.log2(found[new[w, row, level]]))
        assert counts.bits([new])[level] == pytest.approx(np.mean(surprise))


def test_a_random_source_costs_what_it_must_and_a_regular_one_almost_nothing():
    rng = np.random.default_rng(4)
    noise = [rng.integers(0, 16, (300, 1, 1)).astype(np.int16) for _ in range(4)]
    assert ContextCounts(noise[:3], 16).bits(noise[3:])[0] == pytest.approx(4.0, abs=0.1)
    wave = np.tile(np.array([0, 3, 1, 3], np.int16), 100).reshape(-1, 1, 1)
    assert ContextCounts([wave], 16).bits([wave])[0] < 0.1


def test_longer_contexts_are_used_where_they_tell():
    """After a 1 comes what stood before it: a bigram cannot know that."""
    rng = np.random.default_rng(5)
    pairs = rng.integers(2, 6, 400)
    line = np.stack([pairs, np.ones(400, np.int64), pairs], axis=1).reshape(-1, 1, 1).astype(np.int16)
    counts = ContextCounts([line[:900]], 6)
    assert counts.bits([line[900:]])[0] < (np.log2(4) + 0.4) / 3 + 0.35


def test_fitted_weights_are_better_than_blind_ones():
    grids, new = [walk(150, seed, codebook_size=12) for seed in range(4)], [walk(150, 9, codebook_size=12)]
    fitted = ContextCounts(grids, 12)
    blind = ContextCounts(grids, 12, np.full_like(fitted.weights, 0.5))
    assert (fitted.bits(new) < blind.bits(new)).all()
    assert ((fitted.weights > 0.0) & (fitted.weights < 1.0)).all()
    assert (ContextCounts(grids, 12).weights == fitted.weights).all()


def test_a_context_hears_neither_its_own_code_nor_later_ones():
    grid = walk(10, 6)
    for level in range(2):
        other = grid.copy()
        other[5, 1, level:] = (other[5, 1, level:] + 1) % 5
        other[6:] = 0
        for order in (o(level, 2) for o in ORDERS):
            before, after = hashed(history_of(grid), order), hashed(history_of(other), order)
            assert all((a[:5] == b[:5]).all() and (a[5] == b[5]).all() for a, b in zip(before, after, strict=True))


def test_rows_are_counted_apart():
    grid = np.zeros((60, 2, 1), np.int16)
    grid[:, 1] = 1
    counts = ContextCounts([grid], 2)
    first, second = hashed(history_of(grid), own_past(0, 1))[2][30]
    assert first != second
    assert counts.bits([grid])[0] < 0.1


def test_the_coarsest_level_hears_of_the_finer_ones_when_it_will_move():
    """It stays for as long as it likes, and the finer level says 1 just before it moves: its own past cannot know."""
    rng = np.random.default_rng(8)
    grids = []
    for _ in range(6):
        stays = rng.integers(2, 9, 40)
        coarse = np.repeat(rng.permutation(40) % 8, stays)
        moving = np.append(coarse[1:] != coarse[:-1], False)
        grids.append(np.stack([coarse, moving], axis=-1)[:, None].astype(np.int16))
    both = ContextCounts(grids[:5], 8)
    alone = ContextCounts(grids[:5], 8, both.weights[:1])
    assert both.bits(grids[5:])[0] < 0.8 * alone.bits(grids[5:])[0]
    assert both.shares[ORDERS.index(last_column), 0] > 0.5


def test_pairs_are_the_bigram_that_every_prior_is_held_against():
    grids = [walk(120, seed)[:, :1] for seed in range(5)]
    counts, bigram = ContextCounts(grids[:4], 5), MarkovBaseline(grids[:4], 5)
    likely = counts.each_of_codes(grids[4])[ORDERS.index(pairs)]
    assert -np.log2(likely).mean(axis=(0, 1)) == pytest.approx(bigram.bigram_bits(grids[4:]), abs=0.05)


def test_all_orders_together_are_their_mixture():
    counts = ContextCounts([walk(60, seed) for seed in range(3)], 5)
    grid = walk(20, 9)
    each = counts.each_of_codes(grid)
    assert each.shape == (len(ORDERS), *grid.shape)
    assert (counts.shares[:, None, None] * each).sum(axis=0) == pytest.approx(counts.of_codes(grid))
    history = [grid[10], *(grid[10 - back] for back in range(1, 6))]
    for level in range(2):
        at_place = [p[grid[10, 1, level]] for p in counts.each(history, 1, level)]
        assert at_place == pytest.approx(each[:, 10, 1, level])
        for code in range(5):
            assert counts.each_of_code(history, 1, level, code) == [p[code] for p in counts.each(history, 1, level)]
    assert counts.each_of_codes(grid[:0]).shape == (len(ORDERS), 0, 2, 2)


def test_shares_of_the_orders_add_up():
    counts = ContextCounts([walk(60, seed) for seed in range(3)], 5)
    assert counts.shares.sum(axis=0) == pytest.approx(np.ones(2))


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_a_handful_of_columns_is_enough(columns):
    counts = ContextCounts([walk(columns, 7)], 5)
    assert np.isfinite(counts.bits([walk(20, 8)])).all()


def test_nothing_to_count_is_one_sentence():
    with pytest.raises(CorpusError, match="no training codes"):
        ContextCounts([np.zeros((0, 1, 1), np.int16)], 4)


def test_nothing_to_judge_is_no_number():
    counts = ContextCounts([walk(30, 1)], 5)
    assert np.isnan(counts.bits([])).all()


def test_the_probabilities_of_codes_are_those_of_their_places():
    grids, new = [walk(40, 1), walk(25, 2)], walk(12, 3)
    counts = ContextCounts(grids, 5)
    found = counts.of_codes(new)
    for w, row, level in np.ndindex(new.shape):
        p = counts.probabilities([h[w] for h in history_of(new)], row, level)
        assert found[w, row, level] == pytest.approx(p[new[w, row, level]])
    assert counts.bits([new]) == pytest.approx(-np.log2(found).mean(axis=(0, 1)))


def test_of_a_corpus_that_is_too_large_recordings_evenly_spread_are_counted(monkeypatch: Any):
    grids = [np.full((50, 1, 2), number, np.int16) for number in range(20)]
    monkeypatch.setattr(contexts, "MOST_PLACES", 500)
    kept = contexts.some_of(grids)
    assert sum(grid.size for grid in kept) <= 500
    assert [int(grid[0, 0, 0]) for grid in kept] == [0, 5, 10, 14, 19]
    assert len(contexts.some_of([np.zeros((900, 1, 2), np.int16)])[0]) == 250
    assert contexts.some_of(grids[:3]) == grids[:3]
