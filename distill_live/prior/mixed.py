"""Learning and counting together, while it is made: two priors and a share for each level (``mixed_live.py`` plays it).

The shares begin as those with which recordings that were held out are least surprising (expectation maximisation, a
mixture of two; Jelinek and Mercer, 1980), and follow what is heard from there. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_live.prior.base import Column
from distill_live.prior.markov import MarkovPrior
from distill_live.prior.mixed_live import HEARD, LiveMixedPrior, MixedConfig, MixedState, followed_along, ratio_of
from distill_live.prior.network import Prior, build_prior
from distill_live.prior.shares import fitted_shares

DOUBT: Final = 64.0  # as many columns in which both would do equally well: one recording says little about the next

Floats = NDArray[np.float64]


class MixedPrior(Prior[MixedState]):
    """A prior that learns and one that counts; ``of`` makes one that fits both together."""

    config_class = MixedConfig
    live_class = LiveMixedPrior

    def __init__(self, config: MixedConfig) -> None:
        super().__init__()
        self.config: MixedConfig = config
        self.learned = build_prior(config.learned)
        counted = build_prior(config.counted)
        assert isinstance(counted, MarkovPrior)
        self.counted = counted
        self.register_buffer("shares", torch.full((config.levels,), 0.5))

    @classmethod
    def of(cls, learned: Prior[Any], counted: MarkovPrior, shares: Floats, heard: int = HEARD) -> MixedPrior:
        """Both, as they are; ``shares`` ``[Q]`` of what has learnt, which follow what is ``heard`` (columns)."""
        c = learned.config
        parts = learned.config.to_json(), counted.config.to_json()
        config = MixedConfig(c.rows, c.levels, c.codebook_size, *parts, heard=heard)
        prior = cls(config)
        prior.learned, prior.counted = learned, counted
        prior.get_buffer("shares").copy_(torch.from_numpy(shares.astype(np.float32)))
        return prior

    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        learned = self.learned(previous, columns).softmax(-1)
        counted = self.counted(previous, columns).softmax(-1)
        given = [p.detach().gather(-1, columns[..., None])[..., 0].transpose(0, 1) for p in (learned, counted)]
        along = self._along(*(p.double().cpu().numpy() for p in given))
        shares = torch.from_numpy(along).to(learned).transpose(0, 1)[..., None]
        return torch.log((shares * learned + (1.0 - shares) * counted).clamp_min(1e-9))

    def _along(self, learned: Floats, counted: Floats) -> Floats:
        """The shares before each column, from the probabilities that both gave its codes; all ``[W, ..., Q]``."""
        fitted = self.get_buffer("shares").double().cpu().numpy()
        return followed_along(ratio_of(learned, counted), fitted, self.config.heard)

    def of_codes(self, grid: Column) -> Floats:
        learned, counted = self.learned.of_codes(grid), self.counted.of_codes(grid)
        shares = self._along(learned, counted)
        found: Floats = shares * learned + (1.0 - shares) * counted
        return found

    def set_biases(self, log_probabilities: Tensor) -> None:
        self.learned.set_biases(log_probabilities)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._live = None  # what it has counted lies in tables, which follow no tensor
        super()._load_from_state_dict(*arguments)


def fitted_to(learned: Floats, counted: Floats) -> Floats:
    """The share of ``learned`` in the mixture that makes these codes likeliest, per level ``[Q]``; both ``[..., Q]``.

    >>> fitted_to(np.full((999, 1), 0.9), np.full((999, 1), 0.1)).round(1)
    array([1.])
    """
    both = np.stack([learned, counted], axis=-1).reshape(-1, learned.shape[-1], 2)
    return np.array([fitted_shares(both[:, level], DOUBT)[0] for level in range(both.shape[1])])


def mixed_bits(learned: Sequence[Floats], counted: Sequence[Floats]) -> Floats:
    """Bits per code ``[Q]`` of a mixture whose shares were never fitted to the codes they are measured on.

    Args:
        learned, counted: probabilities ``[W, ..., Q]`` of the codes of each recording; shares for one are fitted on the
            others, or, where there is one recording alone, on its other half. From there they follow what is heard.
    """
    if len(learned) == 1:
        learned, counted = np.array_split(learned[0], 2), np.array_split(counted[0], 2)
    total, count = np.zeros(learned[0].shape[-1]), 0
    for own in range(len(learned)):
        a, b = (np.concatenate([p for at, p in enumerate(of_all) if at != own]) for of_all in (learned, counted))
        shares = followed_along(ratio_of(learned[own], counted[own]), fitted_to(a, b), HEARD)
        bits = -np.log2(np.maximum(shares * learned[own] + (1.0 - shares) * counted[own], 1e-12))
        total += bits.reshape(-1, len(total)).sum(axis=0)
        count += bits.size // len(total)
    return total / max(count, 1)
