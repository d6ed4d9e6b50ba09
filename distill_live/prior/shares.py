"""How much of each of several guesses makes the best mixture of them: expectation maximisation of the shares alone.

(Jelinek and Mercer, 1980.) Knows nothing of what the guesses come from. numpy; any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDS: Final = 50


def fitted_shares(guesses: Floats) -> Floats:
    """Shares ``[C]``, 1 together, of the mixture that makes what came likeliest.

    Args:
        guesses: ``[N, C]``, the probability that each of C models gave to each of N things that came.

    >>> fitted_shares(np.array([[0.9, 0.1], [0.1, 0.1]])).round(1)
    array([1., 0.])
    """
    shares = np.full(guesses.shape[1], 1.0 / guesses.shape[1])
    for _ in range(ROUNDS):
        parts = guesses * shares
        shares = (parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)
    return np.asarray(shares)
