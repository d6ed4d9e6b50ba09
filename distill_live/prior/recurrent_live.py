"""The recurrent prior as it is played: its config, its state, and single columns in numpy.

The drawing stands in ``recurrent.py``. Render thread, or offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range
from distill_live.prior.live import Affine, Floats, GruCell, LiveRecurrent
from distill_live.prior.order import BEGIN, places
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
        self._live = _filled(config, weights)

    def initial_state(self) -> RecurrentState:
        last = np.full((self.config.rows, self.config.levels), BEGIN, np.int16)
        return _state(np.zeros((self.config.layers, self.config.hidden), np.float32), last)

    def step(self, state: RecurrentState, choose: Choose) -> tuple[Column, RecurrentState]:
        embedded = self._live.embed(state.last)
        hidden = self._live.advance(embedded, state.hidden)
        column = self._live.spell(embedded, hidden[-1], choose).reshape(state.last.shape)
        return column, _state(hidden, column)

    def skim(self, state: RecurrentState, choose: Choose) -> tuple[Column, RecurrentState]:
        """Spell the next column without moving on in time: two thirds of the work are left out."""
        column = self._live.spell(self._live.embed(state.last), state.hidden[-1], choose).reshape(state.last.shape)
        return column, _state(state.hidden, column)

    def prefill(self, columns: Column, state: RecurrentState) -> RecurrentState:
        hidden, last = state.hidden, state.last
        for column in self.checked(columns):
            hidden, last = self._live.advance(self._live.embed(last), hidden), column
        return _state(hidden, last.copy()) if len(columns) else state


def _state(hidden: Floats, last: Column) -> RecurrentState:
    hidden.setflags(write=False)
    last.setflags(write=False)
    return RecurrentState(last=last, hidden=hidden)


def _filled(c: RecurrentConfig, weights: Arrays) -> LiveRecurrent:
    taken = Weights(weights, "prior")
    order, N = places(c.rows, c.levels), c.rows * c.levels
    tables = taken.take("embedding.tables", c.levels, c.codebook_size + 1, c.embedding)
    live = LiveRecurrent(
        entries=tables.reshape(-1, c.embedding),
        first=np.array([level * (c.codebook_size + 1) for _, level in order]),
        sorts=order,
        codebook_size=c.codebook_size,
        take_in=_affine(taken, "take_in", N * c.embedding, c.hidden),
        time=tuple(_cell(taken, "time", layer, c.hidden, c.hidden) for layer in range(c.layers)),
        start=_affine(taken, "start", c.hidden, c.depth),
        context=_affine(taken, "context", c.hidden, c.embedding),
        echo=taken.take("echo", c.embedding, c.embedding),
        place=taken.take("place", N, c.embedding),
        depth=_cell(taken, "depth", 0, c.embedding, c.depth),
        query=_affine(taken, "query", c.depth, c.embedding),
        gain=taken.take("gain", N, c.embedding),
        codes=tables[:, :-1],
        biases=taken.take("biases", N, c.codebook_size),
    )
    taken.done()
    return live


def _affine(taken: Weights, name: str, size_in: int, size_out: int) -> Affine:
    return Affine(taken.take(f"{name}.weight", size_out, size_in), taken.take(f"{name}.bias", size_out))


def _cell(taken: Weights, name: str, layer: int, size_in: int, size: int) -> GruCell:
    def gates(which: str, width: int) -> Affine:
        weight = taken.take(f"{name}.weight_{which}_l{layer}", 3 * size, width)
        return Affine(weight, taken.take(f"{name}.bias_{which}_l{layer}", 3 * size))

    return GruCell(gates("ih", size_in), gates("hh", size))
