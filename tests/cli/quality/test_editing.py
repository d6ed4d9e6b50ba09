"""Levels alone and swapped: a decoder that simply adds what each level says shows what every figure means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.cli.quality.editing import Edited, edited, level_sets, only, swap

FLOOR_DB = -100.0
STEPS = np.array([[10.0, 40.0], [0.0, 5.0], [0.0, 1.0]])  # what code 0 and 1 of each level add, in dB


def adding(codes: np.ndarray) -> np.ndarray:
    """Codes ``[W, 1, Q]`` as a mel of four bands: the levels add in dB, a muted one adds nothing."""
    found = sum(np.where(codes[:, 0, level] < 0, 0.0, STEPS[level][codes[:, 0, level]]) for level in range(3))
    return np.tile(FLOOR_DB + found, (4, 1)).astype(np.float32)


def grid(*rows: tuple[int, int, int]) -> np.ndarray:
    return np.array(rows, np.int16)[:, None]


STILL = grid(*[(1, 0, 0)] * 8)
MOVING = grid(*[(1, 1, 0), (1, 0, 0)] * 4)


def judged(*grids: np.ndarray) -> Edited:
    return edited(adding, [adding(one) for one in grids], grids, grids)


def test_a_muted_level_costs_what_it_said():
    found = judged(MOVING)
    by_levels = {one.levels: one.mel_db for one in found.alone}
    assert by_levels == pytest.approx({(0,): 2.5, (1,): 40.0, (2,): 42.5, (0, 1): 0.0, (0, 1, 2): 0.0})
    assert found.silence_db == pytest.approx(42.5)
    assert found.swapped == [], "there is nothing to swap with"


def test_a_swap_changes_what_the_other_recording_says_and_stays_in_the_corpus_of_both():
    from_timbre, from_detail = judged(STILL, MOVING).swapped
    assert (from_timbre.first, from_timbre.pairs) == (1, 2)
    assert from_timbre.changed_db == pytest.approx(2.5)
    assert from_timbre.off_db == pytest.approx(0.0)
    assert from_timbre.roughness_percent == pytest.approx(100.0), "the movement has moved from one to the other"
    assert from_timbre.jump_db == pytest.approx(0.0, abs=1e-5)
    assert from_detail.changed_db == pytest.approx(0.0)


def test_a_swap_that_leaves_the_corpus_is_found_out():
    quiet, loud = grid(*[(0, 0, 0)] * 8), grid(*[(1, 1, 1)] * 8)
    found = judged(quiet, loud).swapped
    assert [one.off_db for one in found] == pytest.approx([6.0, 1.0])


def test_a_decoder_that_stumbles_over_strange_codes_is_rough():
    def stumbling(codes: np.ndarray) -> np.ndarray:
        strange = (codes[:, 0, 0] == 0) & (codes[:, 0, 1] == 1)
        return adding(codes) + 20.0 * (strange & (np.arange(len(codes)) % 2 == 0)).astype(np.float32)

    sounds = [grid(*[(0, 0, 0)] * 4, *[(1, 0, 0)] * 4), grid(*[(1, 1, 0)] * 4, *[(1, 0, 0)] * 4)]
    clean = edited(adding, [adding(one) for one in sounds], sounds, sounds).swapped[0]
    rough = edited(stumbling, [stumbling(one) for one in sounds], sounds, sounds).swapped[0]
    assert rough.roughness_percent > 2.0 * clean.roughness_percent
    assert rough.jump_db > clean.jump_db + 1.0


def test_nothing_to_judge_is_no_failure():
    found = edited(adding, [], [], [STILL])
    assert (found.alone, found.swapped) == ([], [])


@given(st.integers(2, 4), st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_swap_keeps_the_coarse_levels_and_takes_the_others(levels, ours, theirs, data):
    first = data.draw(st.integers(1, levels - 1))
    a, b = np.zeros((ours, 1, levels), np.int16), np.ones((theirs, 1, levels), np.int16)
    found = swap(a, b, first)
    assert found.shape == a.shape
    assert (found[..., :first] == 0).all()
    assert (found[..., first:] == 1).all()
    assert (swap(a, a, first) == a).all()
    for kept in level_sets(levels):
        assert ((only(b, kept) >= 0).sum(axis=2) == len(kept)).all()
