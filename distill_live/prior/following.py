"""Shares of several guesses that follow what is heard: whoever expected the last codes better has more to say next.

Which of several models is right changes from sound to sound. So their shares begin as fitted ones, move with every
column, and a part of the way back is gone with each (Herbster and Warmuth, Tracking the best expert, 1998, whose fixed
share is the fitted one here)::

    heard                     s' = s p / sum(s p)          p: how likely each model found the code that came
    before the next column    s  = s0 + 5/6 (s' - s0)      over the last 16 columns, from s0 on

Arrays have the models first, ``E``, and the levels last, ``Q``. Knows nothing of the models. numpy; any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shares = NDArray[np.float32] | Floats

HEARD: Final = 16  # columns, after which 5 % of what one said is left; a prefill has to spell as many
KEPT: Final = 5.0 / 6.0  # of what was heard, from column to column
_LEAST: Final = 1e-6  # of the best model's probability: one code says no more against a model than this


def said(probabilities: Floats) -> Floats:
    """What codes that came say of the models: their probabilities ``[E, ...]``, each beside the best one's."""
    found: Floats = np.maximum(probabilities / np.maximum(probabilities.max(axis=0), 1e-300), _LEAST)
    return found


def followed(heard: Floats, fitted: Shares) -> Floats:
    """The shares ``[E, ..., Q]`` after columns ``[N, E, ..., Q]`` of ``said``, oldest first; they began as ``fitted``.

    >>> fitted, nothing, first_right = np.array([[0.3], [0.7]]), np.ones((16, 2, 1)), np.full((16, 2, 1), [[1], [0.25]])
    >>> followed(nothing, fitted).T.round(2), followed(first_right, fitted).T.round(2)
    (array([[0.3, 0.7]]), array([[0.85, 0.15]]))
    """
    start = fitted.reshape(len(fitted), *[1] * (heard.ndim - 3), fitted.shape[-1]).astype(np.float64)
    shares = np.array(np.broadcast_to(start, heard.shape[1:]))
    for column in heard:
        likelier = shares * column
        shares = start + KEPT * (likelier / np.maximum(likelier.sum(axis=0), 1e-300) - start)
    return shares


def followed_along(heard: Floats, fitted: Shares, columns: int) -> Floats:
    """The shares before each column of a grid, from what was ``said``, both ``[E, W, ..., Q]``; so many are heard."""
    if not heard.shape[1]:
        return np.ones(heard.shape)
    before = np.concatenate([np.ones((len(heard), columns, *heard.shape[2:])), heard], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(before, heard.shape[1], axis=1)  # views: the whole, shifted
    return followed(np.moveaxis(windows, (1, -1), (0, 2))[:columns], fitted)
