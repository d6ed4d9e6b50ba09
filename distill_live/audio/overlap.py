"""Overlap-add: windowed pieces in, an unbroken signal out, whole or piece by piece (contract S).

Knows nothing of transforms: the pieces are already windowed. Pure values: any thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_live.streaming import Streaming

Floats = NDArray[np.float32]


class OverlapAdd(Streaming[Floats, Floats, Floats]):
    """Adds pieces of ``length`` samples, each beginning ``hop`` samples after the one before.

    One step is one piece ``[length]`` and gives the ``hop`` samples that no later piece can reach; they begin where
    that piece begins, so the latency is 0. What lies beyond the last piece's first hop is the state, float32
    ``[length - hop]``; it is dropped by ``forward`` as by a stream that ends.

    >>> ola = OverlapAdd(length=4, hop=2)
    >>> ola.forward(np.ones((3, 4), dtype=np.float32)).tolist()
    [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    """

    def __init__(self, length: int, hop: int) -> None:
        assert 0 < hop <= length, (hop, length)
        self.length = length
        self.hop = hop

    def initial_state(self) -> Floats:
        return np.zeros(self.length - self.hop, dtype=np.float32)

    def step(self, x: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Pieces float32 ``[n, length]`` in, samples float32 ``[n * hop]`` out, and the state after them."""
        pieces = len(x)
        assert x.shape == (pieces, self.length), f"pieces [n, {self.length}] are wanted, not {x.shape}"
        line = np.zeros(pieces * self.hop + len(state), dtype=np.float32)
        line[: len(state)] = state
        for number, piece in enumerate(x):  # oldest first: the sum is the same however the pieces arrive
            line[number * self.hop : number * self.hop + self.length] += piece
        return line[: pieces * self.hop], line[pieces * self.hop :].copy()

    def forward(self, x: Floats) -> Floats:
        """All pieces float32 ``[N, length]`` at once, samples float32 ``[N * hop]``."""
        return self.step(x, self.initial_state())[0]


def synthesis_window(analysis: Floats, hop: int) -> Floats:
    """The window that undoes ``analysis`` under overlap-add, in the least-squares sense.

    ``w[n] / sum_k w[n + k * hop]^2`` (Griffin and Lim 1984): analysis, nothing, synthesis and overlap-add give the
    signal back wherever all windows that reach a sample are there.

    >>> hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)
    >>> bool(np.allclose(synthesis_window(hann.astype(np.float32), 2), hann / 1.5))
    True
    """
    assert len(analysis) % hop == 0, f"a window of {len(analysis)} is no multiple of the hop {hop}"
    energy = np.square(analysis, dtype=np.float64).reshape(-1, hop).sum(axis=0)
    window: Floats = (analysis / np.tile(energy, len(analysis) // hop)).astype(np.float32)
    return window
