"""A device process under test: whole and under a supervisor (``Rig``), or its main loop in a thread (``InProcess``)."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from distill_live.audio.ring import Count, SharedRing
from distill_live.engine.capture import InputPath
from distill_live.engine.device import DeviceLost, DeviceProcess, run_device
from distill_live.engine.device_settings import DeviceSettings
from distill_live.engine.nulldevice import NullOutput
from distill_live.engine.player import RingPlayer
from distill_live.engine.supervisor import ChildSpec, Supervisor
from distill_live.errors import DeviceError
from distill_live.link import Link, Message, link_pair

PATIENCE_S = 30.0
LEAD = 4096
SCALE = 1 << 20  # a float32 holds every whole number up to here divided by it: each sample says which one it is


class Rig:
    """A device process under a supervisor, and a thread that fills its ring as the engine does.

    What it fills it with can be set before ``produce``: numbered samples, if nothing else is.
    """

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()  # as the engine does: going through all that a whole test run has left takes longer than the lead
        self.ring = SharedRing.create(16384, 2)
        self.input_ring = SharedRing.create(96000, 1)
        self.sound = numbered
        self.heard: list[Message] = []
        self.supervisor = Supervisor(lambda _name, message: self.heard.append(message))
        self._quit = threading.Event()
        self._producer = threading.Thread(target=self._produce, daemon=True)

    def start(self, device: str | None, restart: bool = False, **settings: Any) -> None:
        input_ring = self.input_ring.name if "input" in settings else ""
        settings = DeviceSettings(self.ring.name, device, input_ring=input_ring, **settings)
        self.supervisor.start(ChildSpec("device", run_device, settings, restart=restart, fades=True))

    def produce(self) -> None:
        self._producer.start()

    def until(self, done: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline_s, self.heard
            self.supervisor.poll(0.05)

    def device(self, state: str) -> list[Message]:
        return [m for m in self.heard if m["type"] == "device" and m["state"] == state]

    def input(self, state: str) -> list[Message]:
        return [m for m in self.heard if m["type"] == "input" and m["state"] == state]

    def said(self) -> str:
        return " ".join(sentence for m in self.heard for sentence in m.get("messages", ()))

    def close(self) -> None:
        gc.unfreeze()
        self.supervisor.close()
        self._quit.set()
        if self._producer.is_alive():
            self._producer.join()
        for ring in (self.ring, self.input_ring):
            ring.close()
            ring.unlink()

    def _produce(self) -> None:
        self.ring.publish(Count.PRODUCING, 1)
        while not self._quit.is_set():
            while self.ring.fill < max(LEAD, self.ring.count(Count.LEAST_LEAD)):
                self.ring.write(self.sound(self.ring.written, 512))
            time.sleep(0.005)


def numbered(start: int, frames: int) -> np.ndarray:
    """Samples that say which one they are: ``n / SCALE`` on the left, ``-n / SCALE`` on the right."""
    left = (np.arange(start, start + frames) % SCALE / SCALE).astype(np.float32)
    return np.stack([left, -left], axis=1)


def stereo_sine(frequency_hz: float, level: float) -> Callable[[int, int], np.ndarray]:
    """A sine to fill a ring with, at 48 kHz, the same on both sides."""

    def sound(start: int, frames: int) -> np.ndarray:
        wave = level * np.sin(2 * np.pi * frequency_hz * np.arange(start, start + frames) / 48000)
        return np.stack([wave, wave], axis=1).astype(np.float32)

    return sound


class Speakers:
    """Stands in for a real output: the null one's clock under another name."""

    input_name = ""
    period = 256
    latency_s, input_latency_s = 0.01, 0.0

    def __init__(self, player: RingPlayer, capture: InputPath | None = None) -> None:
        self.name, self.sample_rate = "Speakers (test)", 48000
        self.messages: list[str] = []
        self._clock = NullOutput(player, 256, capture)
        self.start, self.alive, self.stop = self._clock.start, self._clock.alive, self._clock.stop


class Microphone:
    """Stands in for a real input with a clock of its own: a constant, until it is unplugged."""

    latency_s, sample_rate, name = 0.02, 48000, "Microphone (test)"

    def __init__(self, path: InputPath, level: float = 0.5) -> None:
        self.messages: list[str] = []
        self._path, self._level = path, level
        self._unplugged = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._path.begin(same_clock=False)
        self._path.heed_period(256)
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._unplugged.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        started_s, block = time.monotonic(), np.full((256, 1), self._level, np.float32)
        sent = 0
        while not self._unplugged.is_set():
            while sent < (time.monotonic() - started_s) * 48000:
                self._path.take(block)
                sent += len(block)
            time.sleep(0.002)


class InProcess:
    """The device process's main loop in a thread of this process, with stand-ins for PortAudio."""

    def __init__(self, rig: Rig, device: str | None, **settings: Any) -> None:
        ours, theirs = link_pair()
        self.link = Link(ours)
        input_ring = rig.input_ring if "input" in settings else None
        settings = DeviceSettings(rig.ring.name, device, **settings)
        self.process = DeviceProcess(settings, rig.ring, Link(theirs), input_ring=input_ring)
        self.errors: list[Exception] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.process.run()
        except (DeviceError, DeviceLost) as error:
            self.errors.append(error)

    def next(self) -> Message:
        messages = self.link.poll(most=1, wait_s=PATIENCE_S)
        assert messages, "nothing was said"
        return messages[0]

    def quit(self) -> None:
        self.link.send({"type": "quit"})
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
