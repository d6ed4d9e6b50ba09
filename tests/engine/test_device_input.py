"""Live input of the device process: opened, lost and found again beside an output that does not stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from distill_live.audio.ring import Count, DeviceState, Gauge
from distill_live.engine import devices, input_keeper, portaudio
from distill_live.engine.capture import InputPath
from distill_live.engine.device import DeviceLost
from distill_live.engine.opening import InputRequest
from distill_live.errors import DeviceError
from tests.engine.rig import PATIENCE_S, InProcess, Microphone, Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


class Socket:
    """Where a microphone may be plugged in: what PortAudio and a look around would find."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plugged = threading.Event()
        self.plugged.set()
        self.openable = True  # what comes back has another number, which PortAudio does not know before a fresh start
        self.asked: list[InputRequest] = []
        self.opened: list[Microphone] = []
        self.looks: list[float] = []
        monkeypatch.setattr(portaudio, "PortAudioInput", self._open)
        monkeypatch.setattr(devices, "input_there", self._look)
        monkeypatch.setattr(input_keeper, "_LOOK_AGAIN_S", 0.1)

    def unplug(self) -> None:
        self.plugged.clear()
        self.opened[-1].stop()

    def _open(self, request: InputRequest, path: InputPath) -> Microphone:
        self.asked.append(request)
        if not (self.plugged.is_set() and self.openable):
            raise DeviceError("no audio input is called that", fix="connect it")
        self.opened.append(Microphone(path))
        return self.opened[-1]

    def _look(self, _wanted: str) -> bool:
        self.looks.append(time.monotonic())
        return self.plugged.is_set()


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Socket:
    return Socket(monkeypatch)


def until(done: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def newest(rig: Rig, frames: int = 480) -> np.ndarray:
    """What the engine reads next, after having left out what is older."""
    ring = rig.input_ring
    ring.skip(ring.fill)
    until(lambda: ring.fill >= frames)
    out = np.zeros((frames, 1), np.float32)
    ring.read_into(out)
    return out[:, 0]


def test_an_input_with_a_clock_of_its_own_is_opened_beside_the_output(rig: Rig, socket: Socket) -> None:
    running = InProcess(rig, "null", input="mic", input_first_channel=2, input_channels=2)
    assert running.next()["state"] == "null"
    said = running.next()
    assert (said["type"], said["state"], said["name"]) == ("input", "running", "Microphone (test)")
    assert said["latency_ms"] == 20.0
    assert socket.asked == [InputRequest("mic", 256, 2, 2)]
    until(lambda: rig.input_ring.written > 9600)
    assert np.allclose(newest(rig), 0.5)
    assert rig.input_ring.count(Count.INPUT_STATE) == DeviceState.PLAYING
    assert rig.input_ring.gauge(Gauge.INPUT_LATENCY_S) == 0.02
    assert rig.input_ring.gauge(Gauge.INPUT_RATE_HZ) == 48000
    running.quit()
    assert not running.errors


def test_a_lost_input_is_silence_and_the_output_goes_on_until_it_is_found_again(rig: Rig, socket: Socket) -> None:
    rig.produce()
    running = InProcess(rig, "null", input="mic")
    assert [running.next()["state"] for _ in range(2)] == ["null", "running"]
    until(lambda: rig.input_ring.written > 9600)
    socket.unplug()
    lost = running.next()
    assert (lost["type"], lost["state"]) == ("input", "lost")
    assert "comes back by itself" in lost["messages"][0]
    assert not newest(rig, 4800)[-480:].any()
    assert rig.input_ring.count(Count.INPUT_STATE) == DeviceState.LOST
    read = rig.ring.read
    until(lambda: rig.ring.read > read + 4800 and len(socket.looks) >= 3)
    assert min(np.diff(socket.looks)) >= 0.1
    socket.plugged.set()
    assert (found := running.next())["state"] == "running" and found["type"] == "input"
    sound = newest(rig, 9600)
    assert np.abs(np.diff(sound)).max() <= 0.5 * np.pi / (2 * 240), "it returns with a fade"
    assert np.allclose(sound[-480:], 0.5)
    running.quit()
    assert not running.errors


def test_an_input_that_does_not_exist_is_refused_at_the_very_first_start(rig: Rig, socket: Socket) -> None:
    socket.plugged.clear()
    running = InProcess(rig, "null", input="nobody's")
    running.thread.join(PATIENCE_S)
    assert isinstance(running.errors[0], DeviceError)


def test_after_a_restart_a_missing_input_is_waited_for_instead(rig: Rig, socket: Socket) -> None:
    rig.ring.publish(Count.CALLBACKS, 1000)
    socket.plugged.clear()
    running = InProcess(rig, "null", input="mic")
    assert running.next()["state"] == "null"
    assert "looked for once a second" in running.next()["messages"][0]
    socket.plugged.set()
    assert running.next()["state"] == "running"
    running.quit()


def test_what_only_a_fresh_process_can_open_gets_one_and_only_one(rig: Rig, socket: Socket) -> None:
    """A device that was plugged in again may be another one for PortAudio, which looks around only when it starts."""
    rig.produce()
    running = InProcess(rig, "null", input="mic")
    assert [running.next()["state"] for _ in range(2)] == ["null", "running"]
    socket.openable = False
    socket.unplug()
    assert running.next()["state"] == "lost"
    until(lambda: len(socket.looks) >= 2)
    socket.plugged.set()
    assert "starts anew" in running.next()["messages"][0]
    running.thread.join(PATIENCE_S)
    assert isinstance(running.errors[0], DeviceLost)
    again = InProcess(rig, "null", input="mic")  # as the supervisor does; something else holds the device now
    assert [again.next()["state"] for _ in range(2)] == ["null", "lost"]
    looks = len(socket.looks)
    until(lambda: len(socket.looks) >= looks + 3)
    assert again.thread.is_alive(), "an input that is there but refuses does not stop the sound again and again"
    socket.openable = True
    assert again.next()["state"] == "running"
    again.quit()


def test_null_is_silence_that_keeps_in_step(rig: Rig) -> None:
    rig.produce()
    running = InProcess(rig, "null", input="null")
    assert running.next()["state"] == "null"
    said = running.next()
    assert (said["type"], said["state"], said["name"]) == ("input", "null", "null")
    until(lambda: rig.ring.read > 9600)
    running.quit()
    asked = rig.ring.count(Count.CALLBACKS) * 256
    assert rig.input_ring.written == asked >= rig.ring.read
    out = np.ones((rig.input_ring.fill, 1), np.float32)
    rig.input_ring.read_into(out)
    assert not out.any()


def test_while_the_output_is_missing_the_input_waits_too(
    rig: Rig, socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for the output starts PortAudio anew, which would end an input that is open."""

    def nothing(*_: object) -> None:
        raise DeviceError("this machine has no audio output", fix="connect one")

    monkeypatch.setattr(portaudio, "PortAudioOutput", nothing)
    monkeypatch.setattr(portaudio, "available", lambda _request: False)
    running = InProcess(rig, None, input="mic")
    assert running.next()["state"] == "null"
    waiting = running.next()
    assert waiting["state"] == "lost" and "waits for the output" in waiting["messages"][0]
    until(lambda: rig.input_ring.written > 4800)
    assert not socket.asked
    running.quit()
