"""Learning and counting together: the shares are the best ones, the mixture is the mean, and damage is one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.errors import ModelFileError
from distill_live.prior.base import live_prior, prior_config
from distill_live.prior.mixed import MixedPrior, fitted_to, mixed_bits
from distill_live.prior.mixed_live import HEARD, followed_along, ratio_of


def probabilities(seed: int, count: int = 200, levels: int = 2) -> Any:
    return np.random.default_rng(seed).uniform(0.01, 0.9, (count, levels))


def bits(shares: Any, a: Any, b: Any) -> Any:
    return -np.log2(shares * a + (1.0 - shares) * b).mean(axis=0)


@given(st.integers(0, 100))
@settings(max_examples=20)
def test_no_other_share_needs_fewer_bits(seed: int):
    a, b = probabilities(seed, 20_000), probabilities(seed + 1000, 20_000)
    best = bits(fitted_to(a, b), a, b)
    for share in np.linspace(0.0, 1.0, 21):
        assert (best <= bits(share, a, b) + 1e-3).all()


def test_who_is_always_right_gets_everything_when_that_is_sure():
    right, wrong = np.full((20_000, 1), 0.9), np.full((20_000, 1), 0.1)
    assert fitted_to(right, wrong)[0] == pytest.approx(1.0, abs=2e-3)
    assert fitted_to(wrong, right)[0] == pytest.approx(0.0, abs=2e-3)
    shares = [fitted_to(right[:columns], wrong[:columns])[0] for columns in (1, 50, 500, 5000)]
    assert shares == sorted(shares)
    assert 0.5 < shares[0] < 0.52
    assert shares[1] < 0.9, "50 columns, two seconds, of one recording"


def test_bits_are_measured_with_shares_of_other_recordings():
    """Where recordings contradict each other, a share fitted to the others is the wrong one to begin with: it shows."""
    right, wrong = np.full((400, 1), 0.9), np.full((400, 1), 0.1)
    agreeing, contradicting = mixed_bits([right, right], [wrong, wrong]), mixed_bits([right, wrong], [wrong, right])
    assert agreeing[0] == pytest.approx(-np.log2(0.9), abs=0.05)
    assert contradicting[0] > agreeing[0] + 0.02
    assert contradicting[0] < 0.5, "it follows what it hears; with the other's share alone a code would cost 2.7 bits"


@given(st.floats(0.02, 0.98), st.floats(0.01, 100.0))
def test_the_shares_follow_who_expected_better_and_come_back(share: float, ratio: float):
    fitted = np.array([share])
    heard = np.ones((200, 1))
    heard[50:60] = ratio
    along = followed_along(heard, fitted, 64)[:, 0]
    assert (along[:51] == share).all()
    assert (np.diff(along[50:61]) * np.log(ratio) >= -1e-9).all()
    assert (along >= 0).all()
    assert (along <= 1).all()
    assert along[-1] == pytest.approx(share, abs=1e-6)


def test_a_mixture_that_follows_is_never_much_worse_than_the_better_one_of_each_stretch():
    """Two priors that take turns in being right, every second: one share for both is wrong all the time."""
    turns = (np.arange(2000) // 24) % 2
    a, b = np.where(turns, 0.5, 0.05)[:, None], np.where(turns, 0.05, 0.5)[:, None]
    still = bits(fitted_to(a, b), a, b)[0]
    shares = followed_along(ratio_of(a, b), fitted_to(a, b), HEARD)
    assert bits(shares, a, b)[0] < still - 0.25
    assert bits(shares, a, b)[0] < -np.log2(0.5) + 0.5


def test_one_recording_is_judged_by_its_halves():
    a, b = probabilities(1), probabilities(2)
    found = mixed_bits([a], [b])
    assert (found >= bits(fitted_to(a, b), a, b) - 1e-9).all()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_its_distribution_is_the_mean_of_both(cases: Any, make_prior: Any, which: int):
    prior = make_prior(cases["mixed"][which])
    c = prior.config
    codes = np.random.default_rng(1).integers(0, c.codebook_size, (12, c.rows, c.levels)).astype(np.int16)
    of_all = [p.of_codes(codes) for p in (prior, prior.learned, prior.counted)]
    shares = followed_along(ratio_of(*of_all[1:]), prior.shares.numpy(), HEARD)
    assert (shares[0] == prior.shares.numpy()).all()
    assert (np.abs(shares[1:] - prior.shares.numpy()) > 0.01).any()
    np.testing.assert_allclose(of_all[0], shares * of_all[1] + (1.0 - shares) * of_all[2], atol=1e-6)
    assert prior.bits([codes]) == pytest.approx(-np.log2(of_all[0]).mean(axis=(0, 1)), rel=1e-4)


def test_in_a_file_from_before_shares_followed_they_stay(cases: Any, make_prior: Any):
    prior = make_prior(cases["mixed"][0])
    config = {name: value for name, value in prior.config.to_json().items() if name != "heard"}
    old = live_prior(config, prior.weights())
    still = MixedPrior.of(prior.learned, prior.counted, prior.shares.numpy(), heard=0)
    codes = np.random.default_rng(1).integers(0, 6, (12, 1, 3)).astype(np.int16)
    shares = prior.shares.numpy()
    wanted = shares * prior.learned.of_codes(codes) + (1.0 - shares) * prior.counted.of_codes(codes)
    np.testing.assert_allclose(still.of_codes(codes), wanted, atol=1e-6)
    state, found = old.initial_state(), np.zeros(codes.shape)
    for w, column in enumerate(codes):

        def choose(logits: Any, row: int, level: int, w: int = w, column: Any = column) -> int:
            found[w, row, level] = np.exp(logits[column[row, level]])
            return int(column[row, level])

        _, state = old.step(state, choose)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert state.heard.shape == (0, 1, 3)


@pytest.mark.parametrize("heard", [-1, 65, 2.5, "16", True])
def test_what_cannot_be_heard_is_refused(cases: Any, heard: Any):
    with pytest.raises(ModelFileError, match="heard"):
        prior_config({**cases["mixed"][0].to_json(), "heard": heard})


def test_all_of_one_part_is_that_part(cases: Any, make_prior: Any):
    both = make_prior(cases["mixed"][0])
    codes = np.random.default_rng(2).integers(0, 6, (9, 1, 3)).astype(np.int16)
    for share, alone in ((1.0, both.learned), (0.0, both.counted)):
        prior = MixedPrior.of(both.learned, both.counted, np.full(3, share)).eval()
        np.testing.assert_allclose(prior.of_codes(codes), alone.of_codes(codes), atol=1e-6)


@pytest.mark.parametrize(
    "damage",
    [
        {"learned": {}},
        {"learned": 3},
        {"counted": {"kind": "recurrent"}},
        {"learned": {"kind": "mixed"}},
        {"levels": 2},
        {"codebook_size": 7},
    ],
)
def test_a_damaged_config_is_one_sentence(cases: Any, damage: dict[str, Any]):
    with pytest.raises(ModelFileError) as caught:
        prior_config({**cases["mixed"][0].to_json(), **damage})
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("entry", ["learned", "counted"])
def test_a_damaged_part_is_one_sentence(cases: Any, make_prior: Any, entry: str):
    prior = make_prior(cases["mixed"][0])
    config = prior.config.to_json()
    config[entry] = {**config[entry], "hidden" if entry == "learned" else "pieces": -4}
    with pytest.raises(ModelFileError, match="damaged"):
        live_prior(config, prior.weights())


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_impossible_shares_are_refused(cases: Any, make_prior: Any, share: float):
    prior = make_prior(cases["mixed"][0])
    stored = {**prior.weights(), "shares": np.full(3, share, np.float32)}
    with pytest.raises(ModelFileError, match="between 0 and 1"):
        live_prior(prior.config.to_json(), stored)
