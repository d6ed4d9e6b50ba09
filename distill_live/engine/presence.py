"""How much of a voice is heard: rising, there, falling, gone; two that cross keep their loudness.

A pure value of time in samples; the render thread.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Gains = npt.NDArray[np.float32]
_QUARTER = math.pi / 2


class Presence:
    """A gain on a quarter of a sine: one that rises and one that falls in the same time add up to equal power.

    >>> coming, going = Presence(0.0), Presence(1.0)
    >>> coming.go(1.0, 4); going.go(0.0, 4)
    >>> a, b = coming.block(2), going.block(2)
    >>> bool(np.allclose(a**2 + b**2, 1.0)), coming.there, going.gone
    (True, False, False)
    """

    def __init__(self, level: float) -> None:
        self._angle = level * _QUARTER
        self._target = self._angle
        self._step = 0.0

    @property
    def there(self) -> bool:
        """Fully heard, and staying so."""
        return self._angle == self._target == _QUARTER

    @property
    def gone(self) -> bool:
        """Not heard any more, and staying so."""
        return self._angle == self._target == 0.0

    def go(self, level: float, samples: int) -> None:
        """Head for 0 or 1; the whole way takes ``samples``."""
        self._target = level * _QUARTER
        self._step = _QUARTER / max(samples, 1)

    def block(self, samples: int) -> Gains:
        """The next gains, float32 ``[samples]``."""
        way = self._target - self._angle
        moved = np.minimum(np.arange(1, samples + 1) * self._step, abs(way))
        angles = self._angle + math.copysign(1.0, way) * moved
        self._angle = self._target if moved[-1] >= abs(way) else float(angles[-1])
        return np.sin(angles).astype(np.float32)
