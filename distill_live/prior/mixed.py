"""Learning and counting together, while it is made: two priors and their shares (``mixed_live.py`` plays it).

The shares begin as those with which recordings that were held out are least surprising (expectation maximisation, a
mixture of what has learnt and of each order of contexts; Jelinek and Mercer, 1980), and follow what is heard from
there. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_live.prior.base import Column
from distill_live.prior.following import HEARD, followed_along, said
from distill_live.prior.markov import MarkovPrior
from distill_live.prior.mixed_live import LiveMixedPrior, MixedConfig, MixedState, as_shares
from distill_live.prior.network import Prior, build_prior
from distill_live.prior.shares import fitted_shares

DOUBT: Final = 64.0  # as many codes of a level speak for the shares before: one recording may be unlike others

Floats = NDArray[np.float64]


class MixedPrior(Prior[MixedState]):
    """A prior that learns and one that counts; ``of`` puts both together."""

    config_class = MixedConfig
    live_class = LiveMixedPrior

    def __init__(self, config: MixedConfig) -> None:
        super().__init__()
        self.config: MixedConfig = config
        self.learned = build_prior(config.learned)
        counted = build_prior(config.counted)
        assert isinstance(counted, MarkovPrior)
        self.counted = counted
        members = 1 + counted.config.orders
        shape = (members, config.levels) if config.heard else (config.levels,)
        self.register_buffer("shares", torch.full(shape, 1.0 / members if config.heard else 0.5))

    @classmethod
    def of(cls, learned: Prior[Any], counted: MarkovPrior, shares: Floats) -> MixedPrior:
        """Both, as they are; ``shares`` ``[E, Q]`` of what has learnt and of each order of contexts, 1 together."""
        c = learned.config
        parts = learned.config.to_json(), counted.config.to_json()
        prior = cls(MixedConfig(c.rows, c.levels, c.codebook_size, *parts, heard=HEARD))
        prior.learned, prior.counted = learned, counted
        prior.get_buffer("shares").copy_(torch.from_numpy(shares.astype(np.float32)))
        return prior

    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        learned = self.learned(previous, columns).softmax(-1)
        counted = self.counted.each(previous, columns)
        if not self.config.heard:
            counted = self.counted(previous, columns).softmax(-1)[None]
        each = torch.cat([learned[None], counted])  # [E, B, W, H, Q, K]
        came = columns[..., None].expand(len(each), *columns.shape, 1)
        likely = each.detach().gather(-1, came)[..., 0].transpose(1, 2).double().cpu().numpy()
        shares = torch.from_numpy(self._along(likely)).to(learned).transpose(1, 2)[..., None]
        return torch.log((shares * each).sum(dim=0).clamp_min(1e-9))

    def of_codes(self, grid: Column) -> Floats:
        each = likely_by_each(self.learned, self.counted, grid)
        if not self.config.heard:
            each = np.stack([each[0], self.counted.of_codes(grid)])
        found: Floats = (self._along(each) * each).sum(axis=0)
        return found

    def _along(self, likely: Floats) -> Floats:
        """The shares before each column, from the probabilities that each gave its codes; both ``[E, W, ..., Q]``."""
        fitted = as_shares(self.get_buffer("shares").cpu().numpy(), self.config.heard)
        return followed_along(said(likely), fitted, self.config.heard)

    def set_biases(self, log_probabilities: Tensor) -> None:
        self.learned.set_biases(log_probabilities)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._live = None  # what it has counted lies in tables, which follow no tensor
        super()._load_from_state_dict(*arguments)


def likely_by_each(learned: Prior[Any], counted: MarkovPrior, grid: Column) -> Floats:
    """The probability of each code of a grid by what has learnt and by each order of contexts, ``[E, W, H, Q]``."""
    return np.concatenate([learned.of_codes(grid)[None], counted.each_of_codes(grid)])


def shares_before(counted: MarkovPrior) -> Floats:
    """The shares ``[E, Q]`` before any fitting: half for what has learnt, half for the counts as they mix alone."""
    return np.concatenate([np.full((1, counted.config.levels), 0.5), 0.5 * counted.shares_alone()])


def fitted_to(likely: Floats, otherwise: Floats) -> Floats:
    """The shares ``[E, Q]`` of the mixture that makes codes likeliest.

    Args:
        likely: ``[E, ..., Q]``, as each found the codes that came.
        otherwise: ``[E, Q]``, what they are where there is nothing to fit them to, and what doubt draws them to.

    >>> fitted_to(np.stack([np.full((999, 1), 0.9), np.full((999, 1), 0.1)]), np.full((2, 1), 0.5)).round(1)
    array([[1.],
           [0.]])
    """
    by_level = likely.reshape(len(likely), -1, likely.shape[-1])
    fitted = [fitted_shares(by_level[:, :, q].T, DOUBT, otherwise[:, q]) for q in range(likely.shape[-1])]
    return np.stack(fitted, axis=-1)


def mixed_bits(likely: Sequence[Floats], otherwise: Floats) -> Floats:
    """Bits per code ``[Q]`` of a mixture whose shares were never fitted to the codes they are measured on.

    Args:
        likely: probabilities ``[E, W, ..., Q]`` of the codes of each recording; shares for one are fitted on the
            others, or, where there is one recording alone, on its other half. From there they follow what is heard.
        otherwise: as ``fitted_to`` takes it.
    """
    recordings = list(likely) if len(likely) > 1 else np.array_split(likely[0], 2, axis=1)
    total, count = np.zeros(recordings[0].shape[-1]), 0
    for own, each in enumerate(recordings):
        others = [other.reshape(len(other), -1, len(total)) for at, other in enumerate(recordings) if at != own]
        shares = followed_along(said(each), fitted_to(np.concatenate(others, axis=1), otherwise), HEARD)
        bits = -np.log2(np.maximum((shares * each).sum(axis=0), 1e-12)).reshape(-1, len(total))
        total += bits.sum(axis=0)
        count += len(bits)
    return total / max(count, 1)
