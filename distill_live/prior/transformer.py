"""The transformer prior: causal attention over the last columns, a small GRU over the places of a column.

::

    column before --embed--> take_in --> [norm, attention, norm, two layers] x layers --> norm --> h

What is made of ``h`` is ``spelling.py``, as for the recurrent prior. Attention is masked to ``window`` columns and
knows distances only (``transformer_live.py``). Training runs it over whole sequences; the live path over single columns
with kept keys and values; both agree to 1e-4 (contract S, tested). Knows nothing of sampling or of sound.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from distill_live.prior.spelling import SpellingPrior
from distill_live.prior.transformer_live import (
    NORM_EPSILON,
    LiveTransformerPrior,
    TransformerConfig,
    TransformerState,
)

AT_ONCE: Final = 512  # columns that look back together


def adaptive_transformer_config(vectors: int, codebook_size: int, rows: int, levels: int) -> TransformerConfig:
    """Sizes that follow the data, as for the recurrent prior.

    Args:
        vectors: training vectors, that is columns x rows.

    >>> adaptive_transformer_config(700, 32, 1, 3).width, adaptive_transformer_config(50_000, 256, 1, 3).width
    (64, 192)
    """
    shape = {"rows": rows, "levels": levels, "codebook_size": codebook_size}
    if vectors < 1500:
        return TransformerConfig(**shape, width=64, layers=1, heads=4, window=32, embedding=24, depth=48, dropout=0.5)
    if vectors < 6000:
        return TransformerConfig(**shape, width=96, layers=2, heads=4, window=48, embedding=32, depth=64, dropout=0.5)
    if vectors < 24000:
        return TransformerConfig(**shape, width=128, layers=3, heads=4, window=64, embedding=32, depth=96, dropout=0.35)
    return TransformerConfig(**shape, width=192, layers=4, heads=6, window=128, embedding=48, depth=128, dropout=0.2)


class TransformerPrior(SpellingPrior[TransformerState]):
    """See the drawing at the top of this module."""

    config_class = TransformerConfig
    live_class = LiveTransformerPrior

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, config.width, config.embedding, config.depth, config.dropout)
        self.config: TransformerConfig = config
        self.take_in = nn.Linear(config.rows * config.levels * config.embedding, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.register_buffer("slopes", torch.from_numpy(config.slopes), persistent=False)

    def in_time(self, before: Tensor) -> Tensor:
        x = self.take_in(self.dropout(before).flatten(-2))
        slopes = self.get_buffer("slopes")
        for block in self.blocks:
            x = block(x, slopes)
        normed: Tensor = self.norm(x)
        return normed


class _Block(nn.Module):
    """One layer, norms first."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.window = config.heads, config.window
        self.norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, slopes: Tensor) -> Tensor:
        query, key, value = self.to_qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heard = []
        for start in range(0, x.shape[1], AT_ONCE):  # of a whole recording; a score for each pair would fill the memory
            here = slice(start, min(start + AT_ONCE, x.shape[1]))
            there = slice(max(0, start - self.window + 1), here.stop)
            mask = self._mask(here, there, slopes)
            heard.append(
                nn.functional.scaled_dot_product_attention(
                    query[:, :, here], key[:, :, there], value[:, :, there], attn_mask=mask
                )
            )
        x = x + self.dropout(self.out(torch.cat(heard, dim=2).transpose(1, 2).flatten(-2)))
        added: Tensor = self.dropout(self.down(nn.functional.gelu(self.up(self.norm_2(x)), approximate="tanh")))
        return x + added

    def _mask(self, here: slice, there: slice, slopes: Tensor) -> Tensor:
        """What is added to the scores ``[heads, here, there]``: the forgetting, and that nobody hears the future."""
        at, of = (torch.arange(part.start, part.stop, device=slopes.device) for part in (here, there))
        distance = at[:, None] - of[None, :]
        outside = (distance < 0) | (distance >= self.window)
        forgetting = -slopes[:, None, None] * distance.clamp(min=0)
        return forgetting.masked_fill(outside, float("-inf"))
