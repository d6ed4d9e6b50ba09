"""A source of codes with known structure, and one small prior of every kind and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from distill_live.prior.base import PriorConfig, prior_config
from distill_live.prior.markov import MarkovPrior
from distill_live.prior.markov_live import MarkovConfig
from distill_live.prior.mixed import MixedPrior
from distill_live.prior.mixed_live import MixedConfig
from distill_live.prior.network import Prior, build_prior
from distill_live.prior.objective import PriorData
from distill_live.prior.recurrent import RecurrentConfig
from distill_live.prior.transformer import TransformerConfig


def both(learned: PriorConfig, counted: PriorConfig) -> MixedConfig:
    parts = learned.to_json(), counted.to_json()
    return MixedConfig(learned.rows, learned.levels, learned.codebook_size, *parts, heard=16)


CASES: dict[str, list[PriorConfig]] = {
    "recurrent": [
        RecurrentConfig(1, 3, 16, hidden=24, layers=2, embedding=12, depth=16),
        RecurrentConfig(2, 2, 32, hidden=32, layers=1, embedding=8, depth=12),
        RecurrentConfig(8, 3, 16, hidden=40, layers=1, embedding=8, depth=12),
    ],
    "transformer": [
        TransformerConfig(1, 3, 16, width=24, layers=2, heads=4, window=6, embedding=12, depth=16),
        TransformerConfig(2, 2, 32, width=32, layers=1, heads=2, window=40, embedding=8, depth=12),
        TransformerConfig(8, 3, 16, width=40, layers=1, heads=1, window=10, embedding=8, depth=12),
    ],
    "markov": [
        MarkovConfig(1, 3, 6, columns=400, pieces=3),
        MarkovConfig(2, 2, 8, columns=400, pieces=1),
        MarkovConfig(8, 3, 6, columns=400, pieces=2),
    ],
    "mixed": [
        both(
            RecurrentConfig(1, 3, 6, hidden=24, layers=2, embedding=12, depth=16),
            MarkovConfig(1, 3, 6, columns=400, pieces=3),
        ),
        both(
            TransformerConfig(2, 2, 8, width=32, layers=1, heads=2, window=40, embedding=8, depth=12),
            MarkovConfig(2, 2, 8, columns=400, pieces=1),
        ),
        both(
            RecurrentConfig(8, 3, 6, hidden=40, layers=1, embedding=8, depth=12),
            MarkovConfig(8, 3, 6, columns=400, pieces=2),
        ),
    ],
}
"""Every kind of prior with configs of 1, 2 and 8 rows; a kind without an entry fails ``test_every_kind_has_cases``."""


def melody_grid(columns: int, rng: np.random.Generator, rows: int = 1, codebook_size: int = 16) -> Any:
    """int16 ``[W, H, 3]``: level 0 goes on in the direction it came from (second order, so a bigram cannot know it),

    level 1 follows from level 0 of the same column, level 2 from level 1; one code in ten is a free choice.
    """
    K = codebook_size
    grid = np.zeros((columns, rows, 3), np.int64)
    grid[:2] = rng.integers(0, K, (2, rows, 3))
    for w in range(2, columns):
        free = rng.random((rows, 3)) < 0.1
        random = rng.integers(0, K, (rows, 3))
        ahead = (2 * grid[w - 1, :, 0] - grid[w - 2, :, 0]) % K
        grid[w, :, 0] = np.where(free[:, 0], random[:, 0], ahead)
        grid[w, :, 1] = np.where(free[:, 1], random[:, 1], (5 * grid[w, :, 0] + 3) % K)
        grid[w, :, 2] = np.where(free[:, 2], random[:, 2], (7 * grid[w, :, 1] + 1) % K)
    return grid.astype(np.int16)


@pytest.fixture(scope="session")
def make_melody() -> Callable[..., Any]:
    return melody_grid


@pytest.fixture(scope="session")
def melody() -> PriorData:
    """1200 columns to learn from in six grids, 300 held out in two."""
    rng = np.random.default_rng(5)
    grids = [melody_grid(200 if i < 6 else 150, rng, codebook_size=8) for i in range(8)]
    return PriorData(tuple(grids[:6]), tuple(grids[6:]))


def fresh(config: PriorConfig, seed: int = 3) -> Prior[Any]:
    """A prior with lively random weights, so that its logits differ; the counting one has counted a random walk."""
    if isinstance(config, MarkovConfig):
        return MarkovPrior.counted_from(walks(config, seed), config.codebook_size).eval()
    if isinstance(config, MixedConfig):
        learned, counted = fresh(prior_config(config.learned), seed), fresh(prior_config(config.counted), seed)
        assert isinstance(counted, MarkovPrior)
        shares = np.random.default_rng(seed).dirichlet(np.ones(1 + counted.config.orders), config.levels).T
        return MixedPrior.of(learned, counted, shares).eval()
    torch.manual_seed(seed)
    prior = build_prior(config.to_json()).eval()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.mul_(1.5)
    return prior


def walks(config: MarkovConfig, seed: int) -> list[Any]:
    """Grids whose codes go a step up or stay."""
    shape = (config.columns, config.rows, config.levels)
    steps = np.random.default_rng(seed).integers(0, 2, shape)
    return np.array_split((np.cumsum(steps, axis=0) % config.codebook_size).astype(np.int16), config.pieces)


@pytest.fixture(scope="session")
def make_prior() -> Callable[..., Prior[Any]]:
    return fresh


@pytest.fixture(scope="session")
def cases() -> dict[str, list[PriorConfig]]:
    return CASES


@pytest.fixture(
    params=[c for configs in CASES.values() for c in configs], ids=lambda c: f"{c.kind}-{c.rows}x{c.levels}"
)
def any_prior(request: pytest.FixtureRequest) -> Prior[Any]:
    """Each kind of prior, with 1, 2 and 8 rows."""
    return fresh(request.param)


@pytest.fixture
def codes(any_prior: Prior[Any]) -> Any:
    """int16 ``[20, H, Q]`` that fit ``any_prior``."""
    c = any_prior.config
    return np.random.default_rng(1).integers(0, c.codebook_size, (20, c.rows, c.levels)).astype(np.int16)
