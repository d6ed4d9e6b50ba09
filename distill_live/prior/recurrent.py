"""The recurrent prior: a GRU in time, a small GRU over the places of a column.

::

    column before --embed--+--> GRU in time (layers x hidden) --> h
                           |                                      |
                           +-- same place, one column ago --+     +-- start and context of every place
                                                            v     v
    codes chosen so far in this column -------------> GRU over places (row, level) --> query
                                                                                         |
                logits = query . every code's own vector + bias, query = W state + gain * (same place before)

The output speaks in the vectors of the input (tied tables), and the gain lets a code be likely because it, or one like
it, just sounded, before anything has been learnt of it. Measured on 600 to 1900 columns of three sets (residual k-means
codes, held-out files): 3.3 to 5.6 bits a code with both, where separate heads gave 3.6 to 6.0. Dropout
stays off the short paths (the code before, the same place before): with it there, 0.05 to 0.15 bits were lost.

Training runs it over whole sequences (``forward``); the live path runs single columns in numpy (``live.py``) over the
same weights. Both agree to 1e-4 (contract S, tested). Knows nothing of sampling or of sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from distill_live.prior.base import Column, Prior, PriorConfig, PriorState, check_range
from distill_live.prior.live import Affine, Floats, GruCell, LiveRecurrent
from distill_live.prior.sampling import Choose
from distill_live.prior.tokens import BEGIN, CodeEmbedding, places


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


def adaptive_prior_config(vectors: int, codebook_size: int, rows: int, levels: int) -> RecurrentConfig:
    """Sizes that follow the data: small sets get a small prior with much dropout.

    On 579 to 1924 columns of three sets, 64 to 96 wide with dropout 0.5 was best on held-out files; 160 wide with 0.3
    learnt by heart.

    Args:
        vectors: training vectors, that is columns x rows.

    >>> adaptive_prior_config(700, 32, 1, 3).hidden, adaptive_prior_config(50_000, 256, 1, 3).hidden
    (64, 256)
    """
    shape = {"rows": rows, "levels": levels, "codebook_size": codebook_size}
    if vectors < 1500:
        return RecurrentConfig(**shape, hidden=64, layers=1, embedding=24, depth=48, dropout=0.5)
    if vectors < 6000:
        return RecurrentConfig(**shape, hidden=96, layers=1, embedding=32, depth=64, dropout=0.5)
    if vectors < 24000:
        return RecurrentConfig(**shape, hidden=160, layers=2, embedding=32, depth=96, dropout=0.35)
    return RecurrentConfig(**shape, hidden=256, layers=2, embedding=48, depth=128, dropout=0.2)


@dataclass(frozen=True)
class RecurrentState(PriorState):
    """``hidden``: float32 ``[layers, hidden]``, read-only, before ``last`` was taken in."""

    hidden: Floats


class RecurrentPrior(Prior[RecurrentState]):
    """See the drawing at the top of this module."""

    config_class = RecurrentConfig

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config: RecurrentConfig = config
        c, N = config, config.rows * config.levels
        self.embedding = CodeEmbedding(c.levels, c.codebook_size, c.embedding)
        self.take_in = nn.Linear(N * c.embedding, c.hidden)
        self.time = nn.GRU(c.hidden, c.hidden, c.layers, batch_first=True)
        self.start = nn.Linear(c.hidden, c.depth)
        self.context = nn.Linear(c.hidden, c.embedding)
        self.echo = nn.Parameter(torch.eye(c.embedding) * 0.5)
        self.place = nn.Parameter(torch.randn(N, c.embedding) * 0.1)
        self.depth = nn.GRU(c.embedding, c.depth)
        self.query = nn.Linear(c.depth, c.embedding)
        self.gain = nn.Parameter(torch.ones(N, c.embedding))
        self.biases = nn.Parameter(torch.zeros(N, c.codebook_size))
        self.dropout = nn.Dropout(c.dropout)
        self._live: LiveRecurrent | None = None

    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        before = self.embedding(previous)  # [B, W, N, E]
        hidden, _ = self.time(self.take_in(self.dropout(before).flatten(-2)))
        hidden = self.dropout(hidden)  # [B, W, hidden]
        inputs = before @ self.echo + self.place + self.context(hidden).unsqueeze(-2)
        chosen = self.embedding(columns)
        inputs = inputs + nn.functional.pad(chosen[..., :-1, :], (0, 0, 1, 0))  # place n sees code n - 1
        states = self._spell(inputs, torch.tanh(self.start(hidden)))
        return self._score(self.query(self.dropout(states)) + before * self.gain)

    def _spell(self, inputs: Tensor, start: Tensor) -> Tensor:
        """Inputs ``[B, W, N, E]`` and first states ``[B, W, depth]`` -> states of the places ``[B, W, N, depth]``."""
        states, _ = self.depth(inputs.flatten(0, 1).transpose(0, 1), start.flatten(0, 1).unsqueeze(0))
        return states.transpose(0, 1).unflatten(0, inputs.shape[:2])

    def _score(self, queries: Tensor) -> Tensor:
        """Queries ``[B, W, N, E]`` -> logits ``[B, W, H, Q, K]``."""
        shape = (self.config.rows, self.config.levels)
        codes = self.embedding.tables[:, :-1]  # the begin token is never chosen
        return torch.einsum("bwhqe,qke->bwhqk", queries.unflatten(2, shape), codes) + self.biases.unflatten(0, shape)

    def set_biases(self, log_probabilities: Tensor) -> None:
        with torch.no_grad():
            self.biases.copy_(log_probabilities.flatten(0, 1))

    def initial_state(self) -> RecurrentState:
        last = np.full((self.config.rows, self.config.levels), BEGIN, np.int16)
        return _state(np.zeros((self.config.layers, self.config.hidden), np.float32), last)

    def step(self, state: RecurrentState, choose: Choose) -> tuple[Column, RecurrentState]:
        live = self.live()
        embedded = live.embed(state.last)
        hidden = live.advance(embedded, state.hidden)
        column = live.spell(embedded, hidden[-1], choose).reshape(state.last.shape)
        return column, _state(hidden, column)

    def prefill(self, columns: Column, state: RecurrentState) -> RecurrentState:
        live, hidden, last = self.live(), state.hidden, state.last
        for column in self.checked(columns):
            hidden, last = live.advance(live.embed(last), hidden), column
        return _state(hidden, last.copy()) if len(columns) else state

    def live(self) -> LiveRecurrent:
        """The weights as numpy views (on the CPU they follow every change made in place)."""
        if self._live is None:
            self._live = _export(self)
        return self._live

    def train(self, mode: bool = True) -> RecurrentPrior:
        self._live = None
        return super().train(mode)

    def _apply(self, fn: Any, recurse: bool = True) -> RecurrentPrior:
        self._live = None  # .to(), .float() and the like replace the tensors the views look at
        return super()._apply(fn, recurse)


def _state(hidden: Floats, last: Column) -> RecurrentState:
    hidden.setflags(write=False)
    last.setflags(write=False)
    return RecurrentState(last=last, hidden=hidden)


def _export(prior: RecurrentPrior) -> LiveRecurrent:
    c = prior.config
    order = places(c.rows, c.levels)
    return LiveRecurrent(
        entries=_numpy(prior.embedding.tables).reshape(-1, c.embedding),
        first=np.array([level * (c.codebook_size + 1) for _, level in order]),
        sorts=order,
        codebook_size=c.codebook_size,
        take_in=_affine(prior.take_in),
        time=tuple(_cell(prior.time, layer) for layer in range(c.layers)),
        start=_affine(prior.start),
        context=_affine(prior.context),
        echo=_numpy(prior.echo),
        place=_numpy(prior.place),
        depth=_cell(prior.depth, 0),
        query=_affine(prior.query),
        gain=_numpy(prior.gain),
        codes=_numpy(prior.embedding.tables)[:, :-1],
        biases=_numpy(prior.biases),
    )


def _numpy(tensor: Tensor) -> Floats:
    return tensor.detach().float().cpu().numpy()


def _affine(linear: nn.Linear) -> Affine:
    return Affine(_numpy(linear.weight), _numpy(linear.bias))


def _cell(gru: nn.GRU, layer: int) -> GruCell:
    return GruCell(
        Affine(_numpy(getattr(gru, f"weight_ih_l{layer}")), _numpy(getattr(gru, f"bias_ih_l{layer}"))),
        Affine(_numpy(getattr(gru, f"weight_hh_l{layer}")), _numpy(getattr(gru, f"bias_hh_l{layer}"))),
    )
