"""The device process, whole: null device, real JACK server, and what happens when things go away."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from distill_live.audio.ring import Count, DeviceState, Gauge, SharedRing
from distill_live.engine import device as device_module
from distill_live.engine import portaudio
from distill_live.engine.device import DeviceLost, DeviceProcess, DeviceSettings, run_device
from distill_live.engine.devices import list_devices
from distill_live.engine.nulldevice import NullOutput
from distill_live.engine.player import RingPlayer
from distill_live.engine.supervisor import ChildSpec, Supervisor
from distill_live.errors import DeviceError
from distill_live.link import Link, Message, link_pair
from tests.jackserver import Recording, jack_server, needs_jack

PATIENCE_S = 30.0
LEAD = 4096
SCALE = 1 << 20  # a float32 holds every whole number up to here divided by it: each sample says which one it is


class Rig:
    """A device process under a supervisor, and a thread that fills its ring with numbered samples."""

    def __init__(self) -> None:
        self.ring = SharedRing.create(16384, 2)
        self.heard: list[Message] = []
        self.supervisor = Supervisor(lambda _name, message: self.heard.append(message))
        self._quit = threading.Event()
        self._producer = threading.Thread(target=self._produce, daemon=True)

    def start(self, device: str | None, restart: bool = False) -> None:
        settings = DeviceSettings(self.ring.name, device, block=256)
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

    def close(self) -> None:
        self.supervisor.close()
        self._quit.set()
        if self._producer.is_alive():
            self._producer.join()
        self.ring.close()
        self.ring.unlink()

    def _produce(self) -> None:
        self.ring.publish(Count.PRODUCING, 1)
        while not self._quit.is_set():
            while self.ring.fill < LEAD:
                self.ring.write(numbered(self.ring.written, 512))
            time.sleep(0.005)


def numbered(start: int, frames: int) -> np.ndarray:
    """Samples that say which one they are: ``n / SCALE`` on the left, ``-n / SCALE`` on the right."""
    left = (np.arange(start, start + frames) % SCALE / SCALE).astype(np.float32)
    return np.stack([left, -left], axis=1)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def test_the_device_process_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'textual', 'click', 'mido', 'pythonosc', 'soundfile', 'scipy'}"
    code = f"import sys, distill_live.engine.device; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_the_null_device_plays_says_so_fades_and_ends(rig: Rig) -> None:
    rig.produce()
    rig.start("null")
    rig.until(lambda: rig.ring.read > 4800)
    assert rig.device("null")[0]["name"] == "null"
    assert rig.device("null")[0]["latency_ms"] == pytest.approx(256 / 48, abs=0.01)
    assert rig.device("null")[0]["sample_rate"] == 48000
    assert any("priority" in sentence for sentence in rig.device("null")[0]["messages"])
    assert rig.ring.count(Count.BLOCK_FRAMES) == 256
    rig.supervisor.send("device", {"type": "fade_out"})
    rig.until(lambda: {"type": "faded"} in rig.heard)
    read = rig.ring.read
    rig.supervisor.send("device", {"type": "fade_in"})
    rig.until(lambda: rig.ring.read > read + 4800)
    rig.supervisor.send("device", {"type": "quit"})
    rig.until(lambda: rig.heard[-1].get("state") == "ended")
    assert rig.heard[-1]["exit_code"] == 0


def test_an_output_that_does_not_exist_is_refused_for_good_with_what_there_is(rig: Rig) -> None:
    rig.start("a device nobody has", restart=True)
    rig.until(lambda: rig.heard[-1].get("state") == "ended")
    fatal = next(m for m in rig.heard if m["type"] == "fatal")
    assert fatal["exit_code"] == 1
    assert "no audio output" in fatal["text"]
    assert rig.heard[-1]["restart_in_s"] is None


def test_without_any_output_it_plays_to_the_null_device_and_says_what_to_do(rig: Rig) -> None:
    if list_devices():
        pytest.skip("this machine has an audio output")
    rig.start(None)
    rig.until(lambda: rig.device("null"))
    assert any("connect one" in sentence for sentence in rig.device("null")[0]["messages"])


def test_a_killed_device_process_comes_back_and_goes_on_where_it_was(rig: Rig) -> None:
    rig.produce()
    rig.start("null", restart=True)
    rig.until(lambda: rig.ring.read > 4800)
    pid = rig.supervisor.pid("device")
    assert pid is not None
    os.kill(pid, 9)
    read = rig.ring.read
    rig.until(lambda: len(rig.device("null")) == 2)
    rig.until(lambda: rig.ring.read > read + 4800)
    assert rig.supervisor.pid("device") != pid


class Speakers:
    """Stands in for a real output: the null one's clock under another name."""

    def __init__(self, player: RingPlayer) -> None:
        self.name, self.sample_rate, self.latency_s = "Speakers (test)", 48000, 0.01
        self._clock = NullOutput(player, 256, 48000)
        self.start, self.alive, self.stop = self._clock.start, self._clock.alive, self._clock.stop


