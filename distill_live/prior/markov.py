"""The counting prior while it is made: nothing is learnt step by step, so ``forward`` only says what the counts say.

For sets so small that a network would learn them by heart, and as what a network has to beat. The tables lie in
``contexts.py``, the playing in ``markov_live.py``. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_live.prior.base import Column
from distill_live.prior.contexts import DEPTH, OCTAVES, ORDERS, PAST, ContextCounts
from distill_live.prior.markov_live import LiveMarkovPrior, MarkovConfig, MarkovState, counted, logits_of
from distill_live.prior.network import Prior
from distill_live.prior.order import BEGIN


class MarkovPrior(Prior[MarkovState]):
    """Counts as a prior; ``counted_from`` makes one that knows something."""

    config_class = MarkovConfig
    live_class = LiveMarkovPrior

    def __init__(self, config: MarkovConfig) -> None:
        super().__init__()
        self.config: MarkovConfig = config
        self._counts: ContextCounts | None = None
        shape = (config.columns, config.rows, config.levels)
        self.register_buffer("columns", torch.zeros(shape, dtype=torch.int16))
        self.register_buffer("begins", torch.arange(config.pieces, dtype=torch.int32))
        places = config.orders * config.levels
        self.register_buffer("weights_of_lengths", torch.full((places, DEPTH + 1, OCTAVES), 0.5))
        if config.orders > 1:
            self.register_buffer("shares_of_orders", torch.full((places,), 1.0 / config.orders))

    @classmethod
    def counted_from(cls, grids: Sequence[Column], codebook_size: int) -> MarkovPrior:
        """Count grids int16 ``[W, H, Q]`` and fit how far each context length is to be trusted.

        Raises:
            CorpusError: there is no column to count.
        """
        counts = ContextCounts(grids, codebook_size)
        rows, levels = counts.grids[0].shape[1:]
        columns = np.concatenate(counts.grids).astype(np.int16)
        begins = np.cumsum([0, *(len(grid) for grid in counts.grids[:-1])]).astype(np.int32)
        prior = cls(MarkovConfig(rows, levels, codebook_size, len(columns), len(begins), len(ORDERS)))
        values = {
            "columns": columns,
            "begins": begins,
            "weights_of_lengths": counts.weights.reshape(-1, DEPTH + 1, OCTAVES).astype(np.float32),
            "shares_of_orders": counts.shares.ravel().astype(np.float32),
        }
        prior.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
        return prior

    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        c, B = self.config, len(columns)
        logits = np.empty((*columns.shape, c.codebook_size), np.float32)
        for b in range(B):
            history = _history(previous[b].cpu().numpy(), columns[b].cpu().numpy())
            for w, row, level in np.ndindex(logits.shape[1:4]):
                found = self._tables().probabilities([codes[w] for codes in history], row, level)
                logits[b, w, row, level] = logits_of(found)
        return torch.from_numpy(logits).to(columns.device)

    def of_codes(self, grid: Column) -> NDArray[np.float64]:
        return self._tables().of_codes(grid)

    def set_biases(self, log_probabilities: Tensor) -> None:
        """Nothing: its unigram is counted like the rest."""

    def _tables(self) -> ContextCounts:
        if self._counts is None:
            self._counts = counted(self.config, self.weights())
        return self._counts

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._counts = self._live = None
        super()._load_from_state_dict(*arguments)


def _history(previous: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
    """What ``hashed`` takes, from what is remembered before each column ``[W, H, Q]`` and the columns themselves."""
    found = [columns, previous]
    for back in range(1, PAST):
        earlier = np.full_like(previous, BEGIN)
        earlier[back:] = previous[: max(len(previous) - back, 0)]
        found.append(earlier)
    return found
