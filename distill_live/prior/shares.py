"""How much of each of several guesses makes the best mixture of them: expectation maximisation of the shares alone.

(Jelinek and Mercer, 1980.) Knows nothing of what the guesses come from. numpy; any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDS: Final = 50


def fitted_shares(guesses: Floats, doubt: float = 0.0, otherwise: Floats | None = None) -> Floats:
    """Shares ``[C]``, 1 together, of the mixture that makes what came likeliest.

    Args:
        guesses: ``[N, C]``, the probability that each of C models gave to each of N things that came.
        doubt: of so many things more it is assumed that they would want the shares ``otherwise``, all the same when
            None: few things say little about others.

    >>> fitted_shares(np.array([[0.9, 0.1], [0.1, 0.1]])).round(1)
    array([1., 0.])
    >>> fitted_shares(np.array([[0.9, 0.1], [0.1, 0.1]]), doubt=2.0).round(1)
    array([0.6, 0.4])
    """
    before = np.full(guesses.shape[1], 1.0 / guesses.shape[1]) if otherwise is None else otherwise
    shares = before
    for _ in range(ROUNDS):
        parts = guesses * shares
        taken = (parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)).sum(axis=0)
        shares = (taken + doubt * before) / (len(guesses) + doubt)
    return np.asarray(shares)
