"""Values that move without a step: glides per block, and fades of equal power.

A glide turns a parameter's jumps into a curve of samples; after each block it stands where the block ended, so a
sequence of blocks draws one unbroken curve. Knows nothing of parameters' ids or units. A glide belongs to one thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ARRIVED: float = 1e-5  # of the last jump: -100 dB, then a glide stands on its target exactly


class Glide(ABC):
    """A value on its way to a target.

    ``set`` gives a new target, ``jump`` skips the way, ``block(n)`` is the next ``n`` samples of the curve.
    """

    def __init__(self, value: float) -> None:
        self.value = value
        self.target = value

    @property
    def settled(self) -> bool:
        """True when the value stands still; ``block`` then holds one number only."""
        return self.value == self.target

    def jump(self, value: float) -> None:
        self.value = self.target = value

    @abstractmethod
    def set(self, target: float) -> None:
        """Go to ``target`` from wherever the value is now."""

    def block(self, samples: int) -> Floats:
        """The next ``samples`` values, float32 ``[samples]``; the last of them is where the glide then stands."""
        if self.settled or not samples:
            return np.full(samples, self.value, dtype=np.float32)
        curve = self._curve(samples)
        self.value = float(curve[-1])
        return curve.astype(np.float32)

    def factor(self, samples: int) -> Floats | np.float32:
        """``block``, or the one number that it would be full of."""
        return np.float32(self.value) if self.settled else self.block(samples)

    @abstractmethod
    def _curve(self, samples: int) -> NDArray[np.float64]:
        """The next values from ``self.value`` towards ``self.target``."""


class OnePoleGlide(Glide):
    """Falls towards its target by 1/e every ``time_ms``, as a capacitor charges.

    >>> glide = OnePoleGlide(0.0, time_ms=10.0, sample_rate=1000)
    >>> glide.set(1.0)
    >>> [round(float(v), 3) for v in glide.block(20)[[9, 19]]]
    [0.632, 0.865]
    """

    def __init__(self, value: float, time_ms: float, sample_rate: int = 48000) -> None:
        super().__init__(value)
        self._time_samples = max(time_ms * 1e-3 * sample_rate, 1e-9)
        self._near = 0.0

    def set(self, target: float) -> None:
        if target != self.target:
            self.target = target
            self._near = _ARRIVED * abs(target - self.value)

    def _curve(self, samples: int) -> NDArray[np.float64]:
        left = np.exp(-np.arange(1, samples + 1) / self._time_samples) * (self.value - self.target)
        curve: NDArray[np.float64] = self.target + np.where(np.abs(left) <= self._near, 0.0, left)
        return curve


class LinearGlide(Glide):
    """Reaches its target in a straight line, ``time_ms`` after it was set.

    >>> glide = LinearGlide(0.0, time_ms=4.0, sample_rate=1000)
    >>> glide.set(1.0)
    >>> glide.block(6).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    def __init__(self, value: float, time_ms: float, sample_rate: int = 48000) -> None:
        super().__init__(value)
        self._time_samples = max(1, round(time_ms * 1e-3 * sample_rate))
        self._start, self._done_samples = value, self._time_samples

    def set(self, target: float) -> None:
        if target != self.target:
            self.target = target
            self._start, self._done_samples = self.value, 0

    def _curve(self, samples: int) -> NDArray[np.float64]:
        done = np.minimum(self._done_samples + np.arange(1, samples + 1), self._time_samples)
        self._done_samples = int(done[-1])
        part = done / self._time_samples
        curve: NDArray[np.float64] = np.where(
            part >= 1.0, self.target, self._start + part * (self.target - self._start)
        )
        return curve


def equal_power_fades(samples: int) -> tuple[Floats, Floats]:
    """Gains ``(out, in)``, float32 ``[samples]`` each; their squares sum to 1, so unrelated sounds keep their loudness.

    >>> fade_out, fade_in = equal_power_fades(3)
    >>> bool(np.allclose(fade_out**2 + fade_in**2, 1.0)), bool(np.allclose(fade_out, fade_in[::-1]))
    (True, True)
    """
    angle = (np.arange(samples) + 0.5) / max(samples, 1) * (np.pi / 2)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def crossfade(old: Floats, new: Floats) -> Floats:
    """From ``old`` to ``new``, both float32 ``[..., T]``, over their whole length with equal power."""
    assert old.shape == new.shape, (old.shape, new.shape)
    fade_out, fade_in = equal_power_fades(old.shape[-1])
    mixed: Floats = old * fade_out + new * fade_in
    return mixed


def raised_cosine(steps: int) -> Floats:
    """A rise from 0 to 1 in ``steps`` steps, float32 ``[steps + 1]``; no step is larger than ``pi / (2 * steps)``.

    >>> raised_cosine(2)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(steps + 1) / steps)).astype(np.float32)
