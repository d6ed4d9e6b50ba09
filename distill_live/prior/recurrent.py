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

from torch import Tensor, nn

from distill_live.prior.recurrent_live import LiveRecurrentPrior, RecurrentConfig, RecurrentState
from distill_live.prior.spelling import SpellingPrior


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


class RecurrentPrior(SpellingPrior[RecurrentState]):
    """See the drawing at the top of this module."""

    config_class = RecurrentConfig
    live_class = LiveRecurrentPrior

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config, config.hidden, config.embedding, config.depth, config.dropout)
        self.config: RecurrentConfig = config
        self.take_in = nn.Linear(config.rows * config.levels * config.embedding, config.hidden)
        self.time = nn.GRU(config.hidden, config.hidden, config.layers, batch_first=True)

    def in_time(self, before: Tensor) -> Tensor:
        hidden: Tensor
        hidden, _ = self.time(self.take_in(self.dropout(before).flatten(-2)))
        return hidden
