"""k-means over a corpus's latents, level by level: where the codebooks begin, and what becomes of unused codes.

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


def reseeded(vectors: Tensor, books: Tensor) -> tuple[Tensor, list[int]]:
    """Codebooks ``[Q, K, D]`` whose unused codes stand where these vectors are furthest from their codes.

    One after another: each goes to the residual that all codes of its level serve worst by then, if any is not served
    exactly. Level by level: what a finer level has to serve, and what of it is unused, follows from the coarser ones as
    they are by then.

    Args:
        vectors: ``[N, D]``, what the codes should serve.
        books: ``[Q, K, D]``; stay as they are.

    Returns:
        the codebooks, and how many codes of each level moved.

    >>> books = torch.tensor([[[0.0], [1.0], [9.0]]])
    >>> reseeded(torch.tensor([[0.1], [1.1], [3.0]]), books)[0].tolist()
    [[[0.0], [1.0], [3.0]]]
    """
    found, moved, residual = books.clone(), [], vectors
    for level in found:
        nearest = _nearest(residual, level)
        used = torch.bincount(nearest, minlength=len(level)) > 0
        missed = (residual - level[nearest]).square().sum(-1)
        moved.append(0)
        for code in (~used).nonzero()[:, 0].tolist():
            if float(missed.max()) <= 0.0:
                break
            level[code] = residual[missed.argmax()]
            missed = torch.minimum(missed, (residual - level[code]).square().sum(-1))
            moved[-1] += 1
        residual = residual - level[_nearest(residual, level)]
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
