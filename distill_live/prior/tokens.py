"""How codes become what a prior reads while it learns: one embedding table per level, the begin token its last entry.

Knows nothing of time or networks. Torch; no threads of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_live.prior.order import BEGIN


def previous_columns(columns: Tensor) -> Tensor:
    """What is known before each column: int64 ``[B, W, H, Q]`` moved on by one, the begin token first.

    >>> previous_columns(torch.tensor([[[[4]], [[5]]]])).flatten().tolist()
    [-1, 4]
    """
    begin = torch.full_like(columns[:, :1], BEGIN)
    return torch.cat([begin, columns[:, :-1]], dim=1)


class CodeEmbedding(nn.Module):
    """One table per level, ``[Q, K + 1, E]``: code 5 of one level has nothing to do with code 5 of another."""

    def __init__(self, levels: int, codebook_size: int, width: int) -> None:
        super().__init__()
        self.codebook_size = codebook_size
        self.tables = nn.Parameter(torch.randn(levels, codebook_size + 1, width) / width**0.5)
        self.register_buffer("first", torch.arange(levels) * (codebook_size + 1), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``[..., H, Q]``, -1 for the begin token -> float32 ``[..., H * Q, E]``."""
        first = self.get_buffer("first")
        entries = torch.where(codes < 0, self.codebook_size, codes) + first
        return nn.functional.embedding(entries.flatten(-2), self.tables.flatten(0, 1))
