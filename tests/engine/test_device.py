"""The device process, whole: null device, real JACK server, and what happens when things go away."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from distill_live.audio.ring import Count, DeviceState, Gauge
from distill_live.engine import device as device_module
from distill_live.engine import portaudio
from distill_live.engine.device import DeviceLost
from distill_live.engine.devices import list_devices
from distill_live.engine.player import RingPlayer
from distill_live.errors import DeviceError
from tests.engine.rig import PATIENCE_S, SCALE, InProcess, Rig, Speakers
from tests.jackserver import Recording, jack_server, needs_jack


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
    if list_devices().outputs:
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


def test_a_server_that_hangs_is_waited_for_beside_the_null_device(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a stream on a stopped JACK server never returned, and neither did the device process."""
    awake = threading.Event()

    def open_slowly(player: RingPlayer, *_: object) -> Speakers:
        assert awake.wait(PATIENCE_S)
        return Speakers(player)

    monkeypatch.setattr(device_module, "_OPEN_PATIENCE_S", 0.05)
    monkeypatch.setattr(portaudio, "PortAudioOutput", open_slowly)
    running = InProcess(rig, None)
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
    running = InProcess(rig, None)
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
    running = InProcess(rig, "speakers")
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
    with jack_server(period=256, sync=True) as server:
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
    """With it the input comes and goes, which is silence meanwhile and never falls out of step."""
    rig.produce()
    with jack_server(period=256) as server:
        rig.start("system", restart=True, input="system")
        rig.until(lambda: rig.input("running") and rig.ring.read > 4800)
        assert rig.ring.gauge(Gauge.OUTPUT_LATENCY_S) == pytest.approx(2 * 256 / 48000, abs=1e-4)
        server.kill()
        rig.until(lambda: rig.device("lost"))
        rig.until(lambda: rig.device("null"))
        assert rig.device("null")[0]["messages"]
        rig.until(lambda: rig.input("lost"))
        written, read = rig.input_ring.written, rig.ring.read
        rig.until(lambda: rig.input_ring.written > written + 4800 and rig.ring.read > read + 4800)
        with jack_server(period=256, name=server.name):
            rig.until(lambda: len(rig.input("running")) == 2)
            rig.supervisor.close()
