"""Gain, drive and echo: what each does to a sound."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.effects.base import ParamEvent
from distill_live.effects.delay import DAMPING, FEEDBACK, MIX, TIME, Delay
from distill_live.effects.drive import AMOUNT, Drive
from distill_live.effects.gain import GAIN, Gain
from tests.effects.contract_x import noise


def set_to(effect, values, max_block=48000):
    """The effect with these values, everything arrived."""
    effect.prepare(48000, max_block)
    effect.process(np.zeros((2, 1), np.float32), [ParamEvent(0, p.id, v) for p, v in values.items()])
    effect.reset()
    return effect


def sine(level, samples=48000):
    return (level * np.sin(2.0 * np.pi * 220.0 * np.arange(samples) / 48000)).astype(np.float32)[None]


@pytest.mark.parametrize(("level_db", "factor"), [(-6.0206, 0.5), (6.0206, 2.0), (0.0, 1.0), (GAIN.low, 0.0)])
def test_gain_multiplies(level_db, factor):
    sound = noise(2, 512)
    assert np.allclose(set_to(Gain(), {GAIN: level_db}).process(sound), factor * sound, rtol=1e-4)


def test_gain_starts_to_glide_at_the_events_sample():
    gain, sound = set_to(Gain(), {}), np.ones((1, 512), np.float32)
    out = gain.process(sound, [ParamEvent(200, GAIN.id, -60.0)])[0]
    assert (out[:200] == 1.0).all()
    assert (np.diff(out[199:]) < 0.0).all()


def test_drive_at_zero_is_the_input_to_the_bit():
    sound = noise(2, 512, 2.0)
    assert np.array_equal(set_to(Drive(), {}).process(sound), sound)


@pytest.mark.parametrize("amount_db", [6.0, 18.0, 36.0])
def test_drive_adds_odd_harmonics_and_no_even_ones(amount_db):
    spectrum = np.abs(np.fft.rfft(set_to(Drive(), {AMOUNT: amount_db}).process(sine(0.5))[0]))
    assert spectrum[660] > 1e-3 * spectrum[220]
    assert spectrum[440] < 1e-4 * spectrum[220]


def test_harder_drive_means_more_harmonics():
    thirds = []
    for amount_db in (3.0, 9.0, 18.0, 36.0):
        spectrum = np.abs(np.fft.rfft(set_to(Drive(), {AMOUNT: amount_db}).process(sine(0.5))[0]))
        thirds.append(spectrum[660] / spectrum[220])
    assert thirds == sorted(thirds)


def test_echoes_come_at_their_time_each_weaker_by_the_feedback():
    echo = set_to(Delay(), {TIME: 100.0, FEEDBACK: 0.5, DAMPING: 0.0, MIX: 1.0})
    click = np.zeros((1, 24000), np.float32)
    click[0, 10] = 1.0
    out = echo.process(click)[0]
    assert np.flatnonzero(np.abs(out) > 1e-6).tolist() == [4810, 9610, 14410, 19210]
    assert np.allclose(out[[4810, 9610, 14410]], [1.0, 0.5, 0.25], atol=1e-6)


def test_echoes_do_not_depend_on_the_block_size():
    sound = noise(2, 24000)
    values = {TIME: 30.0, FEEDBACK: 0.7, DAMPING: 0.5, MIX: 0.5}
    whole, pieces = set_to(Delay(), values).process(sound), set_to(Delay(), values)
    out = np.concatenate([pieces.process(sound[:, n : n + 500]) for n in range(0, 24000, 500)], axis=1)
    assert np.allclose(out, whole, atol=1e-6)


def test_damping_makes_repeats_darker():
    def brightness(damping):
        echo = set_to(Delay(), {TIME: 50.0, FEEDBACK: 0.9, DAMPING: damping, MIX: 1.0})
        sound = np.zeros((1, 24000), np.float32)
        sound[0, :480] = noise(1, 480)
        spectrum = np.abs(np.fft.rfft(echo.process(sound)[0, 12000:]))
        return (spectrum * np.arange(len(spectrum))).sum() / spectrum.sum()

    assert brightness(1.0) < 0.5 * brightness(0.0)


def test_the_strongest_feedback_dies_away():
    echo = set_to(Delay(), {TIME: 10.0, FEEDBACK: FEEDBACK.high, DAMPING: 0.0, MIX: 1.0})
    echo.process(noise(2, 480))
    tail = echo.process(np.zeros((2, 48000), np.float32))
    assert np.abs(tail[:, -4800:]).max() < 0.01


def test_a_turned_echo_time_arrives():
    echo = set_to(Delay(), {TIME: 200.0, FEEDBACK: 0.0, DAMPING: 0.0, MIX: 1.0})
    echo.process(np.zeros((1, 24000), np.float32), [ParamEvent(0, TIME.id, 80.0)])
    click = np.zeros((1, 12000), np.float32)
    click[0, 0] = 1.0
    assert int(np.abs(echo.process(click)[0]).argmax()) == 3840
