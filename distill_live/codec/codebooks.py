"""The live quantiser: residual nearest neighbour and look-up over plain tensors.

Equal to the training library's ``ResidualVQ`` in use (a test holds them together), without importing it: the engine
must start fast. Knows nothing of networks or grids. Pure functions of the vectors: any thread.
"""

from __future__ import annotations

import torch
from torch import Tensor

MUTED = -1  # a code that stands for the zero vector: its level is silent


class Codebooks:
    """Residual codebooks: level 0 quantises a latent, each further level what is left of it.

    Args:
        vectors: float32 ``[Q, K, D]``, level by level, coarse to fine.

    >>> books = Codebooks(torch.tensor([[[0.0, 0.0], [4.0, 4.0]], [[0.0, 0.0], [0.0, 1.0]]]))
    >>> books.encode(torch.tensor([[4.1, 4.9]])).tolist(), books.decode(torch.tensor([[1, -1]])).tolist()
    ([[1, 1]], [[4.0, 4.0]])
    """

    def __init__(self, vectors: Tensor) -> None:
        assert vectors.ndim == 3, vectors.shape
        self.vectors = vectors.detach().to(torch.float32).contiguous()
        self._half_norms = 0.5 * self.vectors.square().sum(-1)  # [Q, K]

    @property
    def levels(self) -> int:
        return self.vectors.shape[0]

    @property
    def size(self) -> int:
        """Codes in each codebook."""
        return self.vectors.shape[1]

    @property
    def dim(self) -> int:
        return self.vectors.shape[2]

    def encode(self, latents: Tensor) -> Tensor:
        """Codes int64 ``[N, Q]`` of latents ``[N, D]``."""
        residual, codes = latents, []
        for vectors, half_norms in zip(self.vectors, self._half_norms, strict=True):
            code = (residual @ vectors.T - half_norms).argmax(-1)  # the largest is the nearest
            residual = residual - vectors[code]
            codes.append(code)
        return torch.stack(codes, -1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents ``[N, D]`` of codes ``[N, Q]``; ``MUTED`` (any negative code) leaves its level out.

        Raises:
            IndexError: when a code is no entry of its codebook.
        """
        return self.decode_levels(codes).sum(0)

    def decode_levels(self, codes: Tensor) -> Tensor:
        """What each level adds: ``[Q, N, D]`` for codes ``[N, Q]``."""
        parts = [vectors[codes[:, level].clamp_min(0)] for level, vectors in enumerate(self.vectors)]
        muted = (codes < 0).T.unsqueeze(-1)
        return torch.stack(parts).masked_fill(muted, 0.0)

    def distance(self, latents: Tensor) -> Tensor:
        """How far each of ``[N, D]`` latents lies from what its own codes decode to, ``[N]``."""
        return (latents - self.decode(self.encode(latents))).norm(dim=-1)


def blend(first: Tensor, second: Tensor, amount: float | Tensor) -> Tensor:
    """Latents between two: ``first`` at amount 0, ``second`` at 1. Exact at both ends.

    >>> blend(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 4.0]), 0.5).tolist()
    [0.5, 3.0]
    """
    return first * (1.0 - amount) + second * amount
