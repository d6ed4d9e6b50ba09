"""A ring of sound: one side writes, one reads, neither ever waits.

Two counters that only grow, ``written`` and ``read``, tell how full it is; the writer alone moves the one, the reader
alone the other, and a counter moves after its samples have. Beside them lies a small status area in which the device
process publishes what it sees (:class:`Count`, :class:`Gauge`); each field has one writer. Knows nothing of devices.
``SharedRing`` lies in shared memory, between two processes; ``LocalRing`` between two threads of one. ``write`` belongs
to the producer's thread, ``read_into`` to the consumer's: they make views and copies, no more, so both may be called
from an audio callback.

::

    header int64 | counts int64 | gauges float64 | samples float32 [capacity, C]
"""

from __future__ import annotations

import sys
from enum import IntEnum
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RING_RATE_HZ: Final = 48000  # of every ring between engine and device, whatever the device runs at
_MAGIC: Final = 0x474E4952_4C544344  # "DCTLRING", little-endian: this memory is one of ours
_HEADER_FIELDS: Final = 8  # magic, capacity, channels, written, read, and room
_MAGIC_AT, _CAPACITY_AT, _CHANNELS_AT, _WRITTEN_AT, _READ_AT = range(5)
_STATUS_FIELDS: Final = 32  # of each kind: fields can be added without moving the samples


class Count(IntEnum):
    """Whole numbers in the status area."""

    UNDERRUNS = 0  # times the ring ran dry while the producer was producing: our fault
    UNDERRUN_FRAMES = 1  # frames that were missing then
    MIN_FILL = 2  # smallest fill a callback has found since the producer last reset it to -1
    DEVICE_STATE = 3  # a DeviceState
    CALLBACKS = 4  # device periods served
    SERVER_XRUNS = 5  # what the audio server complained of: not our fault
    PRODUCING = 6  # written by the producer: 1 while it means to fill the ring, 0 when silence is intended
    BLOCK_FRAMES = 7  # the device's period, in frames of the device
    LEAST_LEAD = 8  # frames the producer must keep in the ring for this period, whatever lead was asked for
    LEAD = 9  # written by the producer: how full it keeps the ring now; 0 before it has said so

    # In the input ring's status area:
    INPUT_STATE = 16  # a DeviceState: PLAYING while an input is heard
    INPUT_OVERRUN_FRAMES = 17  # frames dropped because the engine had left no room
    INPUT_DROPOUTS = 18  # times the input brought too little and was ramped to silence
    INPUT_DROPPED = 19  # frames taken out because the input's clock is faster than the output's
    INPUT_INSERTED = 20  # frames put in because it is slower
    INPUT_XRUNS = 21  # what the audio server complained of: not our fault


class Gauge(IntEnum):
    """Floating-point numbers in the status area."""

    LAST_OUTPUT_S = 0  # monotonic time of the last device period
    OUTPUT_LATENCY_S = 1  # what the device adds after the ring
    DEVICE_RATE_HZ = 2

    # In the input ring's status area:
    INPUT_LATENCY_S = 16  # from the input's socket until a frame can be read here
    INPUT_RATE_HZ = 17


class DeviceState(IntEnum):
    """What the device process is doing."""

    CLOSED = 0
    OPENING = 1
    PLAYING = 2
    DRY = 3  # the ring is empty; the output has been ramped to silence
    LOST = 4  # the device or its server is gone


