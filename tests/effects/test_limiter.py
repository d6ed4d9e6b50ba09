"""The limiter: nothing gets through, nothing is touched without need, nothing clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from distill_live.effects.base import ParamEvent
from distill_live.effects.limiter import CEILING, Limiter
from tests.effects.contract_x import noise, sharpest_bend


def limiter(sample_rate=48000, max_block=4096, ceiling_db=-1.0):
    made = Limiter()
    made.prepare(sample_rate, max_block)
    made.process(np.zeros((2, 1), np.float32), [ParamEvent(0, CEILING.id, ceiling_db)])
    made.reset()
    return made


def peak_db(sound):
    return float(20.0 * np.log10(np.abs(sound).max()))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-20, 40), st.sampled_from([64, 100, 512, 4096]), st.floats(-24, 0))
def test_nothing_is_ever_louder_than_the_ceiling(seed, level_db, block, ceiling_db):
    rng, made = np.random.default_rng(seed), limiter(ceiling_db=ceiling_db)
    bursts = (rng.standard_normal((2, 6 * block)) * (rng.random(6 * block) < 0.05)).astype(np.float32)
    sound = bursts * np.float32(10.0 ** (level_db / 20.0))
    out = np.concatenate([made.process(sound[:, n * block : (n + 1) * block]) for n in range(6)], axis=1)
    assert np.abs(out).max() <= 10.0 ** (ceiling_db / 20.0) * (1.0 + 1e-5)


def true_peak_db(sound):
    """Eight times oversampled, by another filter than the limiter's own."""
    finer = signal.resample_poly(sound.astype(np.float64), 8, 1, axis=1, window=("kaiser", 12.0))
    return peak_db(finer[:, 800:-800])  # where a sound is cut off its peaks are the cut's


def test_a_peak_between_two_samples_does_not_get_through():
    """A sine at a quarter of the rate, sampled beside its peaks: 3 dB louder than any of its samples."""
    sine = (1.2 * np.sin(np.pi * (np.arange(4096) / 2.0 + 0.25)))[None].astype(np.float32)
    assert true_peak_db(sine) > peak_db(sine) + 2.5
    out = limiter().process(sine)[:, 500:-500]
    assert -1.5 < true_peak_db(out) < -0.95


@pytest.mark.parametrize("level", [0.5, 2.0, 30.0])
def test_the_true_peak_of_noise_stays_at_the_ceiling(level):
    made, rounder = limiter(), signal.firwin(63, 0.8)
    sound = signal.lfilter(rounder, 1.0, noise(2, 40 * 512, level), axis=1).astype(np.float32)
    out = np.concatenate([made.process(sound[:, n : n + 512]) for n in range(0, 40 * 512, 512)], axis=1)
    assert true_peak_db(out) < -0.8


def test_forty_decibels_too_much_stay_below_full_scale():
    made = limiter()
    out = np.concatenate([made.process(noise(2, 512, 100.0, seed)) for seed in range(40)], axis=1)
    assert -1.5 < peak_db(out) <= -1.0 + 1e-4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_sound_is_forgotten_and_leaves_the_gain_free(bad):
    limiter = Limiter()
    limiter.prepare(48000, 512)
    spoilt = np.full((2, 512), 0.1, np.float32)
    spoilt[0, 100] = bad
    loudest = np.abs(limiter.process(spoilt)).max()
    assert loudest <= 10 ** (-1 / 20) + 1e-4
    quiet = np.full((2, 512), 0.1, np.float32)
    outs = [limiter.process(quiet) for _ in range(200)]
    assert np.abs(outs[-1] - 0.1).max() < 1e-6, "it is still turned down two seconds later"


def test_what_is_below_the_ceiling_passes_bit_for_bit():
    made, sound = limiter(), noise(2, 4096, 0.15)
    assert np.array_equal(made.process(sound)[:, made.latency :], sound[:, : -made.latency])


