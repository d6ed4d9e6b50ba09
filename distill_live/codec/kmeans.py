"""k-means over a corpus's latents, level by level: where the codebooks begin.

Seeded, so that the same corpus gives the same codebooks. Knows vectors only. Training thread.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ITERATIONS = 15


def residual_kmeans(vectors: Tensor, levels: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Codebooks for residual quantisation: each level clusters what the levels before it left over.

    Args:
        vectors: ``[N, D]``, more than ``size``.
        levels, size: ``Q`` and ``K``.
        seed: of the choice of the first centres.

    Returns:
        centres ``[Q, K, D]`` and how many vectors each holds ``[Q, K]``.
    """
    random = torch.Generator().manual_seed(seed)
    residual, centres, counts = vectors, [], []
    for _ in range(levels):
        level_centres = kmeans(residual, size, random)
        code = _nearest(residual, level_centres)
        residual = residual - level_centres[code]
        centres.append(level_centres)
        counts.append(torch.bincount(code, minlength=size).to(vectors.dtype))
    return torch.stack(centres), torch.stack(counts)


def kmeans(vectors: Tensor, size: int, random: torch.Generator) -> Tensor:
    """Centres ``[size, D]`` of ``[N, D]`` by Lloyd's algorithm; an empty centre moves to a random vector."""
    centres = vectors[torch.randperm(len(vectors), generator=random)[:size]].clone()
    for _ in range(_ITERATIONS):
        code = _nearest(vectors, centres)
        counts = torch.bincount(code, minlength=size)
        sums = torch.zeros_like(centres).index_add_(0, code, vectors)
        centres = sums / counts.clamp_min(1).unsqueeze(1)
        empty = counts == 0
        picks = torch.randint(len(vectors), (int(empty.sum()),), generator=random)
        centres[empty] = vectors[picks]
    return centres


def _nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    return (vectors @ centres.T - 0.5 * centres.square().sum(-1)).argmax(-1)