class Ring:
    """A single-producer single-consumer ring of float32 frames ``[capacity, C]``, wherever its memory lies.

    Args:
        memory: laid out as a ring (see :func:`_lay_out`).
    """

    def __init__(self, memory: memoryview) -> None:
        self._fence_lock = Lock()
        self._header = np.frombuffer(memory, np.int64, _HEADER_FIELDS)
        self._counts = np.frombuffer(memory, np.int64, _STATUS_FIELDS, 8 * _HEADER_FIELDS)
        self._gauges = np.frombuffer(memory, np.float64, _STATUS_FIELDS, 8 * (_HEADER_FIELDS + _STATUS_FIELDS))
        self.capacity = int(self._header[_CAPACITY_AT])
        self.channels = int(self._header[_CHANNELS_AT])
        flat = np.frombuffer(memory, np.float32, self.capacity * self.channels, _samples_at())
        self._samples = flat.reshape(self.capacity, self.channels)

    @property
    def written(self) -> int:
        """Frames ever written."""
        return int(self._header[_WRITTEN_AT])

    @property
    def read(self) -> int:
        """Frames ever read or skipped."""
        return int(self._header[_READ_AT])

    @property
    def fill(self) -> int:
        """Frames that can be read now. The reader's own ``fill`` can only be too small, never too large."""
        return self.written - self.read

    @property
    def space(self) -> int:
        """Frames that can be written now."""
        return self.capacity - self.fill

    def write(self, block: Floats) -> int:
        """Producer: append as much of ``block`` ``[n, C]`` as fits; returns how many frames that was."""
        frames = min(len(block), self.space)
        written = self.written
        start = written % self.capacity
        first = min(frames, self.capacity - start)
        self._samples[start : start + first] = block[:first]
        if first < frames:  # seldom, and a slice is a tenth of what a callback costs
            self._samples[: frames - first] = block[first:frames]
        self._fence()
        self._header[_WRITTEN_AT] = written + frames
        return frames

    def read_into(self, out: Floats) -> int:
        """Consumer: fill the beginning of ``out`` ``[n, C]``; returns how many frames there were. The rest stays."""
        frames = min(len(out), self.fill)
        self._fence()
        read = self.read
        start = read % self.capacity
        first = min(frames, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        if first < frames:
            out[first:frames] = self._samples[: frames - first]
        self._fence()
        self._header[_READ_AT] = read + frames
        return frames

    def skip(self, frames: int) -> int:
        """Consumer: drop up to ``frames`` unheard; returns how many frames were dropped."""
        dropped = min(frames, self.fill)
        self._header[_READ_AT] = self.read + dropped
        return dropped

    def publish(self, field: Count, value: int) -> None:
        self._counts[field] = value

    def count(self, field: Count) -> int:
        return int(self._counts[field])

    def publish_gauge(self, field: Gauge, value: float) -> None:
        self._gauges[field] = value

    def gauge(self, field: Gauge) -> float:
        return float(self._gauges[field])

    def _fence(self) -> None:
        """Samples before counters, also for processors that may reorder stores (ARM).

        Python has no fence; leaving a lock publishes what came before, taking one holds back what comes after.
        """
        with self._fence_lock:
            pass
        with self._fence_lock:
            pass


class LocalRing(Ring):
    """A ring between two threads of one process.

    >>> ring = LocalRing(capacity=8, channels=1)
    >>> ring.write(np.ones((10, 1), dtype=np.float32)), ring.fill, ring.space
    (8, 8, 0)
    """

    def __init__(self, capacity: int, channels: int) -> None:
        memory = memoryview(bytearray(_bytes_needed(capacity, channels)))
        _lay_out(memory, capacity, channels)
        super().__init__(memory)


class SharedRing(Ring):
    """A ring between two processes.

    Make one with :meth:`create`, join it from another process with :meth:`attach` and its ``name``. Every side calls
    ``close``; the side that made it calls ``unlink`` too.

    >>> ring = SharedRing.create(capacity=8, channels=1)
    >>> ring.write(np.ones((10, 1), dtype=np.float32)), ring.fill, ring.space
    (8, 8, 0)
    >>> out = np.zeros((3, 1), dtype=np.float32)
    >>> ring.read_into(out), ring.fill
    (3, 5)
    >>> ring.close(); ring.unlink()
    """

    def __init__(self, memory: SharedMemory) -> None:
        if not _is_ring(_bytes(memory)):
            memory.close()
            raise ValueError(f"the shared memory {memory.name} is not a ring of sound")
        self._memory = memory
        super().__init__(_bytes(memory))

    @classmethod
    def create(cls, capacity: int, channels: int) -> SharedRing:
        """A new, empty ring of ``capacity`` frames."""
        memory = SharedMemory(create=True, size=_bytes_needed(capacity, channels))
        _lay_out(_bytes(memory), capacity, channels)
        return cls(memory)

    @classmethod
    def attach(cls, name: str) -> SharedRing:
        """Join the ring another process made.

        Raises:
            FileNotFoundError: there is no shared memory of that name (any more).
            ValueError: it is something else.
        """
        return cls(_attach_untracked(name))

    @property
    def name(self) -> str:
        return self._memory.name

    def close(self) -> None:
        """Leave the ring; it lives on for the other side. The ring cannot be used after this."""
        if not hasattr(self, "_samples"):
            return
        del self._samples, self._gauges, self._counts, self._header  # views of the memory keep it open
        self._memory.close()

    def unlink(self) -> None:
        """Remove the memory from the system; once, by the side that made it."""
        self._memory.unlink()

    def __del__(self) -> None:
        self.close()


def _bytes(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None, "the shared memory is closed"
    return memory.buf


def _samples_at() -> int:
    return 8 * (_HEADER_FIELDS + 2 * _STATUS_FIELDS)


def _bytes_needed(capacity: int, channels: int) -> int:
    assert min(capacity, channels) > 0, (capacity, channels)
    return _samples_at() + 4 * capacity * channels


def _lay_out(memory: memoryview, capacity: int, channels: int) -> None:
    """Make zeroed memory an empty ring; the magic number last, when all the rest is there."""
    np.frombuffer(memory, np.int64, _STATUS_FIELDS, 8 * _HEADER_FIELDS)[Count.MIN_FILL] = -1
    header = np.frombuffer(memory, np.int64, _HEADER_FIELDS)
    header[_CAPACITY_AT], header[_CHANNELS_AT], header[_MAGIC_AT] = capacity, channels, _MAGIC


def _is_ring(memory: memoryview) -> bool:
    return len(memory) > _samples_at() and int(np.frombuffer(memory, np.int64, _HEADER_FIELDS)[_MAGIC_AT]) == _MAGIC


def _attach_untracked(name: str) -> SharedMemory:
    """Attach without telling Python's resource tracker.

    Until 3.13 the tracker of an attaching process removed the memory when that process ended: a device process that
    dies must not take the ring of the engine with it.
    """
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    register = resource_tracker.register
    resource_tracker.register = lambda *_: None
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register
