"""The switch of each effect: no click, no cost while it is off, no change in time, and a fresh beginning."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.effects.base import ParamEvent, SplitEffect
from distill_live.effects.buffers import FixedDelay
from distill_live.effects.chain import EffectChain
from distill_live.effects.delay import FEEDBACK, MIX, TIME, Delay
from distill_live.effects.drive import AMOUNT, Drive
from distill_live.effects.gain import GAIN, Gain
from distill_live.effects.params import STANDARD_ORDER, declare_effects
from distill_live.effects.registry import FoundEffects, find_effects
from distill_live.params import REGISTRY, Param, Registry
from tests.effects.contract_x import noise, sharpest_bend

BLOCK = 512
LATE = 700  # more than a block


class Late(SplitEffect):
    """Nothing but late: in the chain it must not be heard whether it is on or off."""

    name = "late"

    def build(self):
        self.latency = LATE
        self.line = FixedDelay(LATE)
        self.calls = 0

    def render(self, block):
        self.calls += 1
        return self.line.push(block)

    def reset(self):
        self.line.clear()

    def state(self):
        return {"line": self.line.past.copy()}

    def load_state(self, state):
        self.line.past = np.array(state["line"])


def chain_of(*effects, **values):
    chain = EffectChain(effects)
    for param_id, value in values.items():
        chain.set_param(param_id, value)
    chain.prepare(48000, BLOCK)
    return chain


def play(chain, sound, switches=None, name="late", at=37):
    """``switches``: on or off by block number."""
    outs = []
    for n in range(sound.shape[1] // BLOCK):
        events = [ParamEvent(at, f"fx.{name}.on", switches[n])] if n in (switches or {}) else ()
        outs.append(chain.process(sound[:, n * BLOCK : (n + 1) * BLOCK], events))
    return np.concatenate(outs, axis=1)


def delayed(sound, samples):
    return np.concatenate([np.zeros((len(sound), samples), np.float32), sound], axis=1)[:, : sound.shape[1]]


def sine(blocks, level=0.3):
    turns = 220.0 * np.arange(blocks * BLOCK) / 48000
    return np.repeat((level * np.sin(2.0 * np.pi * turns)).astype(np.float32)[None], 2, axis=0)


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_an_effect_that_only_comes_late_is_never_heard_however_it_is_switched(every):
    """Its first 700 samples after a rest are silence: they must have passed before it is faded in."""
    chain, sound = chain_of(Late()), noise(2, 80 * BLOCK, 0.1)
    out = play(chain, sound, {n: (n // every) % 2 == 0 for n in range(5, 80, every)})
    assert chain.latency == LATE + 72
    assert np.allclose(out, delayed(sound, chain.latency), atol=1e-6)


def test_off_and_faded_it_is_not_called_and_the_sound_is_the_input_to_the_bit():
    effect = Late()
    chain, sound = chain_of(effect), noise(2, 40 * BLOCK, 0.1)
    out = play(chain, sound[:, : 20 * BLOCK], {10: False})
    called = effect.calls
    out = np.concatenate([out, play(chain, sound[:, 20 * BLOCK :])], axis=1)
    assert effect.calls == called
    assert np.array_equal(out[:, 14 * BLOCK :], delayed(sound, chain.latency)[:, 14 * BLOCK :])


def test_switching_while_it_sounds_does_not_click():
    sound = sine(110)
    chain = chain_of(Gain(), **{GAIN.id: -40.0})
    calm = sharpest_bend(sound)
    out = play(chain, sound, {n: n % 20 == 0 for n in range(10, 110, 10)}, name="gain")
    levels = [float(np.abs(out[:, n * BLOCK : (n + 1) * BLOCK]).max()) for n in (8, 18, 28)]
    assert levels[0] < 0.01 and levels[1] > 0.29 and levels[2] < 0.01
    assert sharpest_bend(out[:, BLOCK:]) < 5.0 * calm


def test_it_begins_anew_when_it_is_switched_on_again():
    """An echo of what was played before must not come out of nowhere."""
    chain = chain_of(Delay(), **{MIX.id: 1.0, TIME.id: 500.0, FEEDBACK.id: 0.9})
    play(chain, noise(2, 30 * BLOCK, 0.1), name="delay")
    silence = np.zeros((2, 80 * BLOCK), np.float32)
    assert np.abs(play(chain, silence, name="delay")).max() > 0.1, "there was no echo to forget"
    play(chain, silence[:, : 10 * BLOCK], {0: False}, name="delay")
    assert not play(chain, silence, {0: True}, name="delay").any()


def test_what_it_is_told_while_it_is_off_stands_when_it_is_on():
    chain, told = chain_of(Drive(), **{"fx.drive.on": False}), chain_of(Drive(), **{AMOUNT.id: 30.0})
    sound = sine(30)
    play(chain, sound[:, : 5 * BLOCK])
    chain.set_param(AMOUNT.id, 10.0)
    play(chain, sound[:, : 5 * BLOCK])
    chain.set_param(AMOUNT.id, 30.0)
    out = play(chain, sound, {3: True}, name="drive")
    assert np.allclose(out[:, 10 * BLOCK :], play(told, sound)[:, 10 * BLOCK :], atol=1e-6)


def test_off_before_prepare_it_is_off_from_the_first_sample():
    effect = Late()
    chain, sound = chain_of(effect, **{"fx.late.on": False}), noise(2, 10 * BLOCK, 0.1)
    called = effect.calls
    assert np.array_equal(play(chain, sound), delayed(sound, chain.latency))
    assert effect.calls == called


@pytest.mark.parametrize("moment", [9, 10, 11, 12, 15, 20, 21, 22, 23])
def test_a_state_taken_anywhere_in_a_switch_goes_on_with_the_same_bits(moment):
    switches, sound = {10: False, 20: True}, noise(2, 30 * BLOCK, 0.1)

    def made():
        return chain_of(Delay(), Late(), **{MIX.id: 0.5})

    def part(chain, start, stop):
        later = {n - start: on for n, on in switches.items() if start <= n < stop}
        return play(chain, sound[:, start * BLOCK : stop * BLOCK], later)

    first, second = made(), made()
    part(first, 0, moment)
    second.load_state(first.state())
    assert np.array_equal(part(first, moment, 30), part(second, moment, 30))


def test_a_plugin_that_falls_when_it_is_switched_on_is_named_and_the_music_goes_on():
    class Sleepy(Late):
        name = "sleepy"

        def reset(self):
            super().reset()
            if self.calls > 5:
                raise RuntimeError("will not get up")

    chain, sound = chain_of(Sleepy()), noise(2, 40 * BLOCK, 0.1)
    out = play(chain, sound, {10: False, 20: True}, name="sleepy")
    assert chain.bypassed == ["sleepy"]
    assert chain.take_out_reports() == [("sleepy", "raised RuntimeError when it was switched on: will not get up")]
    assert np.allclose(out, delayed(sound, chain.latency), atol=1e-6)


def test_every_effect_of_the_standard_chain_has_a_switch_that_is_on():
    for name in STANDARD_ORDER:
        switch = REGISTRY[f"fx.{name}.on"]
        assert switch.kind == "bool" and switch.default_value is True
        assert REGISTRY.group(f"fx.{name}")[0] == switch


def test_a_plugin_that_brings_a_switch_of_that_name_is_left_out_and_named():
    class Own(Late):
        name = "own"
        params = (Param("fx.own.on", "On", "fx.own", kind="bool", help="Its own."),)

    found = declare_effects(FoundEffects({**find_effects().classes, "own": Own}), registry := Registry())
    assert "own" not in found.classes and "fx.own.on" not in registry
    assert "effect plugin own cannot be used: its parameter fx.own.on" in found.messages[0]
