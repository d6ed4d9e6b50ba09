"""Which prior a model gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from distill_live.errors import UsageError
from distill_live.prior.objective import PriorData
from distill_live.training.choosing import choose_prior, counting, fresh_prior
from distill_live.training.loop import Outcome
from distill_live.training.options import TrainOptions

K = 8


def grid(columns: int, seed: int, steady: bool = True) -> Any:
    """Codes that step up or stay, or that are anything."""
    rng = np.random.default_rng(seed)
    codes = np.cumsum(rng.integers(0, 2, (columns, 1, 2)), axis=0) if steady else rng.integers(0, K, (columns, 1, 2))
    return (codes % K).astype(np.int16)


@pytest.fixture
def data() -> PriorData:
    return PriorData(tuple(grid(150, seed) for seed in range(3)), (grid(150, 9),))


@pytest.fixture
def strangers() -> PriorData:
    """What is held out has nothing to do with what was counted."""
    return PriorData(tuple(np.full((150, 1, 2), seed, np.int16) for seed in range(3)), (grid(150, 9, steady=False),))


def learn_nothing(task: Any) -> Outcome:
    return Outcome("budget", 1, 1.0, float(task.objective.validate().mean()), ())


def learn_a_little(task: Any) -> Outcome:
    for step in range(60):
        task.train_step(step, 0.0)
    return learn_nothing(task)


def test_counts_are_kept_where_nothing_was_learnt(data):
    chosen = choose_prior("auto", data, K, 1, learn_nothing)
    assert chosen.objective.prior.config.kind == "markov"
    assert chosen.counted_bits < chosen.learnt_bits
    assert chosen.words.startswith("Counting is kept")


def test_what_has_learnt_is_kept_where_counting_has_nothing_to_add(strangers):
    def learn_it_all(task: Any) -> Outcome:
        biases = torch.zeros(1, 2, K)
        biases[:, :, 5] = 30.0
        task.prior.set_biases(biases)
        return learn_nothing(task)

    held_out = tuple(np.full((150, 1, 2), 5, np.int16) for _ in range(2))  # a code that was never counted
    chosen = choose_prior("auto", PriorData(strangers.train, held_out), K, 1, learn_it_all)
    assert chosen.objective.prior.config.kind == "recurrent"
    assert chosen.learnt_bits < chosen.counted_bits
    assert chosen.words.startswith("It has learnt")


@pytest.mark.parametrize("kind", ["recurrent", "transformer"])
def test_a_kind_that_was_asked_for_is_given_and_learns(data, kind):
    before = float(fresh_prior(data, K, 1, kind).bits(data.judged).mean())
    chosen = choose_prior(kind, data, K, 1, learn_a_little)
    assert chosen.objective.prior.config.kind == kind
    assert chosen.learnt_bits < before - 0.5


def test_both_together_are_kept_where_each_knows_what_the_other_does_not(strangers):
    """What has learnt knows level 0 of what is held out, which was never counted; what was counted knows level 1."""
    held_out = tuple(
        np.stack([np.full((1500, 1), 5), np.full((1500, 1), 1)], axis=-1).astype(np.int16) for _ in range(2)
    )

    def learn_level_0(task: Any) -> Outcome:
        biases = torch.zeros(1, 2, K)
        biases[:, 0, 5] = 30.0
        task.prior.set_biases(biases)
        return learn_nothing(task)

    chosen = choose_prior("auto", PriorData(strangers.train, held_out), K, 1, learn_level_0)
    assert chosen.objective.prior.config.kind == "mixed"
    assert chosen.both_bits < 0.5 * min(chosen.learnt_bits, chosen.counted_bits)
    assert chosen.words.startswith("It learns and counts")
    assert float(chosen.objective.validate().mean()) == pytest.approx(chosen.both_bits, abs=0.1)


def test_both_together_can_be_asked_for(data):
    assert choose_prior("mixed", data, K, 1, learn_nothing).objective.prior.config.kind == "mixed"


def test_the_counts_alone_need_no_training(data):
    def never(task: Any) -> Outcome:
        raise AssertionError("nothing is to be trained")

    chosen = choose_prior("markov", data, K, 1, never)
    assert chosen.objective.prior.config.kind == "markov"
    assert chosen.learnt_bits is None
    assert chosen.outcome.reason == "counted"


@pytest.mark.parametrize("kind", ["auto", "recurrent", "mixed"])
def test_an_interrupted_training_keeps_the_better_of_what_it_has(data, strangers, kind):
    def interrupted(task: Any) -> Outcome:
        return Outcome("interrupted", 1, 1.0, None, ())

    chosen = choose_prior(kind, data, K, 1, interrupted)
    assert chosen.objective.prior.config.kind == "markov"
    assert chosen.words.startswith("Stopped")
    assert choose_prior(kind, strangers, K, 1, interrupted).objective.prior.config.kind == "recurrent"


def test_without_held_out_codes_nothing_is_compared(data):
    chosen = choose_prior("auto", PriorData(data.train), K, 1, learn_nothing)
    assert chosen.objective.prior.config.kind == "recurrent"
    assert "nothing was held out" in chosen.words


def test_counting_beats_the_bigram_on_codes_that_remember(data):
    objective = counting(data, K, 1)
    assert (objective.validate() < np.log2(K) - 1.0).all()


@pytest.mark.parametrize("kind", ["oracle", "", "Recurrent"])
def test_a_kind_that_there_is_not_is_one_sentence(data, kind):
    with pytest.raises(UsageError, match="recurrent"):
        TrainOptions(prior=kind)
    with pytest.raises(UsageError, match="recurrent"):
        choose_prior(kind, data, K, 1, learn_nothing)
