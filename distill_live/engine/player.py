"""Ring -> output blocks, and never a step: the whole logic of the audio callback, without any device.

Knows nothing of PortAudio, clocks or processes. ``fill`` belongs to the audio thread: it waits for nothing, raises
nothing and uses the buffers that were taken before; ``fade_in`` and ``fade_out`` may be called from any thread.

::

    ring has enough    waiting --------> playing         gain rises (raised cosine, fade_ms)
    ring runs dry      playing --------> waiting         what is left is played, then the last sample falls to 0
    fade_out()         playing --------> silent          gain falls (raised cosine, fade_ms)

The last sample's fall (``ramp_ms``) and the return may overlap: their weights add up to at most 1.

``ConvertedPlayer`` is the same for a device at another rate: the conversion comes after all of this, so an underrun is
what it always was. ``ChannelMap`` puts the pair on the channels that a device has.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.resample import RateConverter
from distill_live.audio.ring import RING_RATE_HZ, Count, DeviceState, Ring
from distill_live.audio.smoothing import raised_cosine

Floats = NDArray[np.float32]

RING_CHANNELS: Final = 2
LARGEST_BLOCK: Final = 8192  # frames of one device period
SPARE_FRAMES: Final = 256  # 5.3 ms: what must be left in the ring after a device period


class RingPlayer:
    """Copies a ring ``[capacity, C]`` to blocks ``[n, C]``, with ramps wherever sound begins or ends.

    Args:
        ring: its status area gets underruns, the smallest fill and the state.
        sample_rate: of the ring.
        restart_frames: how full the ring must be before sound begins or returns, where the producer fills it so far.
        spare_frames: what must be left after the first block, whatever its length; else sound would end at once.
        max_block: the largest block that is filled in one go; larger ones are filled in pieces.
        ramp_ms: the last sample's way to silence when the ring runs dry.
        fade_ms: start, return and stop; at least ``ramp_ms``.
    """

    def __init__(
        self,
        ring: Ring,
        sample_rate: int = RING_RATE_HZ,
        restart_frames: int = 1024,
        spare_frames: int = SPARE_FRAMES,
        max_block: int = 4096,
        ramp_ms: float = 5.0,
        fade_ms: float = 20.0,
    ) -> None:
        assert 0 < restart_frames <= ring.capacity, restart_frames
        assert 0 < ramp_ms <= fade_ms, (ramp_ms, fade_ms)
        self.ring = ring
        self.restart_frames = restart_frames
        self.spare_frames = spare_frames
        self.max_block = max_block
        self._rise = raised_cosine(max(1, round(sample_rate * fade_ms / 1000)))
        self._fall = raised_cosine(max(1, round(sample_rate * ramp_ms / 1000)))[::-1].copy()
        self._top = len(self._rise) - 1
        self._steps: NDArray[np.intp] = np.arange(1, max_block + 1)
        self._index: NDArray[np.intp] = np.zeros(max_block, np.intp)
        self._gain: Floats = np.zeros(max_block, np.float32)
        self._tail: Floats = np.zeros((max_block, ring.channels), np.float32)
        self._last: Floats = np.zeros(ring.channels, np.float32)  # the last sample that went out
        self._fallen: Floats = np.zeros(ring.channels, np.float32)  # the sample that is falling to silence
        self._fall_at = len(self._fall)  # how far it has fallen; past the table: nothing is falling
        self._rise_at = 0  # where the gain stands in the table
        self._wanted = True
        self._playing = False
        self._counting = False  # an underrun is being counted

    def fade_out(self) -> None:
        """Fall to silence and stay there, leaving the ring alone; any thread."""
        self._wanted = False

    def fade_in(self) -> None:
        """Play (again) as soon as the ring holds enough; any thread."""
        self._wanted = True

    @property
    def silent(self) -> bool:
        """Faded out on request, or dry: nothing but zeros goes out now."""
        return not self._playing and self._fall_at >= len(self._fall)

    @property
    def faded(self) -> bool:
        """Silent because it was asked to be."""
        return not self._wanted and self.silent

    @property
    def latency_s(self) -> float:
        """What the player itself adds after the ring: nothing."""
        return 0.0

    def needed(self, frames: int) -> int:
        """How many frames of the ring a block of so many takes."""
        return frames

    def fill(self, out: Floats, begins: bool = True) -> None:
        """Fill ``out`` ``[n, C]`` with the next ``n`` samples; the audio thread.

        ``begins``: a device period begins here (a long one may come in pieces).
        """
        if begins and self._playing:
            self._note_fill(self.ring.fill)
        if not self._playing and self._wanted and self._enough(len(out)):
            self._begin()
        for start in range(0, len(out), self.max_block):
            self._fill(out[start : start + self.max_block])

    def _fill(self, out: Floats) -> None:
        frames = len(out)
        if not self._playing:
            out[:] = 0
            self._add_tail(out)
            self._count_missing(frames)
        else:
            got = self.ring.read_into(out)
            self._shape(out[:got])
            self._add_tail(out[:got])
            if got < frames:
                self._run_dry(out, got)
            elif self._rise_at == 0:  # the fade-out is complete
                self._playing = False
        self._last[:] = out[frames - 1]

    def _enough(self, frames: int) -> bool:
        """The restart level, or whatever is there when no more will come (the end of a very short take).

        No more than the producer means to keep in the ring: it would be waited for in vain.
        """
        wanted = min(self.restart_frames, self.ring.count(Count.LEAD) or self.restart_frames)
        fill, level = self.ring.fill, max(wanted, frames + self.spare_frames)
        return fill >= level or (fill > 0 and not self.ring.count(Count.PRODUCING))

    def _begin(self) -> None:
        self._playing = True
        self._counting = False
        self._rise_at = 0
        self.ring.publish(Count.DEVICE_STATE, DeviceState.PLAYING)

    def _run_dry(self, out: Floats, got: int) -> None:
        """The ring gave only ``got`` frames: from the last sample there, fall to silence."""
        self._playing = False
        self._fallen[:] = out[got - 1] if got else self._last
        self._fall_at = 0
        out[got:] = 0
        self._add_tail(out[got:])
        if self._wanted and self.ring.count(Count.PRODUCING):
            self._counting = True
            self.ring.publish(Count.UNDERRUNS, self.ring.count(Count.UNDERRUNS) + 1)
            self._count_missing(len(out) - got)
        self.ring.publish(Count.DEVICE_STATE, DeviceState.DRY)

    def _shape(self, out: Floats) -> None:
        """Apply the gain: nothing at all while it stands at the top."""
        if self._wanted and self._rise_at == self._top:
            return
        frames = len(out)
        index, gain = self._index[:frames], self._gain[:frames]
        if self._wanted:
            np.add(self._steps[:frames], self._rise_at, out=index)
        else:
            np.subtract(self._rise_at, self._steps[:frames], out=index)
        np.clip(index, 0, self._top, out=index)
        np.take(self._rise, index, out=gain, mode="clip")
        for channel in out.T:  # one by one: numpy takes memory for a product of a table and a column
            np.multiply(channel, gain, out=channel)
        if frames:
            self._rise_at = int(index[frames - 1])

    def _add_tail(self, out: Floats) -> None:
        """Add the sample that is still falling."""
        frames = min(len(out), len(self._fall) - self._fall_at)
        if frames <= 0:
            return
        fall, tail = self._fall[self._fall_at : self._fall_at + frames], self._tail[:frames]
        for channel, fallen, sound in zip(tail.T, self._fallen, out[:frames].T, strict=True):
            np.multiply(fall, fallen, out=channel)
            np.add(sound, channel, out=sound)
        self._fall_at += frames

    def _count_missing(self, frames: int) -> None:
        if self._counting and self._wanted:
            self.ring.publish(Count.UNDERRUN_FRAMES, self.ring.count(Count.UNDERRUN_FRAMES) + frames)

    def _note_fill(self, fill: int) -> None:
        least = self.ring.count(Count.MIN_FILL)
        if least < 0 or fill < least:
            self.ring.publish(Count.MIN_FILL, fill)


class ConvertedPlayer:
    """A player as a device hears it that runs at ``rate_hz``: filled at the ring's rate, then converted.

    >>> from distill_live.audio.ring import LocalRing
    >>> ConvertedPlayer(RingPlayer(LocalRing(4096, 2)), 44100).needed(441)
    480
    """

    def __init__(self, player: RingPlayer, rate_hz: int) -> None:
        self._player = player
        self._converter = RateConverter(RING_RATE_HZ, rate_hz, RING_CHANNELS, LARGEST_BLOCK)
        most = math.ceil(LARGEST_BLOCK * RING_RATE_HZ / rate_hz) + 2
        self._sound: Floats = np.zeros((most, RING_CHANNELS), np.float32)

    @property
    def latency_s(self) -> float:
        """What the conversion adds."""
        return self._converter.latency_s

    def needed(self, frames: int) -> int:
        """How many frames of the ring the next block of so many takes."""
        return self._converter.needed(frames)

    def fill(self, out: Floats, begins: bool = True) -> None:
        """Fill ``out`` ``[n, 2]`` with the next ``n`` samples at the device's rate; the audio thread."""
        sound = self._sound[: self.needed(len(out))]
        self._player.fill(sound, begins)
        self._converter.convert(sound, out)


