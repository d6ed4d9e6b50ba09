"""A code may stay as long as it does in the corpus, and no stream stands still because its choices are narrow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.prior.repetition import LEAST_S, LongestStays, stays
from distill_live.prior.sampling import gumbel_noise, sample

RATE = 23.4375


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_stays_spell_the_row_again(codes: list[int]):
    which, lengths = stays(np.array(codes, np.int16))
    assert np.repeat(which, lengths).tolist() == codes
    assert (np.diff(which) != 0).all()


def test_a_code_of_value_0_begins_a_stay_too():
    assert stays(np.zeros(3, np.int16))[1].tolist() == [3]


def test_the_longest_stay_of_any_row_and_grid_counts():
    grids = [np.zeros((20, 2, 1), np.int16), np.zeros((30, 2, 1), np.int16)]
    grids[1][10:, 0] = 1
    longest = LongestStays(grids, 3, RATE)
    assert not longest.over(0, 29, 1.0)  # row 1 of the second
    assert longest.over(0, 30, 1.0)
    assert longest.over(1, 20, 1.0)
    assert not longest.over(1, 19, 1.0)


@pytest.mark.parametrize(("factor", "over"), [(0.0, False), (0.5, True), (1.0, True), (1.5, False), (8.0, False)])
def test_a_hand_stretches_it(factor: float, over: bool):
    longest = LongestStays([np.zeros((40, 1, 1), np.int16)], 2, RATE)
    assert longest.over(0, 50, factor) is over


def test_what_never_stayed_may_stay_for_a_moment():
    longest = LongestStays([np.arange(8, dtype=np.int16).reshape(8, 1, 1)], 16, RATE)
    assert not longest.over(9, int(LEAST_S * RATE), 1.0)
    assert longest.over(9, int(LEAST_S * RATE) + 1, 1.0)


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
