"""What the learning priors share: a column is spelt code after code, from what time says and the column before.

The drawing stands in ``recurrent.py``. A kind adds how time moves on (``in_time``). Knows nothing of sampling or of
sound. Training thread.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from distill_live.prior.base import PriorConfig, PriorState
from distill_live.prior.network import Prior
from distill_live.prior.tokens import CodeEmbedding

S = TypeVar("S", bound=PriorState)


class SpellingPrior(Prior[S], Generic[S]):
    """A prior that spells its columns with a small GRU over their places.

    Args:
        config: its own.
        hidden: width of what ``in_time`` says.
        embedding, depth: width of a code's vector and of the GRU over places.
        dropout: in training.
    """

    def __init__(self, config: PriorConfig, hidden: int, embedding: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.config = config
        N = config.rows * config.levels
        self.embedding = CodeEmbedding(config.levels, config.codebook_size, embedding)
        self.start = nn.Linear(hidden, depth)
        self.context = nn.Linear(hidden, embedding)
        self.echo = nn.Parameter(torch.eye(embedding) * 0.5)
        self.place = nn.Parameter(torch.randn(N, embedding) * 0.1)
        self.depth = nn.GRU(embedding, depth)
        self.query = nn.Linear(depth, embedding)
        self.gain = nn.Parameter(torch.ones(N, embedding))
        self.biases = nn.Parameter(torch.zeros(N, config.codebook_size))
        self.dropout = nn.Dropout(dropout)

    @abstractmethod
    def in_time(self, before: Tensor) -> Tensor:
        """The columns before, embedded, ``[B, W, N, E]`` -> what is known at each ``[B, W, hidden]``, causally."""

    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        before = self.embedding(previous)  # [B, W, N, E]
        hidden = self.dropout(self.in_time(before))
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
