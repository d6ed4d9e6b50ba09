"""The recurrent prior as it is played: its config, its state, and single columns in numpy.

The drawing stands in ``recurrent.py``. Render thread, or offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range
from distill_live.prior.live import Floats, affine, gru_cell, spelling
from distill_live.prior.order import BEGIN
from distill_live.prior.sampling import Choose
from distill_live.weights import Arrays, Weights


@dataclass(frozen=True)
class RecurrentConfig(PriorConfig):
    """Sizes of a ``RecurrentPrior``.

    Attributes:
        hidden, layers: of the GRU in time, 8..2048 and 1..4.
        embedding, depth: width of a code's vector and of the GRU over places, 4..1024.
        dropout: 0..0.9, in training only.
    """

    kind: ClassVar[str] = "recurrent"

    hidden: int = 256
    layers: int = 2
    embedding: int = 48
    depth: int = 128
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("hidden", self.hidden, 8, 2048)
        check_range("layers", self.layers, 1, 4)
        check_range("embedding", self.embedding, 4, 1024)
        check_range("depth", self.depth, 4, 1024)
        check_range("dropout", self.dropout, 0.0, 0.9, float)


@dataclass(frozen=True)
class RecurrentState(PriorState):
    """``hidden``: float32 ``[layers, hidden]``, read-only, before ``last`` was taken in."""

    hidden: Floats


class LiveRecurrentPrior(LivePrior[RecurrentState]):
    """A GRU in time, a small GRU over the places of a column."""

    config_class = RecurrentConfig

    def __init__(self, config: RecurrentConfig, weights: Arrays) -> None:
        self.config: RecurrentConfig = config
        c, taken = config, Weights(weights, "prior")
        self._speller = spelling(taken, c, c.hidden, c.embedding, c.depth)
        self._take_in = affine(taken, "take_in", c.rows * c.levels * c.embedding, c.hidden)
        self._time = tuple(gru_cell(taken, "time", layer, c.hidden, c.hidden) for layer in range(c.layers))
        taken.done()

    def initial_state(self) -> RecurrentState:
        last = np.full((self.config.rows, self.config.levels), BEGIN, np.int16)
        return _state(np.zeros((self.config.layers, self.config.hidden), np.float32), last)

    def step(self, state: RecurrentState, choose: Choose) -> tuple[Column, RecurrentState]:
        embedded = self._speller.embed(state.last)
        hidden = self._advanced(embedded, state.hidden)
        column = self._speller.spell(embedded, hidden[-1], choose).reshape(state.last.shape)
        return column, _state(hidden, column)

    def skim(self, state: RecurrentState, choose: Choose) -> tuple[Column, RecurrentState]:
        """Spell the next column without moving on in time: two thirds of the work are left out."""
        embedded = self._speller.embed(state.last)
        column = self._speller.spell(embedded, state.hidden[-1], choose).reshape(state.last.shape)
        return column, _state(state.hidden, column)

    def prefill(self, columns: Column, state: RecurrentState) -> RecurrentState:
        hidden, last = state.hidden, state.last
        for column in self.checked(columns):
            hidden, last = self._advanced(self._speller.embed(last), hidden), column
        return _state(hidden, last.copy()) if len(columns) else state

    def _advanced(self, embedded: Floats, hidden: Floats) -> Floats:
        """Time moves on by one column: hidden ``[layers, size]`` -> the next, a new array."""
        after = np.empty_like(hidden)
        x = self._take_in(embedded.ravel())
        for layer, cell in enumerate(self._time):
            x = cell(x, hidden[layer])
            after[layer] = x
        return after


def _state(hidden: Floats, last: Column) -> RecurrentState:
    hidden.setflags(write=False)
    last.setflags(write=False)
    return RecurrentState(last=last, hidden=hidden)
