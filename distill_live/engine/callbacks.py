"""What an audio API calls once a period, without the API: PortAudio's streams and the null device's thread share it.

Everything here belongs to the audio thread: it waits for nothing and takes no memory. The callbacks are Python on
purpose: alone in its process a Python callback did as well as a C one (``docs/benchmarks.md``), and it can ramp.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.ring import Count, Gauge, Ring
from distill_live.engine.capture import InputPath, MonoMix
from distill_live.engine.player import LARGEST_BLOCK, RING_CHANNELS, ChannelMap

Floats = NDArray[np.float32]


class Sound(Protocol):
    """What fills an output: ``RingPlayer``, or ``ConvertedPlayer`` at another rate."""

    def needed(self, frames: int) -> int: ...
    def fill(self, out: Floats, begins: bool) -> None: ...


class PeriodMeter:
    """How many frames an API asks for at a time: PortAudio hands a JACK period of more than 1024 over in pieces.

    >>> class When:
    ...     currentTime = 0.25
    >>> meter = PeriodMeter()
    >>> meter.note(1024, When()), meter.note(1024, When()), meter.frames, meter.note(1024, None), meter.frames
    (True, False, 0, True, 1024)
    """

    def __init__(self) -> None:
        self.frames = 0  # of the last whole period; 0 before there was one
        self._moment = 0.0  # of the period that is being handed over, 0 for none
        self._pieces = 0

    def note(self, frames: int, when: Any) -> bool:
        """A call for so many frames; whether a period begins with it.

        ``when`` is PortAudio's time stamp, the same for all pieces of a period.
        """
        moment = when.currentTime if when is not None else 0.0
        if not moment:
            self.frames = frames
            return True
        if moment == self._moment:
            self._pieces += frames
            return False
        self.frames = self._pieces or self.frames
        self._moment, self._pieces = moment, frames
        return True


class OutputCallback:
    """Fill, spread, publish.

    Args:
        sound: stereo.
        ring: the output ring; its status area gets the period, the calls and the server's complaints.
        channels: where on the device the pair goes.
        capture: live input that is to keep in step with this output.
    """

    def __init__(self, sound: Sound, ring: Ring, channels: ChannelMap, capture: InputPath | None = None) -> None:
        self._sound = sound
        self._ring = ring
        self._channels = channels
        self._capture = capture
        self._stereo: Floats = np.zeros((LARGEST_BLOCK, RING_CHANNELS), np.float32)
        self._calls = ring.count(Count.CALLBACKS)
        self._server_xruns = ring.count(Count.SERVER_XRUNS)
        self._meter = PeriodMeter()
        self.period = 0  # in frames; 0 before it is known
        self.last_s = time.monotonic()

    def __call__(self, out: Floats, frames: int, when: Any, status: Any) -> None:
        begins = self._meter.note(frames, when)
        if self._capture is not None:
            self._capture.pump(self._sound.needed(frames))
        if self._channels.direct:
            self._sound.fill(out, begins)
        else:
            stereo = self._stereo[:frames]
            self._sound.fill(stereo, begins)
            self._channels.spread(stereo, out)
        self._publish(bool(status) and status.output_underflow)

    def _publish(self, server_xrun: bool) -> None:
        ring = self._ring
        if self.period != self._meter.frames:
            self.period = self._meter.frames
            ring.publish(Count.BLOCK_FRAMES, self.period)
        if server_xrun:
            self._server_xruns += 1
            ring.publish(Count.SERVER_XRUNS, self._server_xruns)
        self._calls += 1
        ring.publish(Count.CALLBACKS, self._calls)
        self.last_s = time.monotonic()
        ring.publish_gauge(Gauge.LAST_OUTPUT_S, self.last_s)


class InputCallback:
    """Mix, hand on, publish."""

    def __init__(self, path: InputPath, mix: MonoMix) -> None:
        self._path = path
        self._mix = mix
        self._xruns = path.ring.count(Count.INPUT_XRUNS)
        self._meter = PeriodMeter()
        self.period = 0  # in frames; 0 before it is known
        self.last_s = time.monotonic()

    def __call__(self, block: Floats, frames: int, when: Any, status: Any) -> None:
        self._meter.note(frames, when)
        if self.period != self._meter.frames:
            self.period = self._meter.frames
            self._path.heed_period(self._mix.frames_of(self.period))
        self._path.take(self._mix(block))
        if status and status.input_overflow:
            self._xruns += 1
            self._path.ring.publish(Count.INPUT_XRUNS, self._xruns)
        self.last_s = time.monotonic()


class DuplexCallback:
    """Input and output of one stream, which share a clock: what came in goes on first."""

    def __init__(self, source: InputCallback, output: OutputCallback) -> None:
        self._source = source
        self._output = output

    def __call__(self, block: Floats, out: Floats, frames: int, when: Any, status: Any) -> None:
        self._source(block, frames, when, status)
        self._output(out, frames, when, status)
