"""Things die in the middle of a performance, and it goes on: engine, device, bridge, server, everything."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill_live.control.client import OscClient
from distill_live.models.playable import Playable
from tests.e2e.playing import Playing, after, free_port, pid_of, playing, state
from tests.jackserver import Recording, jack_server, needs_jack

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def sounding(play: Playing, seen: int) -> None:
    """Until the output has moved on by half a second of sound behind ``seen``."""
    first = after(play, seen, lambda r: r.get("type") == "status")["output_frame"]
    after(play, seen, lambda r: r.get("type") == "status" and r["output_frame"] > first + 24000)


def set_up(client: OscClient) -> dict[str, Any]:
    """A state that differs from how a performance begins."""
    client.set("temperature", 0.5)
    client.set("fx.reverb.mix", 0.25)
    client.set("level.1.mute", True)
    client.set("level.2.hold", True)
    client.send("bank/grab", "7", 0.5)
    client.send("bank/load", "9", client.bank().sounds[0])  # the model's own, in another place
    client.swap(0, 7)
    client.set("engine.lead", 600)
    client.sync(1)
    time.sleep(1.2)  # twice a second the engine says how it stands
    names = ("temperature", "fx.reverb.mix", "level.1.mute", "level.2.hold", "level.0.swap", "engine.lead")
    return {name: client.get(name) for name in names} | {"slots": client.bank().slots}


def assert_as_before(client: OscClient, before: dict[str, Any]) -> None:
    client.sync(2, timeout_s=10)
    now = {name: client.get(name) for name in before if name != "slots"} | {"slots": client.bank().slots}
    assert now == before


@needs_jack
def test_an_engine_that_is_killed_fades_out_and_comes_back_where_it_was(model: Playable, tmp_path: Path) -> None:
    pytest.importorskip("jack")
    port = free_port()
    with jack_server(period=256) as server:
        recording = Recording(server, 40.0)
        arguments = [str(model.path), "--device", "system", "--osc-port", str(port), "--no-midi", "--seed", "3"]
        try:
            with playing(*arguments, environment=server.environment) as play, OscClient(port=port) as client:
                play.state("sounding")
                recording.connect("distill-live:out_")
                before = set_up(client)
                seen, killed_at = len(play.records), recording.frames
                os.kill(pid_of(play, "engine"), signal.SIGKILL)
                after(play, seen, state("relaunch"))
                after(play, seen, state("playing"))
                sounding(play, seen)
                assert_as_before(client, before)
                assert client.status().state == "playing"
                play.process.send_signal(signal.SIGINT)
                assert play.end() == 0
        finally:
            recording.close()
    sound = recording.samples[0, : recording.frames].astype(np.float64)
    usual, around = steps(sound[killed_at - 48000 : killed_at]), steps(sound[killed_at : killed_at + 48000 * 6])
    assert not sound[killed_at + 9600 : killed_at + 14400].any(), "silent while nobody plays"
    assert np.abs(sound[killed_at + 14400 :]).max() > 0.001, "and back"
    assert around.max() <= 1.5 * usual.max(), "without a step on the way out or in"


def steps(sound: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(sound))


def test_a_bridge_that_is_killed_comes_back_on_its_port_while_the_sound_goes_on(model: Playable) -> None:
    port = free_port()
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi"]
    with playing(*arguments) as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            client.set("temperature", 0.5)
            client.sync(1)
        seen = len(play.records)
        os.kill(pid_of(play, "bridge"), signal.SIGKILL)
        assert after(play, seen, state("ready"))["osc_port"] == port
        sounding(play, seen)
        with OscClient(port=port) as client:
            client.sync(2, timeout_s=10)
            assert client.get("temperature") == pytest.approx(0.5), "the engine has told it again"
            client.set("topk", 4)
            client.sync(3)
            assert client.get("topk") == 4 and client.status().xruns == 0
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0


def test_a_device_process_that_is_killed_comes_back(model: Playable) -> None:
    port = free_port()
    with playing(str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi") as play:
        play.state("sounding")
        seen = len(play.records)
        os.kill(pid_of(play, "device"), signal.SIGKILL)
        after(play, seen, state("device"))
        sounding(play, seen)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0


def test_a_loader_that_is_killed_comes_back_and_what_was_asked_of_it_is_refused(model: Playable) -> None:
    port = free_port()
    with playing(str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi") as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            seen, loader = len(play.records), pid_of(play, "loader")
            os.kill(loader, signal.SIGSTOP)
            client.send("bank/load", "9", "something")
            time.sleep(0.3)
            os.kill(loader, signal.SIGKILL)
            after(play, seen, lambda r: r.get("state") == "process" and r.get("name") == "loader")
            client.sync(1, timeout_s=20)
            assert any("something" in str(call.args) for call in client.take() if call.address.endswith("/error"))


def test_an_engine_that_stood_still_for_a_second_is_one_underrun_and_then_plays_on(model: Playable) -> None:
    port = free_port()
    with playing(str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi") as play:
        play.state("sounding")
        engine = pid_of(play, "engine")
        os.kill(engine, signal.SIGSTOP)
        time.sleep(1.0)
        seen = len(play.records)
        os.kill(engine, signal.SIGCONT)
        sounding(play, seen)
        with OscClient(port=port) as client:
            status = client.status()
            assert status.xruns >= 1 and status.state == "playing"
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0


def test_after_a_crash_of_everything_the_last_state_is_offered_and_resumed(
    model: Playable, own_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    arguments = ["--device", "null", "--osc-port", str(port), "--no-midi"]
    with playing(str(model.path), *arguments) as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            before = set_up(client)
        time.sleep(2.5)  # every two seconds it is written down
        pids = [pid_of(play, name) for name in ("engine", "device", "bridge", "loader")]
        for pid in (play.process.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        play.process.wait()
    with playing(str(model.path), *arguments) as play:  # somebody plays something else first
        play.state("sounding")
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    with playing(*arguments, "--resume") as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            assert_as_before(client, before)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    assert not list(own_home.glob("last-state*")), "a performance that ended well is not offered"


def test_a_last_state_that_cannot_be_read_is_one_sentence_and_play_without_it_works(
    model: Playable, own_home: Path
) -> None:
    own_home.mkdir(parents=True, exist_ok=True)
    (own_home / "last-state.json").write_text('{"format": "distill-live/last-state/1", "standing": {}}')
    with playing(str(model.path), "--device", "null", "--no-midi", "--resume") as play:
        assert play.end() == 1
        assert len(play.errors) == 1 and "cannot be read" in play.errors[0]


def test_an_engine_that_dies_again_and_again_is_given_up_with_a_sentence(model: Playable) -> None:
    with playing(str(model.path), "--device", "null", "--no-midi") as play:
        play.state("sounding")
        for times in range(3):
            seen = len(play.records)
            os.kill(pid_of(play, "engine"), signal.SIGKILL)
            if times < 2:
                after(play, seen, state("playing"))
        assert play.end() == 1
        assert any("the engine ends again and again" in line for line in play.errors)


def test_a_lead_that_is_set_below_what_the_device_likes_to_wait_for_sounds(model: Playable) -> None:
    arguments = ("--device", "null", "--no-midi", "--set", "engine.lead=512", "--seconds", "2")
    with playing(str(model.path), *arguments) as play:
        play.state("sounding")
        assert play.end() == 0


def test_an_engine_that_never_starts_is_given_up_with_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.distill"
    broken.write_bytes(b"no model")
    with playing(str(broken), "--device", "null", "--no-midi") as play:
        assert play.end() == 1
        assert any("broken.distill" in line for line in play.errors)


@needs_jack
def test_a_server_that_stops_and_starts_again_is_played_to_again(model: Playable) -> None:
    port = free_port()
    with jack_server(period=256) as server:
        arguments = [str(model.path), "--device", "system", "--osc-port", str(port), "--no-midi"]
        with playing(*arguments, environment=server.environment) as play:
            play.state("sounding")
            seen = len(play.records)
            server.kill()
            after(play, seen, lambda r: r.get("state") == "device" and r.get("device_state") == "null")
            sounding(play, seen)
            seen = len(play.records)
            with jack_server(period=256, name=server.name):
                after(play, seen, lambda r: r.get("state") == "device" and r.get("device_state") == "running")
                sounding(play, seen)
                with OscClient(port=port) as client:
                    assert client.status().state == "playing"
                play.process.send_signal(signal.SIGINT)
                assert play.end() == 0
