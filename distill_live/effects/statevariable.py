"""The state-variable filter as array arithmetic: low, band and high at once, and stable whatever is turned.

The trapezoidal form of Zavalishin ("The Art of VA Filter Design", chapter 4): with ``g = tan(pi f / rate)`` and
``k = 1 / Q`` it is ``x' = A x + B u`` with two numbers of state. A stretch is cut into segments of 32 samples; within
one the output is a triangular matrix times the input plus what the state rings out, and the states at the segments'
edges come from a parallel scan. So a block costs a dozen numpy calls instead of a loop over samples.

A coefficient may differ from segment to segment. Knows no parameters; one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.effects.base import Block

Doubles = npt.NDArray[np.float64]

SEGMENT: Final = 32


@dataclass(frozen=True)
class Tables:
    """What K segments do to sound, or one table for all (K = 1). N is the segment's length.

    Attributes:
        powers: ``A`` to the power of 0 .. N, ``[K, N + 1, 2, 2]``.
        inject: ``A`` to the power of n times ``B``, ``[K, N, 2]``.
        forced: from input to (band, low), ``[K, N, 2 N]``.
        free: from state to (band, low), ``[K, 2, 2 N]``.
    """

    powers: Doubles
    inject: Doubles
    forced: Doubles
    free: Doubles


def make_tables(g: Doubles, k: Doubles) -> Tables:
    """Tables for the coefficients ``g`` and ``k``, both float64 ``[K]``."""
    a1 = 1.0 / (1.0 + g * (g + k))
    a2 = g * a1
    a3 = g * a2
    step = _matrices(2.0 * a1 - 1.0, -2.0 * a2, 2.0 * a2, 1.0 - 2.0 * a3)
    heard = _matrices(a1, -a2, a2, 1.0 - a3)  # state to (band, low)
    powers = _powers(step)
    inject = powers[:, :SEGMENT] @ np.stack([2.0 * a2, 2.0 * a3], 1)[:, None, :, None]
    rung = heard[:, None] @ powers[:, :SEGMENT]  # [K, N, 2 outputs, 2 states]
    direct = np.stack([a2, a3], 1)[:, None]
    impulse = np.concatenate([direct, (heard[:, None] @ inject)[:, :-1, :, 0]], axis=1)  # [K, N, 2]
    free = rung.transpose(0, 3, 2, 1).reshape(len(g), 2, 2 * SEGMENT)
    return Tables(powers, inject[..., 0], _triangles(impulse), free)


class StateVariable:
    """Two numbers of memory a channel; the channels are those of the first block.

    >>> dc = StateVariable()
    >>> tables = make_tables(np.array([0.1]), np.array([1.4]))
    >>> band, low = dc.run(np.ones((1, 640), np.float32), tables)
    >>> round(float(low[0, -1]), 3), round(float(abs(band[0, -1])), 3)
    (1.0, 0.0)
    """

    def __init__(self) -> None:
        self.past: Doubles = np.zeros((0, 2))

    def run(self, block: Block, tables: Tables) -> tuple[Doubles, Doubles]:
        """The next stretch: ``(band, low)`` of ``[C, T]``; high is ``block - k * band - low``."""
        channels, samples = block.shape
        if len(self.past) != channels:
            self.past = np.zeros((channels, 2))
        segments = -(-samples // SEGMENT)
        sound = np.zeros((channels, segments * SEGMENT))
        sound[:, :samples] = block
        sound = sound.reshape(channels, segments, 1, SEGMENT)
        starts = self._starts(sound, tables, samples - (segments - 1) * SEGMENT)
        both = sound @ tables.forced + starts @ tables.free
        both = both.reshape(channels, segments, 2, SEGMENT).transpose(2, 0, 1, 3).reshape(2, channels, -1)
        return both[0, :, :samples], both[1, :, :samples]

    def clear(self) -> None:
        if self.past.any():
            self.past = np.zeros_like(self.past)

    def _starts(self, sound: Doubles, tables: Tables, last: int) -> Doubles:
        """The states before every segment, ``[C, K, 1, 2]``; ``last`` samples of the last one are real."""
        segments = sound.shape[1]
        ends = (sound @ tables.inject[:, ::-1])[:, :, 0]
        whole = np.broadcast_to(tables.powers[:, SEGMENT], (segments, 2, 2))
        before = np.concatenate([self.past[:, None], _scan(whole[:-1], ends[:, :-1], self.past)], axis=1)
        self.past = (
            before[:, -1] @ tables.powers[-1, last].T + sound[:, -1, 0, :last] @ tables.inject[-1, last - 1 :: -1]
        )
        return before[:, :, None]


def _scan(steps: Doubles, ends: Doubles, past: Doubles) -> Doubles:
    """``x[k] = steps[k] x[k - 1] + ends[k]`` for all k in log2(K) rounds (Hillis and Steele, 1986), ``[C, K, 2]``."""
    states = ends.copy()
    if not len(steps):
        return states
    states[:, 0] += past @ steps[0].T
    steps, reach = steps.copy(), 1
    while reach < len(steps):
        states[:, reach:] = states[:, reach:] + (steps[reach:] @ states[:, :-reach, :, None])[..., 0]
        steps[reach:] = steps[reach:] @ steps[:-reach]
        reach *= 2
    return states


def _matrices(a: Doubles, b: Doubles, c: Doubles, d: Doubles) -> Doubles:
    return np.stack([a, b, c, d], axis=1).reshape(-1, 2, 2)


def _triangles(impulse: Doubles) -> Doubles:
    """Convolution with each ``impulse`` ``[K, N, 2]`` as a matrix from input to both outputs, ``[K, N, 2 N]``."""
    count = len(impulse)
    padded = np.zeros((count, 2, 2 * SEGMENT - 1))
    padded[:, :, SEGMENT - 1 :] = impulse.transpose(0, 2, 1)
    shifted = np.lib.stride_tricks.sliding_window_view(padded, SEGMENT, axis=2)[:, :, ::-1]  # [K, 2, input, output]
    return shifted.transpose(0, 2, 1, 3).reshape(count, SEGMENT, 2 * SEGMENT)


def _powers(step: Doubles) -> Doubles:
    """``step`` to the power of 0 .. N, by doubling how many are known."""
    powers = np.empty((len(step), SEGMENT + 1, 2, 2))
    powers[:, 0] = np.eye(2)
    powers[:, 1] = step
    known = 1
    while known < SEGMENT:
        powers[:, known + 1 : 2 * known + 1] = powers[:, 1 : known + 1] @ powers[:, known][:, None]
        known *= 2
    return powers
