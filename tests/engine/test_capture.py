"""Live input on its way to the engine: in step with the output, never a step in the sound, nothing lost unsaid."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.resample import RateConverter
from distill_live.audio.ring import Count, LocalRing, SharedRing
from distill_live.engine.capture import MARGIN_FRAMES, InputPath, MonoMix

FADE = 960
LARGEST_STEP = np.pi / (2 * 240)  # of the ramp of a full-scale sample


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(48000, 1)
    yield ring
    ring.close()
    ring.unlink()


def mono(frames: int, level: float = 0.5) -> np.ndarray:
    return np.full((frames, 1), level, np.float32)


def arrived(ring: SharedRing) -> np.ndarray:
    out = np.full((ring.fill, 1), np.nan, np.float32)
    ring.read_into(out)
    return out[:, 0]


def test_one_channel_is_taken_as_it_is_and_of_two_the_mean() -> None:
    block = np.random.default_rng(1).uniform(-1, 1, (256, 4)).astype(np.float32)
    assert np.array_equal(MonoMix(2, 1, 48000)(block)[:, 0], block[:, 2])
    assert np.allclose(MonoMix(2, 2, 48000)(block)[:, 0], block[:, 2:].mean(axis=1), atol=1e-7)


def test_what_is_no_number_is_silence() -> None:
    """Another JACK client may send anything, and one NaN would stay in every echo of the engine."""
    block = np.array([[0.5], [np.nan], [np.inf], [-np.inf], [-0.25]], np.float32)
    assert MonoMix(0, 1, 48000)(block)[:, 0].tolist() == [0.5, 0.0, 0.0, 0.0, -0.25]


def test_an_input_on_the_outputs_clock_comes_out_in_the_same_period_bit_for_bit(ring: SharedRing) -> None:
    path, noise = InputPath(ring), np.random.default_rng(2).uniform(-1, 1, (5120, 1)).astype(np.float32)
    path.begin(same_clock=True)
    for start in range(0, 5120, 256):
        path.take(noise[start : start + 256])
        path.pump(256)
        assert ring.written == start + 256
    sound = arrived(ring)
    assert np.array_equal(sound[FADE:], noise[FADE:, 0])
    assert np.abs(sound[:FADE]).max() < 1.0 and abs(sound[0]) < 1e-4, "it begins with a fade"
    assert path.latency_s == 0.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 700)), min_size=1, max_size=40), st.booleans())
def test_for_every_frame_the_output_takes_one_arrives_whatever_the_input_does(
    periods: list[tuple[int, int]], same_clock: bool
) -> None:
    ring, asked = LocalRing(65536, 1), 0
    path = InputPath(ring)
    path.begin(same_clock)
    for brought, frames in periods:
        path.take(mono(brought))
        path.pump(frames)
        asked += frames
        assert ring.written == asked


@pytest.mark.parametrize("rate", [44100, 96000])
def test_a_stream_at_another_rate_never_runs_dry_although_both_directions_are_converted(
    ring: SharedRing, rate: int
) -> None:
    path, mix, player = InputPath(ring), MonoMix(0, 1, rate), RateConverter(48000, rate, 2, 8192)
    path.begin(same_clock=True, converts=mix.converts)
    t = np.arange(rate) / rate
    wave = (0.5 * np.sin(2 * np.pi * 997 * t)).astype(np.float32)[:, None]
    pieces, asked = [], 0
    for start in range(0, rate - 256, 256):
        path.take(mix(wave[start : start + 256]))
        needed = player.needed(256)
        path.pump(needed)
        player.convert(np.zeros((needed, 2), np.float32), np.zeros((256, 2), np.float32))
        asked += needed
        pieces.append(arrived(ring))
    assert ring.written == asked
    assert ring.count(Count.INPUT_DROPOUTS) == 0
    sound = np.concatenate(pieces)[2000:].astype(float)
    t48 = np.arange(2000, 2000 + len(sound)) / 48000
    basis = np.stack([np.sin(2 * np.pi * 997 * t48), np.cos(2 * np.pi * 997 * t48)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]
    assert 10 * np.log10(fit.var() / (sound - fit).var()) > 100


def test_a_lost_input_falls_to_silence_and_returns_with_a_fade(ring: SharedRing) -> None:
    path = InputPath(ring)
    path.begin(same_clock=False)
    path.heed_period(256)
    for _ in range(20):
        path.take(mono(256, 1.0))
        path.pump(256)
    path.end()
    for _ in range(20):
        path.pump(256)
    path.begin(same_clock=False)
    path.heed_period(256)
    for _ in range(40):
        path.take(mono(256, 1.0))
        path.pump(256)
    sound = arrived(ring)
    assert len(sound) == 80 * 256
    assert np.abs(np.diff(sound)).max() <= LARGEST_STEP * 1.01
    assert not sound[30 * 256 : 40 * 256].any()
    assert np.all(sound[10 * 256 : 20 * 256] == 1.0)
    assert np.all(sound[-10 * 256 :] == 1.0)
    assert path.latency_s == pytest.approx((MARGIN_FRAMES + 256) / 48000)


def test_an_input_with_a_clock_of_its_own_waits_until_its_period_is_known(ring: SharedRing) -> None:
    """A period that arrives in pieces would else be mistaken for a shorter one, and run dry."""
    path = InputPath(ring)
    path.begin(same_clock=False)
    for _ in range(8):
        path.take(mono(1024))
        path.pump(1024)
    assert not arrived(ring).any()
    path.heed_period(4096)
    for _ in range(8):
        path.take(mono(1024))
        path.pump(1024)
    assert arrived(ring).any()
    assert path.latency_s == pytest.approx((MARGIN_FRAMES + 4096) / 48000)


def test_an_input_that_stalls_is_counted_and_never_clicks(ring: SharedRing) -> None:
    path = InputPath(ring)
    path.begin(same_clock=False)
    path.heed_period(256)
    for period in range(60):
        if not 20 <= period < 30:
            path.take(mono(256, 1.0))
        path.pump(256)
    assert ring.count(Count.INPUT_DROPOUTS) == 1
    assert np.abs(np.diff(arrived(ring))).max() <= LARGEST_STEP * 1.01


def test_what_the_engine_leaves_no_room_for_is_dropped_and_counted(ring: SharedRing) -> None:
    path = InputPath(ring)
    path.begin(same_clock=True)
    for n in range(200):
        path.take(mono(256, n / 200))
        path.pump(256)
    assert ring.fill == ring.capacity
    assert ring.count(Count.INPUT_OVERRUN_FRAMES) == 200 * 256 - 48000
    assert arrived(ring)[:256].max() < 1e-6, "the oldest is kept: only the reader may move on"


def test_the_counts_go_on_in_a_device_process_that_was_started_again(ring: SharedRing) -> None:
    for restart in (1, 2):
        path = InputPath(ring)
        path.begin(same_clock=False)
        path.heed_period(256)
        for period in range(40):
            if not 20 <= period < 30:
                path.take(mono(256))
            path.pump(256)
        assert ring.count(Count.INPUT_DROPOUTS) == restart
    ring.publish(Count.INPUT_OVERRUN_FRAMES, 100)
    path = InputPath(ring)
    path.pump(ring.space + 10)
    assert ring.count(Count.INPUT_OVERRUN_FRAMES) == 110


@pytest.mark.parametrize("rate", [48000, 44100])
def test_neither_side_takes_memory(ring: SharedRing, rate: int) -> None:
    path, mix = InputPath(ring), MonoMix(0, 2, rate)
    path.begin(same_clock=False)
    path.heed_period(256)
    block, peaks = np.ones((256, 2), np.float32), []
    for _ in range(60):
        tracemalloc.start()
        path.take(mix(block))
        path.pump(256)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks[5:]) < 4096, "views and counters only, no samples"
