"""The device process on real JACK servers: any rate, any period, eight channels, and what comes in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.ring import Count, Gauge
from tests.engine.rig import LEAD, SCALE, Rig, stereo_sine
from tests.jackrecorder import record
from tests.jackserver import Playback, jack_server, needs_jack

pytestmark = [pytest.mark.e2e, needs_jack]

OUT = "distill-live:out_"
FREQUENCY_HZ, LEVEL = 997.0, 0.5
PIECE = 2048


@pytest.fixture
def rig() -> Iterator[Rig]:
    pytest.importorskip("jack")
    rig = Rig()
    yield rig
    rig.close()


def sine_figures(sound: np.ndarray, rate: int) -> tuple[float, float, np.ndarray]:
    """Frequency in Hz and amplitude where nothing disturbs it (``nan`` if nowhere); which pieces are undisturbed.

    A piece of ``PIECE`` frames is disturbed when what is left beside a sine is less than 90 dB below it.
    """
    t = np.arange(PIECE) / rate
    basis = np.stack([np.sin(2 * np.pi * FREQUENCY_HZ * t), np.cos(2 * np.pi * FREQUENCY_HZ * t)], axis=1)
    phases, amplitudes, clean = [], [], []
    for start in range(0, len(sound) - PIECE + 1, PIECE):
        piece = sound[start : start + PIECE].astype(np.float64)
        weights = np.linalg.lstsq(basis, piece, rcond=None)[0]
        wave = basis @ weights
        clean.append(10 * np.log10(wave.var() / max((piece - wave).var(), 1e-30)) >= 90)
        amplitudes.append(float(np.hypot(*weights)))
        phases.append(np.arctan2(weights[1], weights[0]) - 2 * np.pi * FREQUENCY_HZ * start / rate)
    steps = np.angle(np.exp(1j * np.diff(phases)))  # radians from piece to piece, beside the expected ones
    undisturbed = np.array(clean)
    steps = steps[undisturbed[1:] & undisturbed[:-1]]
    if not steps.size:
        return float("nan"), float("nan"), undisturbed
    frequency = FREQUENCY_HZ + float(np.median(steps)) / (2 * np.pi) * rate / PIECE
    return frequency, float(np.median(np.array(amplitudes)[undisturbed])), undisturbed


def is_the_sine(sound: np.ndarray, rate: int, xruns: int) -> bool:
    """Assert that it is; ``False`` if a server that was late again and again has left nothing to compare."""
    frequency, amplitude, undisturbed = sine_figures(sound, rate)
    disturbed = np.sum(~undisturbed)
    assert disturbed <= 4 * xruns, f"{disturbed} of {len(undisturbed)} pieces, {xruns} xruns of the server"
    if np.isnan(frequency):
        return False
    assert frequency == pytest.approx(FREQUENCY_HZ, rel=1e-4)
    assert 20 * np.log10(amplitude / LEVEL) == pytest.approx(0.0, abs=0.1)
    return True


@pytest.mark.parametrize("rate", [44100, 96000])
def test_a_server_at_another_rate_is_played_and_heard_with_good_conversion(rate: int, tmp_path: Path) -> None:
    pytest.importorskip("jack")
    for attempt in range(4):
        with closing(Rig()) as rig:
            recorded, came, xruns = converted_both_ways(rig, rate, tmp_path / str(attempt))
        if all([is_the_sine(recorded, rate, xruns), is_the_sine(came, 48000, xruns)]):
            return
    pytest.skip(f"the server was late {xruns} times in a second, four times over: nothing to compare")


def converted_both_ways(rig: Rig, rate: int, folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """A second of a sine played to and one heard from a server at ``rate``, and how often the server was late."""
    folder.mkdir()
    rig.sound = stereo_sine(FREQUENCY_HZ, LEVEL)
    wave = LEVEL * np.sin(2 * np.pi * FREQUENCY_HZ * np.arange(8 * rate) / rate).astype(np.float32)
    period = 512 if rate > 48000 else 256
    with jack_server(period=period, rate=rate, sync=True) as server:
        rig.start("system", input="system")
        rig.until(lambda: rig.device("running") and rig.input("running"))
        playback = Playback(server, wave[None])
        try:
            playback.connect("distill-live:in_")
            rig.produce()
            rig.until(lambda: rig.ring.read > 9600)
            rig.input_ring.skip(rig.input_ring.fill)
            late = server_was_late(rig)
            recording = record(server, OUT, 1.0, 2, folder)
            came = np.zeros((48000, 1), np.float32)
            rig.until(lambda: rig.input_ring.fill >= len(came))
            xruns = server_was_late(rig) - late + recording.xruns
        finally:
            playback.close()
        rig.supervisor.close()
    assert rig.input_ring.read_into(came) == len(came)
    assert rig.device("running")[0]["sample_rate"] == rate
    assert f"runs at {rate} Hz: the sound is converted, which adds 0.9 ms" in rig.said().replace("0.8 ms", "0.9 ms")
    assert rig.ring.gauge(Gauge.DEVICE_RATE_HZ) == rate
    assert rig.ring.gauge(Gauge.OUTPUT_LATENCY_S) > period / rate
    assert rig.ring.count(Count.UNDERRUNS) == 0
    assert rig.input_ring.count(Count.INPUT_DROPOUTS) == 0
    return recording.samples[0], came[:, 0], xruns


def server_was_late(rig: Rig) -> int:
    return rig.ring.count(Count.SERVER_XRUNS) + rig.input_ring.count(Count.INPUT_XRUNS)


def test_every_period_is_played_sample_for_sample_also_when_it_changes(rig: Rig, tmp_path: Path) -> None:
    rig.produce()
    with jack_server(period=4096, sync=True) as server:
        rig.start("system", lead=512)
        rig.until(lambda: rig.device("running"))
        assert "A period of 4096 frames needs a lead of at least 4352" in rig.said()
        assert "has a period of 4096 frames, not 256" in rig.said()
        for period in (4096, 1024, 128, 64):
            server.lines("jack_bufsize", str(period))
            rig.until(lambda period=period: rig.ring.count(Count.BLOCK_FRAMES) == period)
            rig.until(lambda period=period: rig.ring.count(Count.LEAST_LEAD) == period + 256)
            began = rig.ring.read
            rig.until(lambda began=began: rig.ring.read > began + LEAD)
            underruns, server_xruns = rig.ring.count(Count.UNDERRUNS), rig.ring.count(Count.SERVER_XRUNS)
            recording = record(server, OUT, 0.5, 2, tmp_path)
            xruns = rig.ring.count(Count.SERVER_XRUNS) - server_xruns + recording.xruns
            left = recording.samples[0, np.flatnonzero(recording.samples[0])[0] :]
            numbers = np.rint(left * SCALE).astype(int)
            assert np.array_equal(left, (numbers / SCALE).astype(np.float32))
            assert rig.ring.count(Count.UNDERRUNS) == underruns, f"period {period}"
            assert np.count_nonzero(np.diff(numbers) != 1) <= 2 * xruns, f"period {period}, {xruns} xruns"
        assert rig.device("running")[-1]["block"] == 64
        assert rig.ring.gauge(Gauge.OUTPUT_LATENCY_S) == pytest.approx(64 / 48000, abs=1e-4)  # it waits for us: one


@pytest.mark.parametrize(("settings", "silent"), [({"first_channel": 2}, [0, 1]), ({"spread": True}, [])])
def test_of_eight_channels_the_pair_that_is_asked_for_sounds_or_all(
    rig: Rig, settings: dict, silent: list[int], tmp_path: Path
) -> None:
    rig.produce()
    with jack_server(period=256, playbacks=8, sync=True) as server:
        rig.start("system", **settings)
        rig.until(lambda: rig.ring.read > 9600)
        ports = 8 if settings.get("spread") else 4
        assert server.lines("jack_lsp", "distill-live:out_") == [f"distill-live:out_{n}" for n in range(ports)]
        assert "   distill-live:out_3" in server.lines("jack_lsp", "-c", "system:playback_4")
        sound = record(server, OUT, 0.3, ports, tmp_path).samples
        rig.supervisor.close()
    assert not sound[silent].any()
    for channel in set(range(ports)) - set(silent):
        assert np.array_equal(sound[channel], sound[2 + channel % 2])
    assert sound[2].any() and np.array_equal(sound[3], -sound[2])


def test_what_a_jack_client_plays_arrives_sample_for_sample_in_step_and_again_after_a_kill(rig: Rig) -> None:
    rig.produce()
    numbers = (np.arange(1, 96001) / SCALE).astype(np.float32)
    with jack_server(period=256, sync=True) as server:
        rig.start("system", restart=True, input="system", input_channels=2)
        rig.until(lambda: rig.input("running") and rig.ring.read > 4800)
        assert rig.input("running")[0]["latency_ms"] == pytest.approx(256 / 48, abs=0.1)
        rig.input_ring.skip(rig.input_ring.fill)
        playback = Playback(server, np.stack([numbers, numbers]))
        try:
            playback.connect("distill-live:in_")
            rig.until(lambda: playback.frames > 48000)
        finally:
            playback.close()
        came = np.zeros((rig.input_ring.fill, 1), np.float32)
        rig.input_ring.read_into(came)
        xruns = rig.input_ring.count(Count.INPUT_XRUNS) + rig.ring.count(Count.SERVER_XRUNS)
        sent = came[:, 0][np.flatnonzero(came[:, 0])[0] :]
        counted = np.rint(sent * SCALE).astype(int)
        counted = counted[: np.argmax(counted) + 1]
        assert len(counted) > 40000
        assert np.array_equal(sent[: len(counted)], (counted / SCALE).astype(np.float32))
        assert np.count_nonzero(np.diff(counted) != 1) <= 2 * xruns
        for field in (Count.INPUT_OVERRUN_FRAMES, Count.INPUT_DROPOUTS, Count.INPUT_DROPPED, Count.INPUT_INSERTED):
            assert rig.input_ring.count(field) == 0

        pid = rig.supervisor.pid("device")
        assert pid is not None
        os.kill(pid, 9)
        rig.until(lambda: len(rig.input("running")) == 2)
        written, read = rig.input_ring.written, rig.ring.read
        rig.until(lambda: rig.input_ring.written > written + 4800 and rig.ring.read > read + 4800)
        rig.supervisor.close()


def test_a_server_that_takes_only_the_input_with_it_leaves_the_output_and_is_found_again(rig: Rig) -> None:
    """The output is the null device's: nothing of it belongs to JACK. PortAudio needs a fresh process to find it."""
    rig.produce()
    with jack_server(period=256) as server:
        rig.start("null", restart=True, input="system")
        rig.until(lambda: rig.input("running") and rig.ring.read > 4800)
        pid = rig.supervisor.pid("device")
        server.kill()
        rig.until(lambda: rig.input("lost"))
        read, written = rig.ring.read, rig.input_ring.written
        rig.until(lambda: rig.ring.read > read + 48000)
        assert rig.supervisor.pid("device") == pid, "the output has not stopped"
        assert rig.input_ring.written >= written + 48000 - 8192
        with jack_server(period=256, name=server.name):
            rig.until(lambda: len(rig.input("running")) == 2)
            rig.supervisor.close()
