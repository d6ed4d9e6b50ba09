"""The live quantiser: residual nearest neighbour and look-up over plain arrays.

Equal to the training library's ``ResidualVQ`` in use (a test holds them together), without importing it or torch: the
engine must start fast. Knows nothing of networks or grids. Pure functions of the vectors: any thread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int16]

MUTED = -1  # a code that stands for the zero vector: its level is silent


class Codebooks:
    """Residual codebooks: level 0 quantises a latent, each further level what is left of it.

    Args:
        vectors: float32 ``[Q, K, D]``, level by level, coarse to fine; copied.

    >>> books = Codebooks(np.array([[[0.0, 0.0], [4.0, 4.0]], [[0.0, 0.0], [0.0, 1.0]]], np.float32))
    >>> books.encode(np.array([[4.1, 4.9]], np.float32)).tolist(), books.decode(np.array([[1, -1]])).tolist()
    ([[1, 1]], [[4.0, 4.0]])
    """

    def __init__(self, vectors: npt.ArrayLike) -> None:
        self.vectors: Floats = np.array(vectors, np.float32, order="C")
        assert self.vectors.ndim == 3, self.vectors.shape
        self.vectors.setflags(write=False)
        self._half_norms = np.float32(0.5) * np.square(self.vectors).sum(-1)  # [Q, K]

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

    def encode(self, latents: Floats) -> Codes:
        """Codes int16 ``[N, Q]`` of latents ``[N, D]``."""
        residual = latents
        codes = np.empty((len(latents), self.levels), np.int16)
        for level, (vectors, half_norms) in enumerate(zip(self.vectors, self._half_norms, strict=True)):
            codes[:, level] = (residual @ vectors.T - half_norms).argmax(-1)  # the largest is the nearest
            residual = residual - vectors[codes[:, level]]
        return codes

    def decode(self, codes: npt.NDArray[np.integer]) -> Floats:
        """Latents ``[N, D]`` of codes ``[N, Q]``; ``MUTED`` (any negative code) leaves its level out.

        Raises:
            IndexError: when a code is no entry of its codebook.
        """
        latents = np.zeros((len(codes), self.dim), np.float32)
        for level, vectors in enumerate(self.vectors):
            chosen = codes[:, level]
            latents += np.where((chosen < 0)[:, None], np.float32(0.0), vectors[np.maximum(chosen, 0)])
        return latents
