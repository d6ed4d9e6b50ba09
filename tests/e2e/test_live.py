"""The whole instrument: a real audio server, real OSC and MIDI clients, and the recording as the proof."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.files import read_audio
from distill_live.control.client import OscClient
from distill_live.engine.performance import BLOCK, SWAP
from distill_live.engine.replay import replay
from distill_live.engine.take import start_of
from distill_live.engine.takes import list_takes
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import Take, read_take
from tests.e2e.midi_sender import midi_sender
from tests.e2e.playing import free_port, oscsend, playing
from tests.jackserver import Recording, jack_server, needs_jack
from tests.patches.pd_client import PD, run_pd

ROOT = Path(__file__).parents[2]
MAP = ROOT / "patches" / "midi" / "generic-cc.toml"
SECONDS = 60.0  # at most; a busy machine takes its time

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("own_home", "live_numbers")]
needs_pd = pytest.mark.skipif(PD is None, reason="puredata-core is not installed")
needs_oscsend = pytest.mark.skipif(shutil.which("oscsend") is None, reason="liblo-tools is not installed")


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def changed_by(model: Playable, take: Take, event: ControlEvent) -> tuple[int, np.ndarray]:
    """Where the take without one event first differs from it (samples after the event's frame, -1 for nowhere), and
    the take itself, from the event to the next one by a hand; what the engine decided meanwhile happens to both."""
    assert not take.assets
    later = [e.frame for e in take.events if e.frame > event.frame and e.source != "engine"]
    blocks = (min([*later, event.frame + 60 * BLOCK]) - event.frame) // BLOCK
    performance = start_of(take).performance(model)
    pending = list(take.events)
    while performance.frame < event.frame:
        while pending and pending[0].frame <= performance.frame:
            performance.apply(pending.pop(0))
        performance.render_block()
    without = performance.fork()
    both = []
    for _ in range(blocks):
        while pending and pending[0].frame <= performance.frame:
            e = pending.pop(0)
            performance.apply(e)
            if e is not event:
                without.apply(e)
        both.append((performance.render_block(), without.render_block()))
    with_it, without_it = (np.concatenate(one, axis=1) for one in zip(*both, strict=True))
    differs = np.flatnonzero((with_it != without_it).any(axis=0))
    return (int(differs[0]) if len(differs) else -1), with_it


@needs_jack
@needs_oscsend
def test_osc_and_midi_change_the_recorded_sound_at_the_logged_frames(model: Playable, tmp_path: Path) -> None:
    pytest.importorskip("jack")
    wav, log = tmp_path / "take.wav", tmp_path / "take.jsonl"
    port = free_port()
    with jack_server(period=256, sync=True) as server:
        recording = Recording(server, SECONDS)
        arguments = [str(model.path), "--device", "system", "--lead", "4096"]
        arguments += ["--osc-port", str(port), "--map", str(MAP), "--record", str(wav), "--log", str(log)]
        try:
            with ExitStack() as stack:
                play = stack.enter_context(playing(*arguments, "--seed", "7", environment=server.environment))
                play.state("sounding")
                recording.connect("distill-live:out_")
                midi = stack.enter_context(midi_sender())
                oscsend(port, "/distill/temperature", "f", 0.3)
                time.sleep(0.6)
                oscsend(port, "/distill/swap", "ssf", "Structure", "2", 1.0)
                time.sleep(0.6)
                oscsend(port, "/distill/level/Timbre/swap", "s", "3")
                time.sleep(0.6)
                oscsend(port, "/distill/temperature", "f", 1.6)
                time.sleep(0.6)
                oscsend(port, "/distill/topk", "i", 1)
                time.sleep(0.6)
                oscsend(port, "/distill/topk", "i", 0)
                time.sleep(0.5)
                midi.send(0xB0, 16, 10)  # temperature
                time.sleep(0.5)
                midi.send(0x90, 39, 100)  # pad 4: the coarsest level from slot 4
                time.sleep(0.5)
                midi.send(0x80, 39, 0)
                time.sleep(0.3)
                play.process.send_signal(signal.SIGINT)
                assert play.end() == 0
                finished = play.state("finished")
        finally:
            recording.close()
    take = read_take(log)
    played = read_audio(wav, None).samples
    rendered = np.concatenate(list(replay(model, take)), axis=1)
    assert take.frames == played.shape[1] and np.array_equal(rendered, played), "a replay is the recording, bit for bit"

    found = [(e.address, e.args, e.source) for e in take.events]
    assert ("/distill/temperature", (pytest.approx(0.3),), "osc") in found
    assert (SWAP, (0, "2", 1.0), "osc") in found
    assert ("/distill/topk", (1,), "osc") in found
    sources = {e.source for e in take.events}
    assert {"osc", "midi"} <= sources
    for event in take.events:
        if event.source == "engine" or (event.address == "/distill/topk" and event.args == (0,)):
            continue
        first, with_it = changed_by(model, take, event)
        assert first >= 0, f"{event} changed nothing"
        most = BLOCK + 200 if "swap" in event.address or "level" in event.address else 60 * BLOCK
        assert first < most, f"{event} was heard only after {first} samples"
        end = min(played.shape[1], event.frame + with_it.shape[1])
        assert np.array_equal(played[:, event.frame : end], with_it[:, : end - event.frame])

    if finished["underruns"] == 0 and recording.xruns == 0:
        assert_contains(recording.samples[:, : recording.frames], played)


def assert_contains(recorded: np.ndarray, played: np.ndarray) -> None:
    """The device's port carried the very samples that the engine rendered (after the fade-in)."""
    piece = played[0, 96000:100800]
    lag = int(np.argmax(np.correlate(recorded[0], piece, mode="valid")))
    stretch = played[:, 96000:336000]
    device = recorded[:, lag : lag + stretch.shape[1]]
    assert np.array_equal(device, stretch[:, : device.shape[1]])


@needs_oscsend
def test_hands_and_noise_on_a_live_engine_with_no_device(model: Playable, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "take.jsonl"
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--log", str(log), "--no-midi"]
    with playing(*arguments, "--input", "null", "--input-channel", "1-2") as play:
        play.state("sounding")
        assert play.state("input")["input_state"] == "null"
        with OscClient(port=port) as client:
            client.set("temperature", 5.0)
            client.sync(1)
            assert client.get("temperature") == 2.0, "out of range is clamped"
            client.set("temperature", float("nan"))
            client.set("temperature", 0.7)
            client.sync(2)
            rng = np.random.default_rng(0)
            for _ in range(10_000):
                client.send_bytes(rng.bytes(int(rng.integers(0, 64))))
            client.sync(3, timeout_s=20)
            assert client.get("temperature") == pytest.approx(0.7)
            status = client.status()
            assert status.state == "playing" and status.xruns == 0
            assert client.query("level/list")[: model.levels] == model.level_names
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    take = read_take(log)
    by_hand = [e.args for e in take.events if e.source == "osc"]
    assert by_hand == [(2.0,), (pytest.approx(0.7),)] and take.frames
    assert any(e.source == "input" for e in take.events), "the engine hears the silence of --input null"


def test_a_swap_with_a_file_from_the_library_is_in_the_log_and_replays(
    model: Playable, tmp_path: Path, own_home: Path
) -> None:
    from distill_live.audio.files import write_audio

    sounds = own_home / "sounds"
    sounds.mkdir(parents=True)
    noise = np.random.default_rng(1).standard_normal((1, 48000)).astype(np.float32) * 0.1
    write_audio(sounds / "hiss.wav", noise)
    port, log, wav = free_port(), tmp_path / "t.jsonl", tmp_path / "t.wav"
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi"]
    with playing(*arguments, "--log", str(log), "--record", str(wav)) as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            client.send("bank/load", "9", "hiss")
            client.sync(1, timeout_s=40)
            client.swap(0, 9)
            client.sync(2)
            assert client.bank().slots[8] == "hiss"
            client.send("bank/load", "9", "../../etc/passwd")
            client.send("bank/load", "9", "nothing like that")
            client.sync(3, timeout_s=40)
            texts = [c.args for c in client.take() if c.address.endswith("/error")]
            assert len(texts) == 2
            time.sleep(0.3)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    take = read_take(log)
    assert len(take.assets) == 1
    again = np.concatenate(list(replay(model, take)), axis=1)
    assert np.array_equal(again, read_audio(wav, None).samples)


@needs_pd
def test_headless_pd_plays_a_live_engine(model: Playable, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "take.jsonl"
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi", "--log", str(log)]
    with playing(*arguments) as play:
        play.state("sounding")
        messages = [
            (0.2, "/distill/temperature 0.5"),
            (0.5, "/distill/swap Structure 2 1"),
            (0.8, "/distill/topk 3"),
            (1.2, "/distill/sync 7"),
        ]
        pd = run_pd(messages, port, seconds=2.0)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    assert not pd.errors and any("synced 7" in reply for reply in pd.replies), pd
    found = [(e.address, e.args) for e in read_take(log).events if e.source != "engine"]
    assert found == [("/distill/temperature", (0.5,)), (SWAP, (0, "2", 1.0)), ("/distill/topk", (3,))]


def test_a_recording_started_by_a_message_is_a_take_in_the_library_that_replays_bit_for_bit(
    model: Playable, own_home: Path
) -> None:
    port = free_port()
    with playing(str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi") as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            client.send("transport/record")
            client.sync(1)
            time.sleep(0.4)
            client.set("temperature", 0.3)
            client.sync(2)
            time.sleep(0.6)
            client.send("transport/record")
            client.sync(3)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    (folder,) = (own_home / "takes").iterdir()
    take = read_take(folder / "take.jsonl")
    by_hand = [e.address.rsplit("/", 1)[1] for e in take.events if e.source == "osc"]
    assert by_hand == ["record", "temperature", "record"]
    (recorded,) = take.recordings
    assert recorded.frames is not None and recorded.frames > 24000 and not recorded.problem
    sound = read_audio(folder / recorded.wet, None).samples
    again = np.concatenate(list(replay(model, take)), axis=1)
    assert np.array_equal(sound, again[:, recorded.frame : recorded.frame + recorded.frames])
    assert np.abs(sound).max() > 0
    dry = read_audio(folder / (recorded.dry or ""), None).samples
    assert dry.shape == (1, recorded.frames) and np.abs(dry).max() > 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_an_engine_that_is_killed_while_recording_leaves_a_take_that_replays_to_the_bits_of_its_file(
    model: Playable, own_home: Path
) -> None:
    port = free_port()
    with playing(str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi") as play:
        play.state("sounding")
        (log,) = (own_home / "takes").glob("*/take.jsonl")
        with OscClient(port=port) as client:
            client.send("transport/record")
            client.set("topk", 2)
            client.sync(1)
            time.sleep(1.3)
        os.kill(process_that_writes(log), signal.SIGKILL)
        play.state("relaunch")
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    (line,) = [line for line in list_takes() if line.log == log]
    assert line.state == "cut off" and line.take is not None
    (recorded,) = line.take.recordings
    assert recorded.frames is not None and recorded.frames >= 48000
    again = np.concatenate(list(replay(model, line.take)), axis=1)
    stretch = again[:, recorded.frame : recorded.frame + recorded.frames]
    assert np.array_equal(read_audio(log.parent / recorded.wet, None).samples, stretch)


def process_that_writes(log: Path) -> int:
    """The engine, seen from outside: whoever has the log open."""
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # processes come and go
            if handle.readlink() == log:
                return int(handle.parts[2])
    raise AssertionError(f"nobody writes {log}")


def test_a_session_in_which_nothing_was_recorded_leaves_nothing_in_the_library(model: Playable, own_home: Path) -> None:
    arguments = [str(model.path), "--device", "null", "--osc-port", str(free_port()), "--no-midi", "--seconds", "0.5"]
    with playing(*arguments) as play:
        assert play.end() == 0
    assert list((own_home / "takes").iterdir()) == []


def test_a_disk_that_fills_while_recording_stops_the_file_not_the_sound(model: Playable, tmp_path: Path) -> None:
    port, wav = free_port(), tmp_path / "take.wav"
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi", "--record", str(wav)]
    with playing(*arguments, most_file_kb=1024) as play:
        play.state("sounding")
        play.until(lambda r: r.get("type") == "message" and "take.wav" in r.get("text", ""))
        with OscClient(port=port) as client:
            deadline = time.monotonic() + 10.0  # five times a second the engine says how it is
            while client.status().state != "playing" and time.monotonic() < deadline:
                time.sleep(0.05)
            assert client.status().state == "playing"
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    written = read_audio(wav, None).samples.shape[1]
    assert 100_000 < written <= 131_072, "what was written so far is a valid file"


def test_a_taken_port_moves_up_and_strict_refuses(model: Playable) -> None:
    port = free_port()
    arguments = [str(model.path), "--device", "null", "--no-midi", "--osc-port", str(port)]
    with playing(*arguments) as first:
        assert first.state("ready")["osc_port"] == port
        with playing(*arguments) as second:
            assert second.state("ready")["osc_port"] == port + 10
            second.until(lambda r: r.get("type") == "message" and str(port) in r.get("text", ""))
        with playing(*arguments, "--strict-port") as third:
            assert third.end() != 0
            assert any(str(port) in line for line in third.errors)


def test_a_midi_port_that_does_not_exist_is_refused_and_the_ports_are_listed(model: Playable) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "distill_live",
            "play",
            str(model.path),
            "--device",
            "null",
            "--midi-in",
            "no such port",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0 and "no such port" in done.stderr and len(done.stderr.strip().splitlines()) == 1


@needs_jack
def test_an_audio_device_that_does_not_exist_is_refused_and_the_devices_are_listed(model: Playable) -> None:
    with jack_server(realtime=False):
        done = subprocess.run(
            [sys.executable, "-m", "distill_live", "play", str(model.path), "--device", "no such device", "--no-midi"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode != 0 and "no such device" in done.stderr and "system" in done.stderr, done.stderr


def test_without_any_device_it_plays_to_the_null_device_and_says_so(
    model: Playable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    with playing(str(model.path), "--no-midi", "--osc-port", str(free_port())) as play:
        record = play.state("device")
        if record["name"] != "null":
            pytest.skip("this machine has an audio device")
        play.state("sounding")
        play.until(lambda r: r.get("type") == "message" and "sound goes nowhere" in r.get("text", ""))


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95" + b"x" * 99, b"PK\x03\x04" + b"\0" * 99, b"\xff" * 4096])
def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.distill"
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "distill_live", "render", str(path), "--seconds", "1", "--out", str(tmp_path / "o.wav")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "bad.distill" in done.stderr
    assert not (tmp_path / "o.wav").exists()


def test_rendering_twice_gives_the_same_bits(model: Playable, tmp_path: Path) -> None:
    files = []
    for name in ("a.wav", "b.wav"):
        command = [sys.executable, "-m", "distill_live", "render", str(model.path), "--seconds", "3", "--seed", "7"]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True, timeout=60)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
