"""Which codes a training segment is decoded from: its own, some of them, or its coarse ones with another's fine.

``sources [B, Q]`` says it: the item of the batch that each level of an item comes from, -1 for a muted level. Drawn
from torch's random state. Knows nothing of mels or networks. Training thread only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distill_live.codec.schedule import CodecSchedule


def draw_sources(segments: int, levels: int, schedule: CodecSchedule) -> Tensor | None:
    """Sources int64 ``[segments, levels]`` by the schedule's shares; None when all are decoded as they are.

    A segment that is neither muted nor swapped is its own source on all levels.
    """
    if not (schedule.dropout_share or schedule.swap_share):
        return None
    own = torch.arange(segments)[:, None].repeat(1, levels)
    fate = torch.rand(segments, 1)
    dropped = fate < schedule.dropout_share
    swapped = ~dropped & (fate < schedule.dropout_share + schedule.swap_share) & (segments > 1)
    kept = torch.randint(1, 2**levels - 1, (segments, 1)) >> torch.arange(levels) & 1  # neither none nor all
    fine = torch.arange(levels) >= torch.randint(1, levels, (segments, 1))
    others = (own + torch.randint(1, max(segments, 2), (segments, 1))) % segments
    return torch.where(dropped & (kept == 0), -1, torch.where(swapped & fine, others, own))


def swapped_items(sources: Tensor) -> Tensor:
    """Which items have levels of others: bool ``[B]`` of sources ``[B, Q]``.

    >>> swapped_items(torch.tensor([[0, 0], [1, 0], [2, -1]])).tolist()
    [False, True, False]
    """
    return ((sources >= 0) & (sources != torch.arange(len(sources), device=sources.device)[:, None])).any(dim=1)
