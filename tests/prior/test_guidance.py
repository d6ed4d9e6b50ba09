"""Leaning toward one sound: what it changes, and what it must leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distill_live.prior.guidance import CodeHabits, Leaning

K = 6


def grid(codes: Any, levels: int = 2) -> Any:
    """One row; level 1 is level 0 plus one."""
    column = np.asarray(codes)[:, None]
    return np.stack([(column + level) % K for level in range(levels)], axis=2).astype(np.int16)


def softmax(logits: Any) -> Any:
    p = np.exp(logits - logits.max())
    return p / p.sum()


@pytest.fixture
def corpus() -> list[Any]:
    rng = np.random.default_rng(1)
    return [grid(np.tile([0, 1, 2], 30)), grid(np.tile([3, 4], 40)), grid(rng.integers(0, K, 200))]


def test_probabilities_add_up_to_one_and_know_what_follows(corpus):
    habits = CodeHabits(corpus, K)
    for place in ((0, 0, 2, -1), (0, 0, -1, -1), (1, 0, 4, 2), (1, 0, -1, 5)):
        assert np.exp(habits.log_probability(*place)).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.exp(CodeHabits(corpus[:1], K).log_probability(0, 0, before=1, coarser=-1)).argmax() == 2
    assert np.exp(habits.log_probability(1, 0, before=0, coarser=3)).argmax() == 4


def test_a_context_that_never_was_falls_back_on_how_often_codes_come_at_all(corpus):
    sound = CodeHabits([corpus[1]], K)
    p = np.exp(sound.log_probability(0, 0, before=5, coarser=-1))
    assert p[3] == pytest.approx(p[4], rel=0.05)
    assert p[3] > 5 * p[0] > 0.0


def test_the_choice_leans_toward_the_sound_the_more_the_further(corpus):
    sound, everything = CodeHabits([corpus[0]], K), CodeHabits(corpus, K)
    flat = np.zeros(K, np.float32)
    shares = [softmax(Leaning(sound, everything, amount)(flat, 0, 0, 0, -1))[1] for amount in (0.0, 0.5, 1.0, 2.0)]
    assert shares[0] == pytest.approx(1 / K)
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


def test_leaning_toward_everything_changes_nothing(corpus):
    everything = CodeHabits(corpus, K)
    logits = np.random.default_rng(2).standard_normal(K).astype(np.float32)
    assert Leaning(everything, CodeHabits(corpus, K), 4.0)(logits, 0, 0, 1, -1) == pytest.approx(logits)


def test_rows_have_habits_of_their_own():
    two = np.concatenate([grid(np.tile([0, 1], 20)), grid(np.tile([2, 3], 20))], axis=1)
    habits = CodeHabits([two], K)
    assert habits.log_probability(0, 0, 0, -1).argmax() == 1
    assert habits.log_probability(0, 1, 2, -1).argmax() == 3
    assert np.exp(habits.log_probability(0, 1, 0, -1))[1] < 0.1


def test_a_sound_of_one_column_is_enough():
    habits = CodeHabits([grid([4])], K)
    assert np.isfinite(habits.log_probability(0, 0, 4, -1)).all()
    assert habits.log_probability(0, 0, -1, -1).argmax() == 4


def test_muted_places_say_nothing(corpus):
    """A grid of the library may have muted levels."""
    muted = corpus[0].copy()
    muted[:, :, 1] = -1
    p = np.exp(CodeHabits([muted], K).log_probability(1, 0, before=-1, coarser=2))
    np.testing.assert_allclose(p, 1 / K, rtol=1e-5)
    heard = CodeHabits([muted], K).log_probability(0, 0, before=1, coarser=-1)
    np.testing.assert_array_equal(heard, CodeHabits([corpus[0]], K).log_probability(0, 0, before=1, coarser=-1))
