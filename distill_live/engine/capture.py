"""An input's blocks -> the shared input ring, in step with the output: the audio threads' side of live input.

::

    input's callback     take(): MonoMix (channels -> mean -> 48 kHz) -> queue
    output's callback    pump(n): queue -> ramps -> input ring, exactly the n frames that the output takes from its own

So the engine may rely on it: for every frame that leaves the output ring, one has come into the input ring, and it has
come before. Without an input, or while one is lost, that frame is silence; sound begins and ends with the ramps of
``RingPlayer``. Whatever finds no room, because the engine does not read, is dropped and counted. Knows nothing of
PortAudio or processes; nothing here waits, and nothing is allocated per call.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.resample import RateConverter
from distill_live.audio.ring import RING_RATE_HZ, Count, Ring
from distill_live.engine.elastic import ElasticRing
from distill_live.engine.player import LARGEST_BLOCK, RingPlayer

Floats = NDArray[np.float32]

INPUT_CHANNELS: Final = 1
MARGIN_FRAMES: Final = 192  # 4 ms: how late one of two clocks may wake up
_QUEUE_FRAMES: Final = RING_RATE_HZ
_PIECE: Final = 4096
_ROUNDING_FRAMES: Final = 2  # by which two conversions of one stream may be apart


class MonoMix:
    """A device's input block ``[n, D]`` -> mono at 48 kHz ``[m, 1]``: one channel, or the mean of two.

    Args:
        first: the channel, or the left one of the pair, counted from 0.
        channels: 1 or 2.
        rate_hz: the device's.

    >>> MonoMix(1, 2, 48000)(np.array([[9.0, 0.5, 0.25]], np.float32)).tolist()
    [[0.375]]
    """

    def __init__(self, first: int, channels: int, rate_hz: int) -> None:
        assert first >= 0 and channels in (1, 2), (first, channels)
        self._rate_hz = rate_hz
        self._first, self._second = first, first + channels - 1
        self._mono: Floats = np.zeros((LARGEST_BLOCK, 1), np.float32)
        self._bad: NDArray[np.bool_] = np.zeros((LARGEST_BLOCK, 1), np.bool_)
        self._converter: RateConverter | None = None
        if rate_hz != RING_RATE_HZ:
            self._converter = RateConverter(rate_hz, RING_RATE_HZ, 1, LARGEST_BLOCK)
            most = math.ceil(LARGEST_BLOCK * RING_RATE_HZ / rate_hz) + 2
            self._converted: Floats = np.zeros((most, 1), np.float32)

    @property
    def converts(self) -> bool:
        return self._converter is not None

    @property
    def latency_s(self) -> float:
        """What the conversion adds."""
        return 0.0 if self._converter is None else self._converter.latency_s

    def frames_of(self, period: int) -> int:
        """How many frames of 48 kHz a period of the device gives, at most."""
        return math.ceil(period * RING_RATE_HZ / self._rate_hz)

    def __call__(self, block: Floats) -> Floats:
        """The input's thread. What is no number (another program's fault) counts as silence."""
        mono = self._mono[: len(block)]
        if self._first == self._second:
            mono[:, 0] = block[:, self._first]
        else:
            np.add(block[:, self._first], block[:, self._second], out=mono[:, 0])
            np.multiply(mono, np.float32(0.5), out=mono)
        if not math.isfinite(np.dot(mono[:, 0], mono[:, 0])):  # one call for what never happens
            bad = self._bad[: len(block)]
            np.isfinite(mono, out=bad)
            np.logical_not(bad, out=bad)
            np.copyto(mono, np.float32(0.0), where=bad)
        if self._converter is None:
            return mono
        converted = self._converted[: self._converter.given(len(mono))]
        self._converter.convert(mono, converted)
        return converted


class InputPath:
    """The way of live input through the device process; it outlives the streams that feed it.

    Args:
        ring: mono; the engine reads it.
    """

    def __init__(self, ring: Ring) -> None:
        assert ring.channels == INPUT_CHANNELS, ring.channels
        self.ring = ring
        self._queue = ElasticRing(_QUEUE_FRAMES, INPUT_CHANNELS)
        self._player = RingPlayer(self._queue, restart_frames=1, spare_frames=0)
        self._sound: Floats = np.zeros((_PIECE, INPUT_CHANNELS), np.float32)
        self._overrun = ring.count(Count.INPUT_OVERRUN_FRAMES)
        self._told = (0, 0, 0)
        self._earlier = {field: ring.count(field) for field in _TALLIES}  # of a device process before this one

    def begin(self, same_clock: bool, converts: bool = False) -> None:
        """A stream is about to feed this: the output's own, or one with another clock. Main thread, no stream runs."""
        self._queue.margin = None if same_clock else MARGIN_FRAMES
        self._queue.period = 0
        self._queue.publish(Count.PRODUCING, 1)
        if same_clock and converts:
            self._queue.write(np.zeros((_ROUNDING_FRAMES, INPUT_CHANNELS), np.float32))

    def end(self) -> None:
        """No stream feeds this any more: what is left is played, then it is silence."""
        self._queue.publish(Count.PRODUCING, 0)

    @property
    def latency_s(self) -> float:
        """How long a frame waits here so that another clock's input never runs dry."""
        return self._queue.goal / RING_RATE_HZ

    def heed_period(self, frames: int) -> None:
        """The input's thread: its period in frames at 48 kHz, once it is known and when it changes."""
        self._queue.period = frames

    def take(self, mono: Floats) -> None:
        """The input's thread: ``mono`` ``[n, 1]`` at 48 kHz, a period or a piece of it."""
        self._queue.write(mono)

    def pump(self, frames: int) -> None:
        """The output's thread, before it takes ``frames`` from its own ring."""
        queue = self._queue
        known = queue.margin is None or queue.period > 0
        self._player.spare_frames = queue.goal if known else _QUEUE_FRAMES  # not before a period has been seen
        for start in range(0, frames, _PIECE):
            sound = self._sound[: min(_PIECE, frames - start)]
            self._player.fill(sound)
            lost = len(sound) - self.ring.write(sound)
            if lost:
                self._overrun += lost
                self.ring.publish(Count.INPUT_OVERRUN_FRAMES, self._overrun)
        self._tally()

    def _tally(self) -> None:
        queue, earlier = self._queue, self._earlier
        now = (queue.count(Count.UNDERRUNS), queue.dropped, queue.inserted)
        if now == self._told:
            return
        self._told = now
        for field, value in zip(_TALLIES, now, strict=True):
            self.ring.publish(field, earlier[field] + value)


_TALLIES: Final = (Count.INPUT_DROPOUTS, Count.INPUT_DROPPED, Count.INPUT_INSERTED)
