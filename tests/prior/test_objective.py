"""Training: what a batch is, that it repeats, and that it beats counting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from distill_live.errors import CorpusError
from distill_live.prior.baselines import MarkovBaseline
from distill_live.prior.memorisation import Copy, Memorisation, generate, longest_copy, memorisation
from distill_live.prior.objective import PriorData, PriorObjective, PriorRecipe, draw_batch, early_stop
from distill_live.prior.recurrent import RecurrentConfig, RecurrentPrior, adaptive_prior_config
from distill_live.prior.sampling import Sampling

QUICK = PriorRecipe(learning_rate=6e-3, batch=16, crop=32)
SMALL = RecurrentConfig(1, 3, 8, hidden=48, layers=1, embedding=16, depth=32, dropout=0.1)


def train(data: PriorData, steps: int, seed: int = 0, config: RecurrentConfig = SMALL) -> PriorObjective:
    torch.manual_seed(seed)
    objective = PriorObjective(RecurrentPrior(config), data, QUICK, seed)
    objective.begin()
    optimizer = objective.optimizer()
    for step in range(steps):
        objective.train_step(step, optimizer)
    return objective


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(melody: PriorData) -> PriorObjective:
    return train(melody, 350)


def test_a_structured_source_is_learnt_better_than_by_counting(trained: PriorObjective) -> None:
    """On recordings held out, on every level; a bigram cannot know a second-order melody."""
    bits = trained.validate()
    held = trained.data.heldout
    assert (bits < trained.baseline.unigram_bits(held)).all()
    assert (bits < trained.baseline.bigram_bits(held)).all()
    assert bits.mean() < 0.7 * trained.baseline.bigram_bits(held).mean()


def test_what_it_generates_follows_the_rules_of_the_source(trained: PriorObjective) -> None:
    grid = generate(trained.prior, Sampling(), seed=1, columns=200).astype(int)
    assert grid.shape == (200, 1, 3)
    follows = grid[2:, 0, 0] == (2 * grid[1:-1, 0, 0] - grid[:-2, 0, 0]) % 8
    fits = grid[:, 0, 1] == (5 * grid[:, 0, 0] + 3) % 8
    assert follows.mean() > 0.5  # chance: 1 in 8
    assert fits.mean() > 0.8


def test_the_same_seed_gives_the_same_weights(melody: PriorData) -> None:
    states = [train(melody, 6, seed=s).prior.state_dict() for s in (1, 1, 2)]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not torch.equal(states[0]["take_in.weight"], states[2]["take_in.weight"])


def test_a_step_depends_on_seed_and_step_not_on_what_was_drawn_before(melody: PriorData) -> None:
    """So a resumed training goes on as if it had never stopped."""
    objective = train(melody, 3)
    first = objective.loss(3).item()
    torch.rand(1000)
    objective.loss(77)
    assert objective.loss(3).item() == first


def test_a_fresh_prior_begins_near_the_unigram(melody: PriorData) -> None:
    objective = train(melody, 0, config=replace(SMALL, embedding=8))
    bits = objective.validate().mean()
    assert bits < np.log2(8) + 0.6


def test_batches_are_crops_of_the_training_grids_one_after_the_other(melody: PriorData) -> None:
    recipe = replace(QUICK, corrupt_low=0.0, corrupt_high=0.0)
    batch = draw_batch(melody, recipe, seed=1, step=2)
    assert batch.columns.shape == batch.previous.shape == (16, 32, 1, 3)
    assert torch.equal(batch.previous[:, 1:], batch.columns[:, :-1])
    after_each_other = [np.concatenate([a, b]).astype(np.int64) for a in melody.train for b in melody.train]
    pieces = {g[i : i + 32].tobytes() for g in after_each_other for i in range(len(g) - 31)}
    assert all(crop.numpy().tobytes() in pieces for crop in batch.columns)


def test_an_end_is_followed_by_a_beginning() -> None:
    """Each recording holds one code and then another for its last column; a crop goes on with any recording's first."""
    grids = tuple(np.array([first] * 9 + [first + 1], np.int16).reshape(10, 1, 1) for first in (0, 2, 4))
    recipe = replace(QUICK, corrupt_low=0.0, corrupt_high=0.0, batch=64)
    rows = draw_batch(PriorData(grids), recipe, seed=3, step=0).columns[:, :, 0, 0]
    after_an_end = rows[:, 1:][rows[:, :-1] % 2 == 1]
    assert sorted(set(after_an_end.tolist())) == [0, 2, 4]


def test_some_crops_begin_with_the_begin_token_and_some_in_the_middle(melody: PriorData) -> None:
    firsts = torch.cat([draw_batch(melody, QUICK, 1, step).previous[:, 0, 0, 0] for step in range(40)])
    assert 0.3 < (firsts == -1).float().mean().item() < 0.8


