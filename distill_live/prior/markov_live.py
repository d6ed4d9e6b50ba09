"""The counting prior as it is played: it has learnt nothing, it has counted what followed what (``contexts.py``).

Its weights are the codes of the corpus themselves and the fitted weights of the context lengths; the tables are counted
when it is loaded, in a second for an hour of sound. Render thread, or offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import ModelFileError
from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range
from distill_live.prior.contexts import DEPTH, MOST_PLACES, OCTAVES, ORDERS, PAST, ContextCounts, Floats
from distill_live.prior.order import BEGIN, places
from distill_live.prior.sampling import Choose
from distill_live.weights import Arrays, Weights

_LEAST: Final = 1e-9  # a probability that is said as a logit


@dataclass(frozen=True)
class MarkovConfig(PriorConfig):
    """What was counted.

    Attributes:
        columns: of all training grids together.
        pieces: how many grids they are.
        orders: of contexts (``contexts.ORDERS``) that are mixed; 1 in files from before there were several.
    """

    kind: ClassVar[str] = "markov"

    columns: int = 1
    pieces: int = 1
    orders: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("columns", self.columns, 1, max(1, MOST_PLACES // (self.rows * self.levels)))
        check_range("pieces", self.pieces, 1, self.columns)
        check_range("orders", self.orders, 1, len(ORDERS))


@dataclass(frozen=True)
class MarkovState(PriorState):
    """``past``: int16 ``[PAST, H, Q]``, the newest column first, ``BEGIN`` before the first; read-only."""

    past: Column


class LiveMarkovPrior(LivePrior[MarkovState]):
    """Contexts of every length, one column at a time."""

    config_class = MarkovConfig

    def __init__(self, config: MarkovConfig, weights: Arrays) -> None:
        self.config: MarkovConfig = config
        self._counts = counted(config, weights)
        self._places = places(config.rows, config.levels)

    def initial_state(self) -> MarkovState:
        return _state(np.full((PAST, self.config.rows, self.config.levels), BEGIN, np.int16))

    def step(self, state: MarkovState, choose: Choose) -> tuple[Column, MarkovState]:
        spelling = self.spelling(state)
        for row, level in self._places:
            code = choose(logits_of(spelling.probabilities(row, level)), row, level)
            assert 0 <= code < self.config.codebook_size, code
            spelling.put(row, level, code)
        after = spelling.after()
        return after.last, after

    def spelling(self, state: MarkovState) -> MarkovSpelling:
        """The column after ``state``, to be spelt place after place by the caller."""
        return MarkovSpelling(self._counts, state)

    def prefill(self, columns: Column, state: MarkovState) -> MarkovState:
        newest_first = self.checked(columns)[::-1][:PAST]
        return _state(np.concatenate([newest_first, state.past])[:PAST]) if len(columns) else state


class MarkovSpelling:
    """One column while it is spelt."""

    def __init__(self, counts: ContextCounts, state: MarkovState) -> None:
        self._counts, self._past = counts, state.past
        self._column = np.full(state.last.shape, BEGIN, np.int16)
        self._history = [self._column, *state.past]

    def probabilities(self, row: int, level: int) -> Floats:
        """Of each code ``[K]`` at a place, knowing what was put before it."""
        return self._counts.probabilities(self._history, row, level)

    def each(self, row: int, level: int) -> list[Floats]:
        """The same by each order of contexts, unmixed."""
        return self._counts.each(self._history, row, level)

    def each_of(self, row: int, level: int, code: int) -> list[float]:
        """What ``each`` says of one code."""
        return self._counts.each_of_code(self._history, row, level, code)

    def put(self, row: int, level: int, code: int) -> None:
        """The code of a place."""
        self._column[row, level] = code

    def after(self) -> MarkovState:
        """The state after the column, when all places have been put."""
        return _state(np.concatenate([self._column[None], self._past[:-1]]))


def counted(config: MarkovConfig, weights: Arrays) -> ContextCounts:
    """The tables of a ``MarkovPrior``'s weights.

    Raises:
        ModelFileError: when they do not fit the config.
    """
    taken = Weights(weights, "prior")
    columns = taken.take("columns", config.columns, config.rows, config.levels, dtype=np.int16)
    begins = taken.take("begins", config.pieces, dtype=np.int32)
    shape = (config.orders, config.levels)
    weights_of = taken.take("weights_of_lengths", shape[0] * shape[1], DEPTH + 1, OCTAVES)
    shares = taken.take("shares_of_orders", shape[0] * shape[1]) if config.orders > 1 else np.ones(shape[1], np.float32)
    taken.done()
    in_order = begins[0] == 0 and (np.diff(begins, append=config.columns) > 0).all()
    inside = 0 <= int(columns.min()) <= int(columns.max()) < config.codebook_size
    shares = shares.reshape(shape).astype(np.float64)
    possible = all(((v >= 0.0) & (v <= 1.0)).all() for v in (weights_of, shares)) and shares.sum(axis=0).all()
    if not in_order or not inside or not possible:
        raise ModelFileError("what its prior has counted does not fit its configuration", fix="train it again")
    grids, lengths = np.split(columns, begins[1:]), weights_of.reshape(*shape, *weights_of.shape[1:])
    return ContextCounts(grids, config.codebook_size, lengths, shares / shares.sum(axis=0))


def logits_of(probabilities: Floats) -> NDArray[np.float32]:
    """What a choice is made from, float32."""
    logits: NDArray[np.float32] = np.log(np.maximum(probabilities, _LEAST)).astype(np.float32)
    return logits


def _state(past: Column) -> MarkovState:
    past = past.astype(np.int16, copy=False)
    past.setflags(write=False)
    return MarkovState(last=past[0], past=past)