class InProcess:
    """The device process's main loop in a thread of this process, with stand-ins for PortAudio."""

    def __init__(self, ring: SharedRing, device: str | None) -> None:
        ours, theirs = link_pair()
        self.link = Link(ours)
        self.process = DeviceProcess(DeviceSettings(ring.name, device), ring, Link(theirs))
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


def test_a_server_that_hangs_is_waited_for_beside_the_null_device(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a stream on a stopped JACK server never returned, and neither did the device process."""
    awake = threading.Event()

    def open_slowly(player: RingPlayer, *_: object) -> Speakers:
        assert awake.wait(PATIENCE_S)
        return Speakers(player)

    monkeypatch.setattr(device_module, "_OPEN_PATIENCE_S", 0.05)
    monkeypatch.setattr(portaudio, "PortAudioOutput", open_slowly)
    running = InProcess(rig.ring, None)
    said = running.next()
    assert said["state"] == "null"
    assert "does not answer" in said["messages"][0]
    awake.set()
    assert running.next()["state"] == "running"
    running.quit()
    assert not running.errors


def test_a_device_that_appears_is_taken_and_one_that_stays_away_is_looked_for_once_a_second(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, looks = threading.Event(), []

    def open_output(player: RingPlayer, *_: object) -> Speakers:
        if not there.is_set():
            raise DeviceError("this machine has no audio output", fix="connect one")
        return Speakers(player)

    def look(*_: object) -> bool:
        looks.append(time.monotonic())
        return there.is_set()

    monkeypatch.setattr(device_module, "_LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr(portaudio, "PortAudioOutput", open_output)
    monkeypatch.setattr(portaudio, "available", look)
    rig.produce()
    running = InProcess(rig.ring, None)
    assert running.next()["state"] == "null"
    while len(looks) < 3:
        time.sleep(0.01)
    there.set()
    assert running.next()["name"] == "Speakers (test)"
    assert min(np.diff(looks)) >= 0.1
    read = rig.ring.read
    while rig.ring.read < read + 4800:
        time.sleep(0.01)
    running.quit()
    assert not running.errors


def test_an_output_that_ends_by_itself_is_said_to_be_lost(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Speakers] = []

    def open_output(player: RingPlayer, *_: object) -> Speakers:
        opened.append(Speakers(player))
        return opened[0]

    monkeypatch.setattr(portaudio, "PortAudioOutput", open_output)
    running = InProcess(rig.ring, "speakers")
    assert running.next()["state"] == "running"
    opened[0].stop()
    assert running.next()["state"] == "lost"
    running.thread.join(PATIENCE_S)
    assert isinstance(running.errors[0], DeviceLost)
    assert rig.ring.count(Count.DEVICE_STATE) == DeviceState.LOST


@pytest.mark.e2e
@needs_jack
def test_what_jack_records_is_what_was_produced_sample_for_sample(rig: Rig) -> None:
    pytest.importorskip("jack")
    with jack_server(period=256) as server:
        rig.start("system")
        rig.until(lambda: rig.device("running"))
        recording = Recording(server, seconds=3.0)
        try:
            recording.connect("distill-live:out_")
            rig.produce()
            rig.until(lambda: recording.frames + 256 > recording.samples.shape[1])
        finally:
            recording.close()
        rig.supervisor.close()
    left = recording.samples[0, : recording.frames]
    assert np.array_equal(recording.samples[1, : recording.frames], -left)
    numbers = np.rint(left * SCALE).astype(int)[np.flatnonzero(left)[0] + 960 :]  # from the end of the fade-in
    assert len(numbers) > 48000
    assert np.array_equal(left[-len(numbers) :], (numbers / SCALE).astype(np.float32))
    breaks = np.count_nonzero(np.diff(numbers) != 1)
    server_xruns = rig.ring.count(Count.SERVER_XRUNS) + recording.xruns
    assert rig.ring.count(Count.UNDERRUNS) == 0
    assert breaks <= 2 * server_xruns, "a period may be lost or heard twice only when the server itself was late"


@pytest.mark.e2e
@needs_jack
def test_a_server_that_dies_is_left_for_the_null_device_and_found_again(rig: Rig) -> None:
    rig.produce()
    with jack_server(period=256) as server:
        rig.start("system", restart=True)
        rig.until(lambda: rig.device("running") and rig.ring.read > 4800)
        assert rig.ring.gauge(Gauge.OUTPUT_LATENCY_S) > 0
        server.kill()
        rig.until(lambda: rig.device("lost"))
        rig.until(lambda: rig.device("null"))
        assert rig.device("null")[0]["messages"]
        with jack_server(period=256, name=server.name):
            rig.until(lambda: len(rig.device("running")) == 2)
            rig.supervisor.close()