class ChannelMap:
    """Puts the stereo pair on a device's channels: a pair by choice, all pairs, or the mean on a mono device.

    Args:
        channels: of the device, 1..64.
        first: the pair's left channel, counted from 0; ignored when there is one channel.
        spread: every pair there is carries the sound (an odd last channel stays silent).

    >>> device = np.ones((2, 4), np.float32)
    >>> ChannelMap(4, first=2).spread(np.array([[0.5, -0.5], [0.25, 0.0]], np.float32), device)
    >>> device[0].tolist()
    [0.0, 0.0, 0.5, -0.5]
    """

    def __init__(self, channels: int, first: int = 0, spread: bool = False) -> None:
        assert channels == 1 or 0 <= first <= channels - 2, (channels, first)
        self.channels = channels
        self._lefts = tuple(range(0, channels - 1, 2)) if spread else (first,)

    @property
    def direct(self) -> bool:
        """Whether the device's block is the stereo block itself."""
        return self.channels == RING_CHANNELS

    def spread(self, stereo: Floats, out: Any) -> None:
        """``stereo`` ``[n, 2]`` to ``out`` ``[n, channels]``."""
        if self.channels == 1:
            np.add(stereo[:, 0], stereo[:, 1], out=out[:, 0])
            np.multiply(out, np.float32(0.5), out=out)
            return
        out[:] = 0
        for left in self._lefts:
            out[:, left : left + RING_CHANNELS] = stereo
