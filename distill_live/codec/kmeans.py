"""k-means over a corpus's latents, level by level: where the codebooks begin, and what becomes of unused codes.

Seeded, so that the same corpus gives the same codebooks. Knows vectors only. Training thread.
"""

from __future__ import annotations

import math

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


def reseeded(vectors: Tensor, others: Tensor, books: Tensor, share: float) -> tuple[Tensor, list[int]]:
    """Codebooks ``[Q, K, D]`` of which these vectors use at least a ``share`` of every level, where they can.

    Where they use less, as many unused codes as are missing move, those first that ``others`` speak least. One after
    another: each goes to the residual that all codes of its level serve worst by then, if any is not served exactly.
    Level by level: what a finer level has to serve, and what of it is unused, follows from the coarser ones as they are
    by then.

    Args:
        vectors: ``[N, D]``, what the codes should serve.
        others: ``[M, D]``, what they serve besides.
        books: ``[Q, K, D]``; stay as they are.
        share: 0 to 1.

    Returns:
        the codebooks, and how many codes of each level moved.

    >>> books = torch.tensor([[[0.0], [1.0], [9.0], [7.0]]])
    >>> reseeded(torch.tensor([[0.1], [1.1], [3.0]]), torch.tensor([[9.0]]), books, 0.75)[0].tolist()
    [[[0.0], [1.0], [9.0], [3.0]]]
    """
    found, moved, residual, rest = books.clone(), [], vectors, others
    for level in found:
        nearest = _nearest(residual, level)
        used = torch.bincount(nearest, minlength=len(level)) > 0
        missing = max(0, math.ceil(share * len(level)) - int(used.sum()))
        spoken = torch.bincount(_nearest(rest, level), minlength=len(level))
        unused = [code for code in spoken.argsort(stable=True).tolist() if not used[code]]
        missed = (residual - level[nearest]).square().sum(-1)
        moved.append(0)
        for code in unused[:missing]:
            if float(missed.max()) <= 0.0:
                break
            level[code] = residual[missed.argmax()]
            missed = torch.minimum(missed, (residual - level[code]).square().sum(-1))
            moved[-1] += 1
        residual, rest = (left - level[_nearest(left, level)] for left in (residual, rest))
    return found, moved


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
