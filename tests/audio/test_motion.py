"""Glides draw one unbroken curve, fades keep the loudness, meters tell the truth, overlap-add gives the signal back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.meter import FLOOR_DB, Meter, MeterConfig, to_db
from distill_live.audio.overlap import OverlapAdd, synthesis_window
from distill_live.audio.smoothing import Glide, LinearGlide, OnePoleGlide, crossfade, equal_power_fades

GLIDES: dict[type[Glide], Callable[[], Glide]] = {
    OnePoleGlide: lambda: OnePoleGlide(0.2, time_ms=5.0),
    LinearGlide: lambda: LinearGlide(0.2, time_ms=5.0),
}


def test_every_glide_is_tested_here() -> None:
    assert set(Glide.__subclasses__()) == set(GLIDES)


@pytest.mark.parametrize("make", GLIDES.values(), ids=lambda make: type(make()).__name__)
class TestEveryGlide:
    def test_it_stands_still_until_it_is_set(self, make: Callable[[], Glide]) -> None:
        glide = make()
        assert glide.settled
        assert np.all(glide.block(100) == np.float32(0.2))

    def test_it_arrives_exactly_and_never_oversteps(self, make: Callable[[], Glide]) -> None:
        glide = make()
        glide.set(0.9)
        curve = np.concatenate([glide.block(512) for _ in range(10)])
        assert glide.settled
        assert glide.value == 0.9
        assert np.all(np.diff(curve) >= 0)
        assert curve.max() <= np.float32(0.9)

    def test_a_new_target_on_the_way_bends_the_curve_without_a_step(self, make: Callable[[], Glide]) -> None:
        glide = make()
        glide.set(1.0)
        first = glide.block(100)
        glide.set(-1.0)
        second = glide.block(100)
        assert float(np.abs(np.diff(np.concatenate([first, second]))).max()) < 0.01

    def test_the_curve_does_not_depend_on_the_blocks_it_is_drawn_in(self, make: Callable[[], Glide]) -> None:
        whole, pieces = make(), make()
        whole.set(0.7)
        pieces.set(0.7)
        drawn = np.concatenate([pieces.block(n) for n in (1, 0, 7, 100, 404)])
        np.testing.assert_allclose(drawn, whole.block(512), atol=1e-6)

    def test_a_jump_skips_the_way(self, make: Callable[[], Glide]) -> None:
        glide = make()
        glide.set(1.0)
        glide.block(10)
        glide.jump(0.4)
        assert np.all(glide.block(10) == np.float32(0.4))

    def test_setting_the_same_target_again_does_not_start_over(self, make: Callable[[], Glide]) -> None:
        once, often = make(), make()
        once.set(0.8)
        for _ in range(20):
            often.set(0.8)
            assert np.array_equal(often.block(64), once.block(64))


def test_a_crossfade_of_unrelated_sounds_keeps_their_loudness() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.standard_normal((2, 2, 48000)).astype(np.float32)
    power = np.square(crossfade(old, new)).reshape(2, 10, -1).mean(axis=-1)
    assert np.all(np.abs(10 * np.log10(power)) < 0.3)


@given(samples=st.integers(1, 1000))
def test_the_squares_of_the_two_fades_sum_to_one(samples: int) -> None:
    fade_out, fade_in = equal_power_fades(samples)
    np.testing.assert_allclose(fade_out**2 + fade_in**2, 1.0, atol=1e-6)
    assert np.all(np.diff(fade_in) > 0)


def sine_block(amplitude: float, samples: int = 48000) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * 1000.0 * np.arange(samples) / 48000))[None].astype(np.float32)


def test_a_full_scale_sine_reads_0_db_peak_and_minus_3_db_rms() -> None:
    meter = Meter(1)
    for _ in range(4):
        meter.update(sine_block(1.0))
    assert float(meter.peak_db[0]) == pytest.approx(0.0, abs=0.01)
    assert float(meter.rms_db[0]) == pytest.approx(-3.01, abs=0.02)
    assert not meter.clipped


def test_a_peak_is_held_and_then_falls_at_its_speed() -> None:
    meter = Meter(2, MeterConfig(hold_s=1.0, fall_db_per_s=20.0))
    meter.update(np.array([[1.0], [0.0]], dtype=np.float32) * np.ones(480, dtype=np.float32))
    silence = np.zeros((2, 480), dtype=np.float32)
    for _ in range(99):
        meter.update(silence)
    assert float(meter.peak_db[0]) == pytest.approx(0.0, abs=0.01)
    for _ in range(100):
        meter.update(silence)
    assert float(meter.peak_db[0]) == pytest.approx(-20.0, abs=0.5)
    assert float(meter.peak_db[1]) == FLOOR_DB


def test_a_sample_above_full_scale_is_remembered() -> None:
    meter = Meter(1)
    meter.update(np.array([[1.01]], dtype=np.float32))
    meter.update(sine_block(0.1))
    assert meter.clipped
    meter.reset()
    assert not meter.clipped
    assert to_db(np.zeros(1))[0] == FLOOR_DB


@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=6), hop=st.sampled_from([64, 100, 256]))
@settings(max_examples=25, deadline=None)
def test_streamed_overlap_add_is_bit_identical_with_the_whole_one(cuts: list[int], hop: int) -> None:
    ola = OverlapAdd(length=256, hop=hop)
    pieces = np.random.default_rng(0).standard_normal((sum(cuts), 256)).astype(np.float32)
    state, out, start = ola.initial_state(), [], 0
    for cut in cuts:
        kept = state.copy()
        piece, after = ola.step(pieces[start : start + cut], state)
        assert np.array_equal(state, kept)
        out.append(piece)
        state, start = after, start + cut
    assert np.array_equal(np.concatenate(out), ola.forward(pieces))


@pytest.mark.parametrize("hop", [256, 512, 1024])
def test_windowed_twice_and_overlap_added_the_signal_comes_back(hop: int) -> None:
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)).astype(np.float32)
    signal = np.random.default_rng(0).standard_normal(20480).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(signal, 2048)[::hop] * window
    back = OverlapAdd(2048, hop).forward((pieces * synthesis_window(window, hop)).astype(np.float32))
    np.testing.assert_allclose(back[2048:], signal[2048 : len(back)], atol=1e-5)
