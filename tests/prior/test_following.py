"""Shares that follow what is heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.prior.following import HEARD, KEPT, followed, followed_along, said


@given(st.floats(0.02, 0.98), st.floats(0.01, 100.0))
def test_who_expected_better_has_more_to_say_and_it_is_forgotten(share: float, ratio: float):
    fitted = np.array([[share], [1.0 - share]])
    likely = np.ones((2, 200, 1))
    likely[0, 50:60] = ratio
    along = followed_along(said(likely), fitted, 64)
    assert along.sum(axis=0) == pytest.approx(1.0)
    first = along[0, :, 0]
    assert first[:51] == pytest.approx(share)
    assert (np.diff(first[50:61]) * np.log(ratio) >= -1e-9).all()
    assert (along >= 0).all()
    assert first[-1] == pytest.approx(share, abs=1e-6)


def test_models_that_take_turns_in_being_right_cost_little_more_than_the_right_one():
    """Every second it is the other one: one share for both is wrong all the time."""
    turns = (np.arange(2000) // 24) % 2
    likely = np.stack([np.where(turns, 0.5, 0.05), np.where(turns, 0.05, 0.5)])[..., None]
    shares = followed_along(said(likely), np.full((2, 1), 0.5), HEARD)
    still, following = (-np.log2((s * likely).sum(axis=0)).mean() for s in (0.5, shares))
    assert following < still - 0.4
    assert following < -np.log2(0.5) + 0.4


def test_of_what_is_far_back_five_percent_are_left():
    assert pytest.approx(0.05, abs=0.01) == KEPT**HEARD


def test_along_a_grid_is_what_it_is_column_by_column():
    rng = np.random.default_rng(0)
    fitted = rng.dirichlet(np.ones(3), 2).T
    heard = said(rng.uniform(0.01, 1.0, (3, 30, 2, 2)))
    along = followed_along(heard, fitted, HEARD)
    past = np.ones((HEARD, 3, 2, 2))
    for w in range(30):
        assert followed(past, fitted) == pytest.approx(along[:, w])
        past = np.concatenate([past[1:], heard[None, :, w]])


def test_nothing_heard_leaves_the_shares_as_they_are():
    fitted = np.array([[0.25, 0.5], [0.75, 0.5]])
    assert followed(np.empty((0, 2, 3, 2)), fitted).shape == (2, 3, 2)
    assert (followed_along(np.ones((2, 5, 3, 2)), fitted, 0) == fitted[:, None, None]).all()
    assert followed_along(np.ones((2, 0, 3, 2)), fitted, HEARD).shape == (2, 0, 3, 2)


def test_a_code_nobody_expected_says_nothing_against_anybody():
    assert (said(np.zeros((2, 4, 1))) == 1e-6).all()
    fitted = np.array([[0.3], [0.7]])
    assert followed(said(np.zeros((2, 1)))[None], fitted) == pytest.approx(fitted)
