"""The activation that our networks share when they are played: GELU in numpy. Pure functions; any thread."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_ZERO, _ONE, _MINUS_HALF = np.float32(0.0), np.float32(1.0), np.float32(-0.5)
_P: Final = np.float32(0.3275911 * 0.7071067811865476)
_A: Final = tuple(np.float32(0.5 * a) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))


def gelu(x: Floats) -> Floats:
    """``x * normal distribution(x)``, exact to 2e-7.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.

    >>> [round(float(y), 5) for y in gelu(np.array([-1.0, 0.0, 1.0, 3.0], np.float32))]
    [-0.15866, 0.0, 0.84134, 2.99595]
    """
    size = np.abs(x)
    t = size * _P
    t += _ONE
    np.divide(_ONE, t, out=t)
    beyond = t * _A[0]
    for a in _A[1:]:
        beyond += a
        beyond *= t
    t = size * size
    t *= _MINUS_HALF
    beyond *= np.exp(t, out=t)  # how much of the distribution lies beyond |x|
    beyond *= size
    activated: Floats = np.subtract(np.maximum(x, _ZERO), beyond, out=beyond)
    return activated
