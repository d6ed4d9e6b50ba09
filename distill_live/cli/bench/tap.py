"""The recorder at the device's port: a JACK client in a process of its own that writes what it hears to the disk.

It knows the audio server's frame time of every sample it keeps, when the server was late, and when it has missed a
period itself. ``python -m distill_live.cli.bench.tap FILE PREFIX`` waits for the ports ``PREFIX*``, writes float32
frames ``[T, 2]`` to FILE as they come, and tells on its last line what :class:`Heard` reads. :class:`Tap` is its other
end. Its callback is Python, alone in its process: it copies a period and notes a number.
"""

from __future__ import annotations

import contextlib
import gc
import json
import select
import sys
import time
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.beside import READY, Beside, stand_in_front
from distill_live.cli.bench.same_bits import CHANNELS
from distill_live.engine.priority import lock_memory

PORTS: Final = "distill-live:out_"
SECONDS: Final = 20  # of sound that may wait for the disk
RATE: Final = 48000
_LOOK_S: Final = 0.02
_CLOCK_S: Final = 1.0
_WHOLE: Final = 1 << 32  # JACK's frame time is an unsigned 32-bit number

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What a tap has told.

    Attributes:
        pieces: (place in the file, frame of the server) of each stretch without a missed period.
        xruns: frames of the server at which it said that it was late.
        overtaken: places at which the tap itself was late: what it copied there is of another period.
        clock: (monotonic s, frame of the server), once a second.
        lost: frames that found no room: the disk was too slow.
        connected: how often the ports were found.
    """

    pieces: list[tuple[int, int]] = field(default_factory=list)
    xruns: list[int] = field(default_factory=list)
    overtaken: list[int] = field(default_factory=list)
    clock: list[tuple[float, int]] = field(default_factory=list)
    lost: int = 0
    connected: int = 0

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Heard:
        pieces = [(int(place), int(frame)) for place, frame in told.get("pieces", [])]
        clock = [(float(moment_s), int(frame)) for moment_s, frame in told.get("clock", [])]
        counts = (told.get("lost", 0), told.get("connected", 0))
        return cls(pieces, told.get("xruns", []), told.get("overtaken", []), clock, *counts)

    def server_frame(self, place: int) -> int:
        """The server's frame at which the sample at a place of the file was at the port.

        >>> heard = Heard([(0, 5000), (256, 5512)])
        >>> heard.server_frame(255), heard.server_frame(256)
        (5255, 5512)
        """
        start, frame = self.pieces[max(bisect(self.pieces, place, key=lambda piece: piece[0]) - 1, 0)]
        return frame + place - start

    def place(self, server_frame: int) -> int:
        """The place in the file of a frame of the server; that of the next piece when it was missed."""
        at = max(bisect(self.pieces, server_frame, key=lambda piece: piece[1]) - 1, 0)
        start, frame = self.pieces[at]
        place = start + max(server_frame - frame, 0)
        return min(place, self.pieces[at + 1][0]) if at + 1 < len(self.pieces) else place

    @property
    def late_places(self) -> list[int]:
        """Where in the file the server or the tap was late, or a period was missed."""
        late = {self.place(frame) for frame in self.xruns}
        return sorted({*late, *self.overtaken, *(place for place, _ in self.pieces[1:])})

    def moment_s(self, server_frame: float) -> float:
        """When that was, on the monotonic clock."""
        moments, frames = zip(*self.clock, strict=True)
        at = int(np.clip(np.searchsorted(frames, server_frame) - 1, 0, len(frames) - 1))
        return float(moments[at] + (server_frame - frames[at]) / RATE)


class Tap(Beside):
    """The recorder that runs beside us; it begins as soon as the ports are there, and follows them when they return."""

    def __init__(self, file: Path, ports: str = PORTS) -> None:
        super().__init__("tap", str(file), ports)
        self.file = file

    def heard(self) -> Heard:
        """End it; what it has told. The samples are in the file (``sound``)."""
        return Heard.from_json(self.stop())

    @property
    def sound(self) -> Floats:
        """The frames ``[T, 2]`` that are in the file so far."""
        return frames_of(self.file)


def frames_of(file: Path, offset: int = 0) -> Floats:
    """Frames ``[T, 2]`` of a file of float32 samples, as a memory map."""
    count = (file.stat().st_size - offset) // (4 * CHANNELS)
    if count <= 0:
        return np.zeros((0, CHANNELS), np.float32)
    return np.memmap(file, np.float32, "r", offset, (count, CHANNELS))


# --------------------------------------------------------------------------------------------------------- the process


class Recorder:
    """The JACK client. ``period`` and ``xrun`` belong to JACK's threads, everything else to the main one."""

    def __init__(self, client: Any, wanted: str, refusals: type[Exception] = OSError) -> None:
        self.client = client
        self.refusals = refusals  # what the client raises when a port has just gone
        self.wanted = wanted
        self.ports = [client.inports.register(f"in_{n}") for n in range(CHANNELS)]
        self.room = np.zeros((SECONDS * RATE // client.blocksize * client.blocksize, CHANNELS), np.float32)
        self.listening = False
        self.came = self.kept = self.lost = 0
        self.pieces: list[tuple[int, int]] = []
        self.xruns: list[int] = []
        self.overtaken: list[int] = []
        self.connected = 0
        self._next = -1

    def period(self, frames: int) -> None:
        if not self.listening:
            return
        if self.came + frames - self.kept > len(self.room):
            self.lost += frames
            return
        now = self.client.last_frame_time
        if now != self._next:
            self.pieces.append((self.came, now))
        self._next = (now + frames) % _WHOLE
        at = self.came % len(self.room)
        for channel, port in enumerate(self.ports):
            self.room[at : at + frames, channel] = port.get_array()
        if self.client.last_frame_time != now:  # the next period has begun, and filled the ports meanwhile
            self.overtaken.append(self.came)
        self.came += frames

    def xrun(self, _delay_us: float) -> None:
        if self.listening:
            self.xruns.append(self.client.frame_time)

    def connect(self) -> None:
        """Connect what is there and not yet connected."""
        sources = self.client.get_ports(self.wanted, is_output=True, is_audio=True)[:CHANNELS]
        for port, source in zip(self.ports, sources, strict=False):
            if not any(other.name == source.name for other in port.connections):
                with contextlib.suppress(self.refusals):  # gone since we looked
                    self.client.connect(source, port)
                    self.connected += 1
        self.listening = self.listening or len(sources) == CHANNELS

    def new(self) -> Sequence[Floats]:
        """What has come and is not on the disk yet."""
        came, size = self.came, len(self.room)
        start, stop = self.kept % size, (came - 1) % size + 1
        if came == self.kept:
            return []
        return [self.room[start:stop]] if start < stop else [self.room[start:], self.room[:stop]]

    def told(self) -> dict[str, Any]:
        counts = {"lost": self.lost, "connected": self.connected // CHANNELS, "frames": self.came}
        return {"pieces": self.pieces, "xruns": self.xruns, "overtaken": self.overtaken, **counts}


def run(recorder: Recorder, file: Path) -> dict[str, Any]:
    """Record until stdin ends; what there is to tell."""
    clock: list[tuple[float, int]] = []
    with file.open("wb", buffering=0) as sink:
        while True:
            over = _asked_to_end(recorder)
            if not clock or time.monotonic() - clock[-1][0] >= _CLOCK_S:
                clock.append((time.monotonic(), recorder.client.frame_time))
                recorder.connect()
            elif not recorder.listening:
                recorder.connect()
            for piece in recorder.new():
                sink.write(piece.data)
                recorder.kept += len(piece)
            if over:
                return {**recorder.told(), "clock": clock}


def _asked_to_end(recorder: Recorder) -> bool:
    """Wait a little; answer a question if there is one."""
    if not select.select([sys.stdin], [], [], _LOOK_S)[0]:
        return False
    if not sys.stdin.readline():
        recorder.listening = False
        return True
    print(json.dumps({"frames": recorder.came, "xruns": len(recorder.xruns), "lost": recorder.lost}), flush=True)
    return False


def main(file: str, wanted: str) -> None:
    """The process."""
    import jack

    stand_in_front()
    client: Any = jack.Client("distill-tap", no_start_server=True)
    recorder = Recorder(client, wanted, jack.JackError)
    client.set_process_callback(recorder.period)
    client.set_xrun_callback(recorder.xrun)
    lock_memory()
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(0.0005)
    client.activate()
    print(READY, flush=True)
    told = run(recorder, Path(file))
    client.deactivate()
    client.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