def test_both_sides_are_turned_down_together():
    made = limiter()
    sound = np.stack([np.full(2000, 4.0), np.full(2000, 0.4)]).astype(np.float32)
    out = made.process(sound)[:, made.latency :]
    assert np.allclose(out[0], 10.0 * out[1], rtol=1e-5)


def test_a_burst_is_dipped_before_it_comes_and_let_go_afterwards():
    """The gain is a smooth dip: down within the look-ahead, up again at 120 dB a second."""
    made, sound = limiter(max_block=48000), np.full((1, 48000), 0.1, np.float32)
    sound[0, 19990:20110] = 1.0
    sound[0] = np.convolve(sound[0], np.hanning(21) / np.hanning(21).sum(), "same")  # or its edges overshoot
    sound[0, [*range(20), *range(-20, 0)]] = 0.1
    out = made.process(sound)[0, made.latency :]
    gain_db = 20.0 * np.log10(out / sound[0, : len(out)])
    assert np.abs(gain_db[: 19980 - made.latency - 1]).max() < 1e-3
    assert np.abs(gain_db[20000:20100] + 1.0).max() < 0.01
    assert np.abs(gain_db[20120 + 2 * made.latency + 400 :]).max() < 0.01
    assert np.abs(np.diff(gain_db)).max() < 0.1


def test_the_limiter_adds_no_click_to_a_sine_that_grows_too_loud():
    turns = 220.0 * np.arange(48000) / 48000
    sine = (np.linspace(0.1, 4.0, 48000) * np.sin(2.0 * np.pi * turns)).astype(np.float32)[None]
    out = limiter(max_block=48000).process(sine)
    assert sharpest_bend(out) < sharpest_bend(sine)


@pytest.mark.parametrize("cuts", [[1] * 50 + [974], [64] * 16, [1000, 24], [512, 512]])
def test_the_sound_does_not_depend_on_how_it_is_cut(cuts):
    sound = noise(2, 1024, 2.0)
    whole, pieces, start = limiter().process(sound), [], 0
    made = limiter()
    for width in cuts:
        pieces.append(made.process(sound[:, start : start + width]))
        start += width
    assert np.abs(np.concatenate(pieces, axis=1) - whole).max() < 1e-5


def test_a_lower_ceiling_is_glided_to():
    made, sound = limiter(), np.full((1, 4096), 0.8, np.float32)
    made.process(sound)
    out = np.concatenate([made.process(sound, [ParamEvent(10, CEILING.id, -12.0)]), made.process(sound)], axis=1)
    assert np.abs(np.diff(out)).max() < 0.005
    assert abs(peak_db(out[:, -100:]) + 12.0) < 0.1


@pytest.mark.parametrize(
    "levels", [(0.01, 0.01), (2.0, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01), (0.01, 3.0)]
)
def test_the_quick_way_gives_what_the_long_way_gives_and_leaves_what_it_leaves(levels, monkeypatch):
    quick, slow = limiter(max_block=512), limiter(max_block=512)
    loud = [np.float32(level) * noise(2, 6000) for level in levels]
    turned = [[ParamEvent(0, CEILING.id, -6.0)] if n == 1 else [] for n in range(len(loud))]
    ways = []
    for effect, always_long in ((quick, False), (slow, True)):
        with monkeypatch.context() as patch:
            if always_long:
                patch.setattr(Limiter, "_at_rest", property(lambda self: False))
            blocks = [
                effect.process(sound[:, at : at + 512], events if at == 0 else [])
                for sound, events in zip(loud, turned, strict=True)
                for at in range(0, sound.shape[1], 512)
            ]
            ways.append((np.concatenate(blocks, axis=1), effect.state()))
    (sound, state), (other_sound, other_state) = ways
    assert np.array_equal(sound, other_sound)
    for key in ("sound", "heard", "needs", "gains"):
        assert state[key].size == 0 or np.array_equal(state[key], other_state[key])
    assert (state["released_db"], state["ceiling"]) == (other_state["released_db"], other_state["ceiling"])
