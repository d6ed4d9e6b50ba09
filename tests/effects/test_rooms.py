"""Filter, reverb and widener: what each does to a sound, against physics and against the filter's own recurrence."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.effects.base import ParamEvent
from distill_live.effects.chain import standard_chain
from distill_live.effects.filter import CUTOFF, MODE, RESONANCE, Filter
from distill_live.effects.reverb import DAMPING, MIX, SIZE, Reverb
from distill_live.effects.widener import WIDTH, Widener
from distill_live.errors import UnknownNameError, UsageError
from distill_live.params import ParamBank
from tests.effects.contract_x import noise


def set_to(effect, values, max_block=48000):
    """The effect with these values, everything arrived."""
    effect.prepare(48000, max_block)
    effect.process(np.zeros((2, 1), np.float32), [ParamEvent(0, p.id, v) for p, v in values.items()])
    effect.reset()
    return effect


def response_db(effect, hz):
    """Gain at a frequency, from one second of impulse response."""
    click = np.zeros((1, 48000), np.float32)
    click[0, 0] = 1.0
    return 20.0 * np.log10(np.abs(np.fft.rfft(effect.process(click)[0]))[hz] + 1e-12)


def by_recurrence(sound, cutoff_hz, q):
    """The low-pass one sample after the other, as the book writes it."""
    g, k = np.tan(np.pi * cutoff_hz / 48000), 1.0 / q
    a1 = 1.0 / (1.0 + g * (g + k))
    first = second = 0.0
    low = []
    for sample in sound:
        v3 = sample - second
        v1 = a1 * first + g * a1 * v3
        v2 = second + g * a1 * first + g * g * a1 * v3
        first, second = 2.0 * v1 - first, 2.0 * v2 - second
        low.append(v2)
    return np.array(low)


@pytest.mark.parametrize("cuts", [[1000], [1, 31, 32, 33, 903], [100, 411, 489]])
def test_the_filter_by_blocks_is_the_filter_by_samples(cuts):
    sound, effect = noise(1, 1000), set_to(Filter(), {MODE: "low-pass", CUTOFF: 700.0, RESONANCE: 0.8})
    parts, start = [], 0
    for width in cuts:
        parts.append(effect.process(sound[:, start : start + width]))
        start += width
    expected = by_recurrence(sound[0].astype(np.float64), 700.0, 2.0**-0.5 * 20.0**0.8)
    assert np.abs(np.concatenate(parts, axis=1)[0] - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("mode", "there", "gone"), [("low-pass", 100, 10000), ("high-pass", 10000, 100), ("band-pass", 1000, 50)]
)
def test_each_mode_lets_through_what_it_says(mode, there, gone):
    values = {MODE: mode, CUTOFF: 1000.0, RESONANCE: 0.0}
    assert abs(response_db(set_to(Filter(), values), there)) < 0.2
    assert response_db(set_to(Filter(), values), gone) < -20.0


def test_full_resonance_sings_at_the_cutoff():
    values = {MODE: "low-pass", CUTOFF: 1000.0, RESONANCE: 1.0}
    assert abs(response_db(set_to(Filter(), values), 1000) - 23.0) < 0.2


def test_a_bigger_room_rings_longer_and_damping_makes_it_darker():
    def tail(size, damping):
        room = set_to(Reverb(), {SIZE: size, DAMPING: damping, MIX: 1.0})
        room.process(noise(2, 4800))
        return room.process(np.zeros((2, 48000), np.float32))[0]

    def brightness(sound):
        spectrum = np.abs(np.fft.rfft(sound))
        return (spectrum * np.arange(len(spectrum))).sum() / spectrum.sum()

    energies = [float((tail(size, 0.5)[24000:] ** 2).sum()) for size in (0.0, 0.5, 1.0)]
    assert energies == sorted(energies)
    assert brightness(tail(0.7, 1.0)) < 0.7 * brightness(tail(0.7, 0.0))


def test_a_room_decays_by_sixty_decibels_in_its_time():
    room = set_to(Reverb(), {SIZE: 0.0, DAMPING: 0.0, MIX: 1.0})
    room.process(noise(2, 4800))
    tail = room.process(np.zeros((2, 24000), np.float32))
    fall_db = 20.0 * np.log10(np.std(tail[:, 2400:4800]) / np.std(tail[:, 12000:14400]))
    assert abs(fall_db - 60.0 * 0.2 / 0.4) < 5.0


def test_a_room_makes_a_mono_sound_stereo_and_does_not_depend_on_the_block_size():
    sound = np.repeat(noise(1, 24000), 2, axis=0)
    values = {SIZE: 0.5, DAMPING: 0.5, MIX: 0.5}
    whole, pieces = set_to(Reverb(), values).process(sound), set_to(Reverb(), values)
    out = np.concatenate([pieces.process(sound[:, n : n + 500]) for n in range(0, 24000, 500)], axis=1)
    assert np.abs(whole[0] - whole[1]).max() > 0.01
    assert np.allclose(out, whole, atol=1e-5)


@pytest.mark.parametrize("width", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_no_width_changes_the_sum_to_mono(width):
    sound = noise(2, 4800)
    out = set_to(Widener(), {WIDTH: width}).process(sound)
    assert np.allclose(out.sum(axis=0), sound.sum(axis=0), atol=1e-5)


def test_a_mono_sound_gets_a_side_but_its_low_end_does_not():
    turns = np.arange(48000) / 48000

    def side_of(hz):
        sine = np.repeat((0.5 * np.sin(2.0 * np.pi * hz * turns)).astype(np.float32)[None], 2, axis=0)
        out = set_to(Widener(), {WIDTH: 2.0}).process(sine)[:, 24000:]
        return float(np.abs(out[0] - out[1]).max())

    assert side_of(40) < 0.05
    assert max(side_of(hz) for hz in (400, 700, 1100, 1900)) > 0.3


def test_the_order_of_the_chain_can_be_given():
    assert standard_chain(ParamBank(), ("reverb", "filter")).order == ("reverb", "filter")
    with pytest.raises(UnknownNameError, match="chorus"):
        standard_chain(ParamBank(), ("chorus",))
    with pytest.raises(UsageError, match="twice"):
        standard_chain(ParamBank(), ("drive", "drive"))
