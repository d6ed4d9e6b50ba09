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

import torch
from torch import Tensor, nn

from distill_live.prior.network import Prior
from distill_live.prior.recurrent_live import LiveRecurrentPrior, RecurrentConfig, RecurrentState
from distill_live.prior.tokens import CodeEmbedding


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


class RecurrentPrior(Prior[RecurrentState]):
    """See the drawing at the top of this module."""

    config_class = RecurrentConfig
    live_class = LiveRecurrentPrior

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
