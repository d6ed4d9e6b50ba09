"""Sampling draws from exactly the distribution its settings describe, with dice that belong to their place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.params import ParamBank
from distill_live.prior import params as declared
from distill_live.prior.sampling import (
    LevelSampling,
    Sampling,
    chooser,
    gumbel_noise,
    level_sampling,
    read_sampling,
    sample,
)

seeds = st.integers(0, declared.MAX_SEED)
sizes = st.integers(2, 64)


def random_logits(seed: int, size: int) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=size) * 3).astype(np.float32)


def drawn(logits: np.ndarray, temperature: float, top_k: int, top_p: float, count: int = 400) -> np.ndarray:
    K = len(logits)
    return np.array([sample(logits, temperature, top_k, top_p, gumbel_noise(11, c, 0, 0, K)) for c in range(count)])


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    x = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    return x / x.sum()


@given(seeds, sizes, st.floats(0.1, 2.0), st.floats(0.0, 1.0))
def test_top_k_of_one_is_the_likeliest(seed: int, size: int, temperature: float, top_p: float) -> None:
    logits = random_logits(seed, size)
    assert sample(logits, temperature, 1, top_p, gumbel_noise(seed, 1, 2, 3, size)) == int(logits.argmax())


@given(seeds, sizes, st.floats(0.1, 2.0))
def test_top_p_of_zero_is_the_likeliest(seed: int, size: int, temperature: float) -> None:
    logits = random_logits(seed, size)
    assert sample(logits, temperature, 0, 0.0, gumbel_noise(seed, 1, 2, 3, size)) == int(logits.argmax())


@given(seeds, sizes, st.floats(0.1, 2.0), st.integers(1, 64))
def test_top_k_never_chooses_beyond_the_k_likeliest(seed: int, size: int, temperature: float, k: int) -> None:
    logits = random_logits(seed, size)
    code = sample(logits, temperature, k, 1.0, gumbel_noise(seed, 0, 0, 0, size))
    assert (logits > logits[code]).sum() < k


@given(seeds, sizes, st.floats(0.01, 0.999))
@settings(max_examples=60)
def test_top_p_leaves_the_smallest_set_that_reaches_the_mass(seed: int, size: int, top_p: float) -> None:
    """Each code of the nucleus wins when its dice are good enough, no other ever does."""
    logits = random_logits(seed, size)
    p = softmax(logits, 1.0)
    order = np.argsort(-p, kind="stable")
    mass = np.cumsum(p[order])
    can_win = {sample(logits, 1.0, 0, top_p, np.where(np.arange(size) == code, 1e6, 0.0)) for code in range(size)}
    smallest = int(np.searchsorted(mass, top_p * (1 - 1e-9))) + 1
    assert can_win == set(order[:smallest].tolist())


def test_the_draws_follow_the_softmax() -> None:
    """Chi-square over 4000 seeded draws; 24.3 is the 99.9 % point of 7 degrees of freedom."""
    logits = np.array([2.0, 1.0, 0.5, 0.0, 0.0, -0.5, -1.0, 1.5], np.float32)
    for temperature in (0.6, 1.0, 1.7):
        expected = softmax(logits, temperature) * 4000
        counts = np.bincount(drawn(logits, temperature, 0, 1.0, 4000), minlength=8)
        assert ((counts - expected) ** 2 / expected).sum() < 24.3


def test_the_draws_of_neighbouring_places_are_independent() -> None:
    """Noise of neighbouring columns, rows and levels correlates no more than chance (5 sigma) allows."""
    here = gumbel_noise(5, 10, 2, 1, 4000)
    for place in ((5, 11, 2, 1), (5, 10, 3, 1), (5, 10, 2, 2), (6, 10, 2, 1)):
        assert abs(np.corrcoef(here, gumbel_noise(*place, 4000))[0, 1]) < 5 / np.sqrt(4000)


def test_noise_is_standard_gumbel() -> None:
    noise = gumbel_noise(3, 0, 0, 0, 40000)
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.04)
    assert noise.var() == pytest.approx(np.pi**2 / 6, abs=0.08)


@given(seeds, st.integers(0, 2**40), st.integers(0, 63), st.integers(0, 3))
def test_noise_is_a_pure_function_of_its_place(seed: int, column: int, row: int, level: int) -> None:
    noise = gumbel_noise(seed, column, row, level, 32)
    gumbel_noise(seed, column + 1, row, level, 32)
    assert (noise == gumbel_noise(seed, column, row, level, 32)).all()
    assert (noise[:8] == gumbel_noise(seed, column, row, level, 8)).all()
    assert np.isfinite(noise).all()


@given(seeds, sizes, st.floats(0.1, 2.0), st.floats(0.1, 2.0), st.sampled_from([0, 2, 5]))
def test_with_the_same_dice_hotter_never_chooses_a_likelier_code(
    seed: int, size: int, one: float, two: float, top_k: int
) -> None:
    """argmax(l + T g): the comparative statics of Gumbel-max, so entropy can only grow with the temperature."""
    logits, noise = random_logits(seed, size), gumbel_noise(seed, 4, 0, 1, size)
    cool, hot = (sample(logits, t, top_k, 1.0, noise) for t in sorted((one, two)))
    assert logits[hot] <= logits[cool]


def test_hotter_draws_are_more_various() -> None:
    logits = random_logits(1, 32)
    kinds = [len(set(drawn(logits, t, 0, 1.0).tolist())) for t in (0.1, 0.5, 1.0, 2.0)]
    assert kinds == sorted(kinds)
    assert kinds[0] < kinds[-1]


def test_turning_the_temperature_a_little_morphs_and_does_not_reroll() -> None:
    """With the same dice most codes stay; with other dice they do not."""
    logits = random_logits(2, 32)
    same = drawn(logits, 1.0, 0, 1.0)
    nudged = drawn(logits, 1.05, 0, 1.0)
    rerolled = np.array([sample(logits, 1.0, 0, 1.0, gumbel_noise(12, c, 0, 0, 32)) for c in range(400)])
    assert (same == nudged).mean() > 0.95
    assert (same == rerolled).mean() < 0.7


def test_levels_combine_with_the_global_settings_as_documented() -> None:
    assert level_sampling(1.0, 0, 0.9, 1.0, 0, 0.0) == LevelSampling(1.0, 0, 0.9)
    assert level_sampling(1.5, 8, 0.9, 2.0, 3, 0.5) == LevelSampling(2.0, 3, 0.5)
    assert level_sampling(0.2, 8, 0.0, 0.1, 0, 0.0) == LevelSampling(0.1, 8, 0.0)


def test_the_parameters_act_on_their_level_only() -> None:
    bank = ParamBank()
    assert read_sampling(bank.number) == Sampling()
    bank.set("level.2.topk", 5)
    bank.set("level.2.temperature", 0.5)
    levels = read_sampling(bank.number).levels
    assert levels[2] == LevelSampling(0.5, 5, 0.9)
    assert {levels[i] for i in (0, 1, 3)} == {LevelSampling()}
    bank.set("temperature", 2.0)
    assert [s.temperature for s in read_sampling(bank.number).levels] == [2.0, 2.0, 1.0, 2.0]


temperatures, top_ks, top_ps = st.floats(0.1, 2), st.integers(0, 1024), st.floats(0, 1)


@given(st.tuples(temperatures, top_ks, top_ps, temperatures, top_ks, top_ps))
def test_every_legal_setting_of_the_parameters_is_a_legal_sampling(
    values: tuple[float, int, float, float, int, float],
) -> None:
    combined = level_sampling(*values)
    assert 0.1 <= combined.temperature <= 2.0
    assert combined.top_k in values
    assert combined.top_p in values


def test_the_chooser_uses_the_settings_and_dice_of_the_place() -> None:
    greedy = LevelSampling(top_k=1)
    choose = chooser(Sampling((LevelSampling(), greedy, greedy, greedy)), seed=4, column=9)
    logits = random_logits(3, 16)
    assert choose(logits, 0, 1) == int(logits.argmax())
    assert choose(logits, 5, 0) == sample(logits, 1.0, 0, 0.9, gumbel_noise(4, 9, 5, 0, 16))


@pytest.mark.parametrize(("seed", "column", "row", "level"), [(0, 0, 0, 0), (7, 3, 1, 2), (2**31 - 1, 10**7, 7, 3)])
def test_the_noise_is_that_of_a_fresh_generator_at_its_place(seed, column, row, level):
    gumbel_noise(1, 2, 3, 0, 7)  # leaves the shared one in the middle of something
    bits = np.random.Philox(key=seed, counter=(column << 64) | (row << 128) | (level << 192)).random_raw(100)
    uniform = ((bits >> np.uint64(11)) + 0.5) * 2.0**-53
    assert np.array_equal(gumbel_noise(seed, column, row, level, 100), -np.log(-np.log(uniform)))