def test_a_twentieth_to_a_seventh_of_what_is_remembered_is_wrong(melody: PriorData) -> None:
    """Drawn codes can be right by chance, here one in eight; what is to be spelt stays as it is."""
    recipe = replace(QUICK, batch=400)
    wrong, right = (
        draw_batch(melody, recipe, 1, 1),
        draw_batch(melody, replace(recipe, corrupt_low=0, corrupt_high=0), 1, 1),
    )
    assert torch.equal(wrong.columns, right.columns)
    share = (wrong.previous != right.previous).double().mean().item()
    assert 0.05 * 7 / 8 < share < 0.15
    assert set(wrong.previous.unique().tolist()) == set(range(-1, 8))


def test_nothing_is_corrupted_when_bits_are_counted(trained: PriorObjective) -> None:
    once, again = trained.validate(), trained.validate()
    assert (once == again).all()
    assert not trained.prior.training


def test_a_grid_shorter_than_a_crop_begins_again(make_melody: Any) -> None:
    grid = make_melody(5, np.random.default_rng(0), codebook_size=8)
    batch = draw_batch(PriorData((grid,)), QUICK, 0, 0)
    turning = {np.roll(grid, -begin, axis=0).astype(np.int64).tobytes() for begin in range(5)}
    assert all(columns[start : start + 5].numpy().tobytes() in turning for columns in batch.columns for start in (0, 7))
    assert np.isfinite(train(PriorData((grid,)), 2).loss(3).item())


def test_bits_per_code_are_those_of_the_definition(trained: PriorObjective) -> None:
    grid = trained.data.heldout[0]
    with torch.inference_mode():
        p = trained.prior.logits(torch.from_numpy(grid)[None]).softmax(-1)[0]
    chosen = np.take_along_axis(p.numpy(), grid.astype(np.int64)[..., None], -1)[..., 0]
    expected = -np.log2(chosen.astype(np.float64)).mean(axis=(0, 1))
    assert trained.prior.bits([grid]) == pytest.approx(expected, rel=1e-4)


def test_without_codes_training_says_what_to_add() -> None:
    with pytest.raises(CorpusError, match="add recordings"):
        PriorData(())


def test_without_held_out_files_the_training_ones_are_judged(melody: PriorData) -> None:
    assert PriorData(melody.train).judged == melody.train


def test_training_ends_when_held_out_bits_rise() -> None:
    assert not early_stop([], 3)
    assert not early_stop([5, 4, 3, 2, 1], 3)
    assert early_stop([5, 4, 4.5, 4.2, 4.1], 3)


def test_sizes_follow_the_data() -> None:
    sizes = [adaptive_prior_config(n, 64, 1, 3) for n in (300, 3000, 10_000, 100_000)]
    assert [c.hidden for c in sizes] == sorted({c.hidden for c in sizes})
    assert [c.dropout for c in sizes] == sorted((c.dropout for c in sizes), reverse=True)


def test_a_bigram_knows_a_cycle_and_a_unigram_does_not() -> None:
    cycle = np.tile(np.arange(4, dtype=np.int16), 50).reshape(200, 1, 1)
    baseline = MarkovBaseline([cycle, cycle], 4)
    assert baseline.unigram_bits([cycle])[0] == pytest.approx(2.0, abs=0.05)
    assert baseline.bigram_bits([cycle])[0] < 0.1


def test_counting_does_not_fall_for_what_only_one_grid_says() -> None:
    """Each grid a code of its own: what is learnt by heart must not look like knowledge of the next grid."""
    grids = [np.full((60, 1, 1), code, np.int16) for code in range(4)]
    unseen = np.full((60, 1, 1), 9, np.int16)
    assert MarkovBaseline(grids, 16).bigram_bits([unseen])[0] < 6.0


def test_unigram_probabilities_add_up_and_leave_no_code_out(melody: PriorData) -> None:
    p = MarkovBaseline(melody.train, 8).unigram()
    assert p.shape == (1, 3, 8)
    assert p.sum(axis=-1) == pytest.approx(1.0)
    assert (p > 0).all()


def test_the_longest_copy_does_not_cross_from_one_recording_into_the_next(make_melody: Any) -> None:
    a, b = (make_melody(40, np.random.default_rng(s), codebook_size=64) for s in (1, 2))
    made = np.concatenate([a[30:], b[:7]])
    copy = longest_copy(made, [a, a[:0], b])
    assert (copy.columns, copy.at, copy.grid, copy.start) == (10, 0, 0, 30)
    assert longest_copy(b, [a[:0]]).columns == 0


def test_memorisation_is_measured_and_said(trained: PriorObjective) -> None:
    report = memorisation(trained.prior, trained.data, columns_per_second=23.4, columns=200)
    assert report.heldout_bits == pytest.approx(trained.validate().mean())
    assert f"{report.copy.columns} columns" in report.words
    assert "recordings held out" in report.words


def test_the_words_follow_the_numbers() -> None:
    bits = ((3.0, 3.1), (3.0, 4.0), (1.0, 4.0), (3.0, float("nan")))
    words = [Memorisation(train, held, Copy(5), 2, 20.0).words for train, held in bits]
    for text, said in zip(words, ("the manner", "leans on", "by heart", "nobody knows"), strict=True):
        assert said in text
        assert "5 columns (0.2 s)" in text
