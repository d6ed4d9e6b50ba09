"""A ring between two clocks: an input and an output that belong to different devices drift apart, and nobody hears it.

Crystals differ by up to some hundred millionths: a few samples a second. The reader measures how much it has in
reserve: what is left in the ring after its read and what the writer must have caught since it last wrote (so the moment
within the writer's period does not matter). Where the mean of half a second has left its place, a read takes one frame
more or one frame less than it hands out, cross-faded over 256, until the place is reached again. What a stall has piled
up is faded away in larger steps. Knows nothing of devices; ``write`` belongs to the input's audio callback,
``read_into`` to the output's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.ring import RING_RATE_HZ, LocalRing

Floats = NDArray[np.float32]

_PIECE: Final = 256  # frames that one cross-fade takes
_SHORTEST: Final = 32  # fewer are handed out as they are
_WATCH_FRAMES: Final = 24000  # half a second
_TOLERANCE: Final = 8  # frames
_AT_ONCE: Final = 16  # frames corrected after one watch at most: 600 millionths, more than crystals differ
_PILE: Final = 1024  # frames too many that are no drift but a stall


class ElasticRing(LocalRing):
    """A local ring whose reader keeps a constant reserve, whatever the two clocks do.

    Args:
        capacity, channels: of the ring.
        margin: frames to keep beyond one period of the writer; None when writer and reader share a clock: nothing is
            corrected then. May be changed while the ring is not read.
        clock: seconds.

    ``period`` is the writer's, in frames; whoever knows it sets it.

    >>> ring = ElasticRing(capacity=64, channels=1)
    >>> ring.write(np.ones((40, 1), np.float32)), ring.read_into(np.zeros((32, 1), np.float32)), ring.fill
    (40, 32, 8)
    """

    def __init__(
        self, capacity: int, channels: int, margin: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(capacity, channels)
        self.margin = margin
        self.dropped = 0
        self.inserted = 0
        self.period = 0
        self._clock = clock
        self._wrote_s = clock()
        self._owed = 0  # frames to take out (above 0) or to put in (below)
        self._reserve_sum = 0.0
        self._reads = 0
        self._watched = 0
        self._before: Floats = np.zeros(channels, np.float32)  # the last frame that was read
        self._scratch: Floats = np.zeros((2 * _PIECE, channels), np.float32)
        self._ramp: Floats = np.arange(1, _PIECE + 1, dtype=np.float32)
        self._weight: Floats = np.zeros(_PIECE, np.float32)

    @property
    def goal(self) -> int:
        """The reserve that is kept, in frames."""
        return 0 if self.margin is None else self.margin + self.period

    def write(self, block: Floats) -> int:
        """As ``Ring.write``."""
        written = super().write(block)
        self._wrote_s = self._clock()
        return written

    def read_into(self, out: Floats) -> int:
        """As ``Ring.read_into``; takes a little more or less from the ring than it hands out where the clocks ask."""
        if self.margin is None or self.fill < len(out):
            return self._as_it_is(out)
        if not self._owed:
            self._watch(len(out))
        for start in range(0, len(out), _PIECE):
            self._read_piece(out[start : start + _PIECE], self.fill - (len(out) - start))
        return len(out)

    def _watch(self, frames: int) -> None:
        """Note the reserve; after half a second, decide what is to be corrected."""
        caught = min((self._clock() - self._wrote_s) * RING_RATE_HZ, 2.0 * self.period)
        self._reserve_sum += self.fill - frames + caught
        self._reads += 1
        self._watched += frames
        if self._watched < _WATCH_FRAMES:
            return
        error = round(self._reserve_sum / self._reads) - self.goal
        if error > _PILE:
            self._owed = error
        elif abs(error) > _TOLERANCE:
            self._owed = max(-_AT_ONCE, min(error, _AT_ONCE))
        self._reserve_sum, self._reads, self._watched = 0.0, 0, 0

    def _read_piece(self, out: Floats, spare: int) -> None:
        """``spare``: frames in the ring that this and the pieces after it do not need."""
        frames = len(out)
        drop = min(frames if self._owed > _AT_ONCE else 1, self._owed, spare)
        if frames < _SHORTEST or drop == 0:
            self._as_it_is(out)
        elif drop > 0:
            self._shorten(out, drop)
        else:
            self._lengthen(out)

    def _as_it_is(self, out: Floats) -> int:
        got = super().read_into(out)
        if got:
            self._before[:] = out[got - 1]
        return got

    def _shorten(self, out: Floats, drop: int) -> None:
        frames = len(out)
        super().read_into(self._scratch[: frames + drop])
        self._before[:] = self._scratch[frames + drop - 1]
        self._cross_fade(self._scratch[:frames], self._scratch[drop : drop + frames], out)
        self._owed -= drop
        self.dropped += drop

    def _lengthen(self, out: Floats) -> None:
        """The piece's last frame is the one that would have come before it: from here, all comes one frame later."""
        frames = len(out)
        self._scratch[0] = self._before
        super().read_into(self._scratch[1:frames])
        self._scratch[frames] = self._scratch[frames - 1]  # its weight is 0
        self._before[:] = self._scratch[frames - 1]
        self._cross_fade(self._scratch[1 : frames + 1], self._scratch[:frames], out)
        self._owed += 1
        self.inserted += 1

    def _cross_fade(self, old: Floats, new: Floats, out: Floats) -> None:
        """From ``old`` to ``new``; the last frame is ``new`` alone, so the next piece goes on from it."""
        frames = len(out)
        weight = self._weight[:frames]
        np.multiply(self._ramp[:frames], np.float32(1.0 / frames), out=weight)
        for before, after, sound in zip(old.T, new.T, out.T, strict=True):
            np.subtract(after, before, out=sound)
            np.multiply(sound, weight, out=sound)
            np.add(sound, before, out=sound)
