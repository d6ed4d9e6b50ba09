"""The counting prior while it is made: nothing is learnt step by step, so ``forward`` only says what the counts say.

For sets so small that a network would learn them by heart, and as what a network has to beat. The tables lie in
``contexts.py``, the playing in ``markov_live.py``. Training thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        logits = np.empty((*columns.shape, self.config.codebook_size), np.float32)
        for place, history, row, level in _places(previous, columns):
            logits[place] = logits_of(self._tables().probabilities(history, row, level))
        return torch.from_numpy(logits).to(columns.device)

    def each(self, previous: Tensor, columns: Tensor) -> Tensor:
        """Probabilities by each order of contexts, float32 ``[orders, B, W, H, Q, K]``; arguments as of ``forward``."""
        found = np.empty((self.config.orders, *columns.shape, self.config.codebook_size), np.float32)
        for place, history, row, level in _places(previous, columns):
            found[:, *place] = np.stack(self._tables().each(history, row, level))
        return torch.from_numpy(found).to(columns.device)

    def of_codes(self, grid: Column) -> NDArray[np.float64]:
        return self._tables().of_codes(grid)

    def each_of_codes(self, grid: Column) -> NDArray[np.float64]:
        """As ``of_codes``, by each order of contexts: ``[orders, W, H, Q]``."""
        return self._tables().each_of_codes(grid)

    def shares_alone(self) -> NDArray[np.float64]:
        """How its orders of contexts are mixed where they stand alone: ``[orders, Q]``."""
        return self._tables().shares

    def set_biases(self, log_probabilities: Tensor) -> None:
        """Nothing: its unigram is counted like the rest."""

    def _tables(self) -> ContextCounts:
        if self._counts is None:
            self._counts = counted(self.config, self.weights())
        return self._counts

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._counts = self._live = None
        super()._load_from_state_dict(*arguments)


_Place = tuple[tuple[int, int, int, int], list[Column], int, int]


def _places(previous: Tensor, columns: Tensor) -> Iterator[_Place]:
    """Every place of ``[B, W, H, Q]`` with what the counts ask for: its history, row and level."""
    for b in range(len(columns)):
        history = _history(previous[b].cpu().numpy(), columns[b].cpu().numpy())
        for w, row, level in np.ndindex(columns.shape[1:]):
            yield (b, w, row, level), [codes[w] for codes in history], row, level


def _history(previous: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
    """What ``hashed`` takes, from what is remembered before each column ``[W, H, Q]`` and the columns themselves."""
    found = [columns, previous]
    for back in range(1, PAST):
        earlier = np.full_like(previous, BEGIN)
        earlier[back:] = previous[: max(len(previous) - back, 0)]
        found.append(earlier)
    return found
