"""Learning and counting together: the shares are the best ones, the mixture is the mean, and damage is one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.errors import ModelFileError
from distill_live.prior.base import live_prior, prior_config
from distill_live.prior.following import HEARD, followed_along, said
from distill_live.prior.mixed import MixedPrior, fitted_to, likely_by_each, mixed_bits, shares_before
from distill_live.prior.mixed_live import probability_of

EVEN = np.full((2, 2), 0.5)


def probabilities(seed: int, count: int = 200, levels: int = 2) -> Any:
    """Of codes, by two priors: ``[2, count, levels]``."""
    return np.random.default_rng(seed).uniform(0.01, 0.9, (2, count, levels))


def bits(shares: Any, likely: Any) -> Any:
    return -np.log2((shares * likely).sum(axis=0)).mean(axis=0)


def of_one(share: float) -> Any:
    return np.array([share, 1.0 - share]).reshape(2, 1, 1)


@given(st.integers(0, 100))
@settings(max_examples=20)
def test_no_other_share_needs_fewer_bits(seed: int):
    likely = probabilities(seed, 20_000)
    best = bits(fitted_to(likely, EVEN)[:, None], likely)
    for share in np.linspace(0.0, 1.0, 21):
        assert (best <= bits(of_one(share), likely) + 1e-3).all()


def turned(columns: int, first: float = 0.9) -> Any:
    """One that finds every code as likely as ``first``, and one that makes up for it."""
    return np.stack([np.full((columns, 1), first), np.full((columns, 1), 1.0 - first)])


def test_who_is_always_right_gets_everything_when_that_is_sure():
    assert fitted_to(turned(20_000), EVEN[:, :1])[:, 0] == pytest.approx([1.0, 0.0], abs=2e-3)
    assert fitted_to(turned(20_000, 0.1), EVEN[:, :1])[:, 0] == pytest.approx([0.0, 1.0], abs=2e-3)
    shares = [fitted_to(turned(columns), EVEN[:, :1])[0, 0] for columns in (1, 50, 500, 5000)]
    assert shares == sorted(shares)
    assert 0.5 < shares[0] < 0.52
    assert shares[1] < 0.9, "50 columns, two seconds, of one recording"


def test_where_nothing_was_held_out_to_tell_shares_are_what_the_counts_say(cases: Any, make_prior: Any):
    counted = make_prior(cases["mixed"][0]).counted
    even = shares_before(counted)
    assert even[0] == pytest.approx(0.5)
    assert even[1:] == pytest.approx(0.5 * counted.shares_alone())
    assert fitted_to(np.full((4, 0, 3), 0.5), even) == pytest.approx(even)
    assert fitted_to(np.full((4, 500, 3), 0.5), even) == pytest.approx(even)


def test_bits_are_measured_with_shares_of_other_recordings():
    """Where recordings contradict each other, a share fitted to the others is the wrong one to begin with: it shows."""
    agreeing, contradicting = (mixed_bits([turned(400), turned(400, p)], EVEN[:, :1]) for p in (0.9, 0.1))
    assert agreeing[0] == pytest.approx(-np.log2(0.9), abs=0.05)
    assert contradicting[0] > agreeing[0] + 0.02
    assert contradicting[0] < 0.5, "it follows what it hears; with the other's share alone a code would cost 2.7 bits"


def test_one_recording_is_judged_by_its_halves():
    first, second = probabilities(1), probabilities(2)
    whole, apart = mixed_bits([np.concatenate([first, second], axis=1)], EVEN), mixed_bits([first, second], EVEN)
    assert whole == pytest.approx(apart)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_its_distribution_is_the_mean_of_all(cases: Any, make_prior: Any, which: int):
    prior = make_prior(cases["mixed"][which])
    c = prior.config
    codes = np.random.default_rng(1).integers(0, c.codebook_size, (12, c.rows, c.levels)).astype(np.int16)
    each = likely_by_each(prior.learned, prior.counted, codes)
    assert each.shape == (4, *codes.shape)
    shares = followed_along(said(each), prior.shares.numpy(), HEARD)
    assert (np.abs(shares[:, 1:] - prior.shares.numpy()[:, None, None]) > 0.01).any()
    np.testing.assert_allclose(prior.of_codes(codes), (shares * each).sum(axis=0), atol=1e-6)
    assert prior.bits([codes]) == pytest.approx(-np.log2(prior.of_codes(codes)).mean(axis=(0, 1)), rel=1e-4)


def test_in_a_file_from_before_shares_followed_they_stay(cases: Any, make_prior: Any):
    prior = make_prior(cases["mixed"][0])
    shares = np.float32([0.2, 0.5, 0.9])
    still = MixedPrior(replace(prior.config, heard=0)).eval()
    still.learned, still.counted = prior.learned, prior.counted
    still.get_buffer("shares").copy_(torch.from_numpy(shares))
    config = {name: value for name, value in still.config.to_json().items() if name != "heard"}
    old = live_prior(config, still.weights())
    codes = np.random.default_rng(1).integers(0, 6, (12, 1, 3)).astype(np.int16)
    wanted = shares * prior.learned.of_codes(codes) + (1.0 - shares) * prior.counted.of_codes(codes)
    np.testing.assert_allclose(still.of_codes(codes), wanted, atol=1e-6)
    came = torch.from_numpy(codes).long()[None]
    whole = still.logits(came).exp().gather(-1, came[..., None])[0, ..., 0].detach().numpy()
    np.testing.assert_allclose(whole, wanted, rtol=1e-4)
    state, found = old.initial_state(), np.zeros(codes.shape)
    for w, column in enumerate(codes):

        def choose(logits: Any, row: int, level: int, w: int = w, column: Any = column) -> int:
            found[w, row, level] = np.exp(logits[column[row, level]])
            return int(column[row, level])

        _, state = old.step(state, choose)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert state.heard.shape == (0, 2, 1, 3)


def test_a_skimmed_column_says_nothing_of_what_has_learnt(cases: Any, make_prior: Any):
    """Its guess is from one column ago, so under load the shares would drift away from it."""
    prior = make_prior(cases["mixed"][0]).live()
    state = prior.prefill(np.random.default_rng(4).integers(0, 6, (5, 1, 3)).astype(np.int16), prior.initial_state())
    _, stepped = prior.step(state, lambda logits, row, level: 1)
    _, skimmed = prior.skim(state, lambda logits, row, level: 1)
    assert (skimmed.heard[:-1] == state.heard[1:]).all()
    assert (skimmed.heard[-1] == 1.0).all()
    assert (stepped.heard[-1] != 1.0).any()


@pytest.mark.parametrize("logits", [np.zeros(4, np.float32), np.float32([0, 1000, -1000, 3])])
def test_no_logit_is_too_far_below_another(logits: Any):
    with np.errstate(all="raise", under="ignore"):
        found = [probability_of(logits, code) for code in range(4)]
    assert sum(found) == pytest.approx(1.0)


@pytest.mark.parametrize("heard", [-1, 65, 2.5, "16", True])
def test_what_cannot_be_heard_is_refused(cases: Any, heard: Any):
    with pytest.raises(ModelFileError, match="heard"):
        prior_config({**cases["mixed"][0].to_json(), "heard": heard})


def test_all_of_one_part_is_that_part(cases: Any, make_prior: Any):
    both = make_prior(cases["mixed"][0])
    codes = np.random.default_rng(2).integers(0, 6, (9, 1, 3)).astype(np.int16)
    for which, alone in enumerate([both.learned.of_codes(codes), *both.counted.each_of_codes(codes)]):
        shares = np.zeros((4, 3))
        shares[which] = 1.0
        prior = MixedPrior.of(both.learned, both.counted, shares).eval()
        np.testing.assert_allclose(prior.of_codes(codes), alone, atol=1e-6)


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


@pytest.mark.parametrize("share", [-0.1, 1.5, 0.0, float("nan")])
def test_impossible_shares_are_refused(cases: Any, make_prior: Any, share: float):
    prior = make_prior(cases["mixed"][0])
    stored = {**prior.weights(), "shares": np.full((4, 3), share, np.float32)}
    with pytest.raises(ModelFileError, match="between 0 and 1"):
        live_prior(prior.config.to_json(), stored)
