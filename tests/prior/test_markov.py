"""The counting prior as a file: files from before there were several orders play on, impossible shares are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from distill_live.errors import ModelFileError
from distill_live.prior.base import live_prior, prior_config
from distill_live.prior.contexts import DEPTH, OCTAVES, ContextCounts
from distill_live.prior.network import build_prior


@pytest.fixture
def prior(cases: Any, make_prior: Any) -> Any:
    return make_prior(cases["markov"][0])


def old_file(prior: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Config and tensors as they were when there was one order of contexts."""
    config = prior.config.to_json()
    del config["orders"]
    tensors = {name: array for name, array in prior.weights().items() if name != "shares_of_orders"}
    tensors["weights_of_lengths"] = tensors["weights_of_lengths"][: prior.config.levels]
    return config, tensors


def test_a_file_with_one_order_plays_what_it_played(prior: Any):
    config, tensors = old_file(prior)
    live = live_prior(config, tensors)
    grids = np.split(tensors["columns"], tensors["begins"][1:])
    weights = tensors["weights_of_lengths"].reshape(1, prior.config.levels, DEPTH + 1, OCTAVES)
    counts = ContextCounts(grids, prior.config.codebook_size, weights)
    state, history = live.initial_state(), [np.full((1, 3), -1, np.int16)] * 5
    rng, asked = np.random.default_rng(2), []

    def choose(logits: Any, _row: int, _level: int) -> int:
        asked.append(logits)
        return int(rng.integers(6))

    for _ in range(20):
        column, state = live.step(state, choose)
        for level, logits in enumerate(asked[-3:]):
            spelt = np.where(np.arange(3) < level, column, -1).astype(np.int16)
            p = counts.probabilities([spelt, *history], 0, level)
            np.testing.assert_allclose(np.exp(logits), np.maximum(p, 1e-9), rtol=1e-5)
        history = [column, *history[:4]]


def test_a_file_with_one_order_can_be_trained_on(prior: Any):
    config, tensors = old_file(prior)
    again = build_prior(config)
    again.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})
    assert again.config.to_json()["orders"] == 1
    assert np.isfinite(again.of_codes(np.zeros((5, 1, 3), np.int16))).all()


@pytest.mark.parametrize("share", [-0.1, 2.0, 0.0, float("nan")])
def test_impossible_shares_are_refused(prior: Any, share: float):
    stored = {**prior.weights(), "shares_of_orders": np.full(9, share, np.float32)}
    with pytest.raises(ModelFileError, match="does not fit") as caught:
        live_prior(prior.config.to_json(), stored)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("orders", [0, 4, True, "2", 1.0])
def test_impossible_orders_are_refused(prior: Any, orders: Any):
    with pytest.raises(ModelFileError, match="damaged"):
        prior_config({**prior.config.to_json(), "orders": orders})


def test_missing_shares_are_refused(prior: Any):
    stored = {name: array for name, array in prior.weights().items() if name != "shares_of_orders"}
    with pytest.raises(ModelFileError, match="shares_of_orders"):
        live_prior(prior.config.to_json(), stored)
