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
    """Where recordings contradict each other, a share fitted to the others is the wrong one, and it shows."""
    right, wrong = np.full((5000, 1), 0.9), np.full((5000, 1), 0.1)
    honest = mixed_bits([right, wrong], [wrong, right])
    assert honest[0] == pytest.approx(-np.log2(0.1), abs=0.1)
    assert mixed_bits([right, right], [wrong, wrong])[0] == pytest.approx(-np.log2(0.9), abs=0.01)


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
    shares = prior.shares.numpy()
    np.testing.assert_allclose(of_all[0], shares * of_all[1] + (1.0 - shares) * of_all[2], atol=1e-6)
    assert prior.bits([codes]) == pytest.approx(-np.log2(of_all[0]).mean(axis=(0, 1)), rel=1e-4)


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
