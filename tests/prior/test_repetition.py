"""A code may stay as long as it does in the corpus, and no stream stands still because its choices are narrow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.prior.repetition import FORBIDDEN, LEAST_S, WINDOW_S, RepetitionLimits, most_in_window, stays
from distill_live.prior.sampling import gumbel_noise, sample

RATE = 23.4375


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_stays_spell_the_row_again(codes: list[int]):
    which, lengths = stays(np.array(codes, np.int16))
    assert np.repeat(which, lengths).tolist() == codes
    assert (np.diff(which) != 0).all()


def test_a_code_of_value_0_begins_a_stay_too():
    assert stays(np.zeros(3, np.int16))[1].tolist() == [3]


def by_hand(codes: list[int], window: int, code: int) -> int:
    """The most that a code comes in a window of a row that is played round and round."""
    rounds = codes * (window // len(codes) + 2)
    return max(rounds[start : start + window].count(code) for start in range(len(codes)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 60))
def test_the_most_in_a_window_is_that_counted_by_hand(codes: list[int], window: int):
    found = most_in_window(np.array(codes, np.int16), window, 4)
    assert found.tolist() == [by_hand(codes, window, code) for code in range(4)]


NOTHING = np.zeros(4, np.int64)


def test_the_longest_stay_of_any_row_and_grid_counts():
    grids = [np.zeros((20, 2, 1), np.int16), np.zeros((30, 2, 1), np.int16)]
    grids[1][10:, 0] = 1
    limits = RepetitionLimits(grids, 4, RATE)
    assert not limits.reached(0, 29, NOTHING, 1.0).any()  # row 1 of the second
    assert limits.reached(0, 30, NOTHING, 1.0).tolist() == [True, False, False, False]
    assert limits.reached(1, 20, NOTHING, 1.0).tolist() == [False, True, False, False]
    assert not limits.reached(1, 19, NOTHING, 1.0).any()


@pytest.mark.parametrize(("factor", "over"), [(0.0, False), (0.5, True), (1.0, True), (1.5, False), (8.0, False)])
def test_a_hand_stretches_it(factor: float, over: bool):
    limits = RepetitionLimits([np.zeros((40, 1, 1), np.int16)], 4, RATE)
    assert bool(limits.reached(0, 50, NOTHING, factor)[0]) is over
    counts = np.array([12 if over or factor == 0.0 else 8, 0, 0, 0])
    often = RepetitionLimits([np.tile(np.array([0, 0, 1, 1], np.int16), 20).reshape(-1, 1, 1)], 4, RATE)
    assert often.window == 20
    assert bool(often.reached(2, 1, counts, factor)[0]) is over


def test_what_never_stayed_may_stay_for_a_moment():
    limits = RepetitionLimits([np.arange(8, dtype=np.int16).reshape(8, 1, 1)], 16, RATE)
    nothing = np.zeros(16, np.int64)
    assert not limits.reached(9, int(LEAST_S * RATE), nothing, 1.0).any()
    assert limits.reached(9, int(LEAST_S * RATE) + 1, nothing, 1.0).any()


def test_the_window_is_half_a_minute_or_a_quarter_of_the_corpus():
    assert RepetitionLimits([np.zeros((20_000, 1, 1), np.int16)], 4, RATE).window == round(WINDOW_S * RATE)
    assert RepetitionLimits([np.zeros((400, 1, 1), np.int16)] * 2, 4, RATE).window == 200


def test_codes_that_have_had_enough_are_left_out_and_all_of_them_never():
    often = RepetitionLimits([np.tile(np.array([0, 0, 1, 1], np.int16), 40).reshape(-1, 1, 1)], 4, RATE)
    logits = np.array([3.0, 2.0, 1.0, 0.0], np.float32)
    recent = np.full(often.window, -1, np.int16)
    assert often.restrained(logits, 0, 1, recent, 1.0) is logits
    recent[:] = 0
    assert often.restrained(logits, 1, 1, recent, 1.0).tolist() == [FORBIDDEN, 2.0, 1.0, 0.0]
    assert often.restrained(logits, 1, 1, recent, 0.0) is logits
    of_all = np.tile(np.arange(4, dtype=np.int16), often.window // 4)
    assert often.restrained(logits, -1, 0, of_all, 0.05) is logits


def shares(top_p: float, before: int, count: int = 4000) -> np.ndarray:
    logits = np.log(np.array([0.95, 0.03, 0.015, 0.005], np.float32))
    drawn = [sample(logits, 1.0, 0, top_p, gumbel_noise(3, c, 0, 0, 4), before) for c in range(count)]
    return np.bincount(drawn, minlength=4) / count


def test_narrow_choices_leave_a_code_as_often_as_the_prior_does():
    """Of nineteen in twenty it stays, whatever top-p is; without knowing that it stays, it would never leave."""
    for top_p in (0.5, 0.9):
        assert shares(top_p, before=0)[0] == pytest.approx(0.95, abs=0.02)
        assert shares(top_p, before=-1)[0] == 1.0


def test_the_others_are_narrowed_among_themselves():
    assert shares(0.5, before=0)[2:].sum() == 0.0
    assert shares(0.9, before=0)[2] > 0.0
    assert shares(0.9, before=0)[3] == 0.0


def test_an_unlikely_code_may_come_again_as_seldom_as_it_does():
    assert shares(0.9, before=3)[3] == pytest.approx(0.005, abs=0.004)


@given(st.integers(0, 7), st.integers(0, 1000))
def test_the_likeliest_is_the_likeliest_whatever_was_before(before: int, seed: int):
    logits = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    noise = gumbel_noise(seed, 1, 0, 0, 8)
    assert sample(logits, 1.0, 1, 0.9, noise, before) == int(logits.argmax())
    assert sample(logits, 1.0, 0, 0.0, noise, before) == int(logits.argmax())
