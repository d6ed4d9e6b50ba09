"""The chain: mix, bypass, volume, the limiter last, and plugins that fail in every way."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from distill_live.effects.base import ParamEvent, SplitEffect
from distill_live.effects.buffers import FixedDelay
from distill_live.effects.chain import EffectChain, standard_chain
from distill_live.effects.drive import AMOUNT, Drive
from distill_live.effects.params import BYPASS, MIX, VOLUME
from distill_live.params import REGISTRY, ParamBank
from tests.effects.contract_x import noise, random_events, sharpest_bend

BLOCK = 512


class Late(SplitEffect):
    """Delays by 100 samples and turns the sound upside down."""

    name = "late"

    def build(self):
        self.latency = 100
        self.line = FixedDelay(100)

    def render(self, block):
        return -self.line.push(block)

    def reset(self):
        self.line.clear()


class Failing(Late):
    """Well behaved for ten blocks, then ``self.failure()`` is its sound."""

    name = "failing"

    def __init__(self, failure):
        self.failure = failure
        super().__init__()

    def build(self):
        super().build()
        self.blocks = -1  # the chain's own warm-up block does not count

    def render(self, block):
        self.blocks += 1
        return super().render(block) if self.blocks <= 10 else self.failure(block)


def raises(block):
    raise ZeroDivisionError("a plugin's own fault")


def spoils_its_input(block):
    block *= np.float32(np.nan)  # which is the dry sound, too
    return block


FAILURES = {
    "raises": raises,
    "nan": lambda block: block * np.float32(np.nan),
    "infinity": lambda block: np.full_like(block, np.inf),
    "wrong shape": lambda block: block[:, :-1],
    "one channel": lambda block: block[0],
    "nothing": lambda block: None,
    "a list": lambda block: block.tolist(),
    "spoils its input": spoils_its_input,
    "double precision beyond single": lambda block: np.full(block.shape, 1e39),
    "runs away": lambda block: block * np.float32(1e37),
    "texts": lambda block: np.full(block.shape, "loud"),
}


def chain_of(*effects, **values):
    chain = EffectChain(effects)
    for param_id, value in values.items():
        chain.set_param(param_id, value)
    chain.prepare(48000, BLOCK)
    return chain


def sine(blocks, level=0.3):
    turns = 220.0 * np.arange(blocks * BLOCK) / 48000
    return np.repeat((level * np.sin(2.0 * np.pi * turns)).astype(np.float32)[None], 2, axis=0)


def play(chain, sound, events=None):
    """``events`` by block number."""
    blocks = range(sound.shape[1] // BLOCK)
    outs = [chain.process(sound[:, n * BLOCK : (n + 1) * BLOCK], (events or {}).get(n, ())) for n in blocks]
    return np.concatenate(outs, axis=1)


def delayed(sound, samples):
    return np.concatenate([np.zeros((len(sound), samples), np.float32), sound], axis=1)[:, : sound.shape[1]]


# ---------------------------------------------------------------- what it does


def test_the_standard_chain_at_its_defaults_only_delays():
    chain, sound = standard_chain(ParamBank()), noise(2, 20 * BLOCK, 0.1)
    chain.prepare(48000, BLOCK)
    assert np.array_equal(play(chain, sound), delayed(sound, chain.latency))
    assert chain.messages == []


def test_the_latency_is_the_sum_of_all_and_no_setting_changes_it():
    sound = sine(20)
    for values in ({}, {"mix": 0.0}, {"mix": 1.0}, {"bypass": True}):
        chain = chain_of(Late(), Late(), **values)
        assert chain.latency == 200 + 72
        assert np.allclose(play(chain, sound), delayed(sound, chain.latency), atol=1e-6)


def test_half_a_mix_lines_dry_and_wet_up():
    """One inverting effect against its own input: they cancel to the bit only when both are equally late."""
    assert np.abs(play(chain_of(Late(), mix=0.5), sine(20))).max() < 1e-6


def test_what_was_set_before_prepare_stands_from_the_first_sample():
    out = play(chain_of(volume=-60.0), sine(4))
    assert not out.any()


def test_volume_follows_its_decibels():
    out = play(chain_of(volume=-12.0), sine(20))
    assert abs(20.0 * np.log10(np.abs(out).max() / 0.3) + 12.0) < 0.01


def test_volume_comes_after_the_effects_and_the_limiter_last():
    loud = play(chain_of(Drive(), **{AMOUNT.id: 36.0, "volume": 6.0}), sine(20, 1.0))
    assert np.abs(loud).max() <= 10.0 ** (-1.0 / 20.0) * (1.0 + 1e-5)


@pytest.mark.parametrize("switch", [(BYPASS, True, False), (MIX, 0.0, 1.0), (VOLUME, -60.0, 0.0)])
def test_switching_while_it_sounds_does_not_click(switch):
    param, there, back = switch
    events = {n: [ParamEvent(37, param.id, there if n % 20 else back)] for n in range(10, 100, 10)}
    sound = sine(110)
    calm = sharpest_bend(play(chain_of(Late()), sound)[:, BLOCK:])
    assert sharpest_bend(play(chain_of(Late()), sound, events)[:, BLOCK:]) < 5.0 * calm


def test_bypass_takes_the_effects_out_and_brings_them_back():
    sound = noise(2, 60 * BLOCK, 0.1)
    chain = chain_of(Drive(), **{AMOUNT.id: 30.0})
    events = {20: [ParamEvent(0, BYPASS.id, True)], 40: [ParamEvent(0, BYPASS.id, False)]}
    out, clean = play(chain, sound, events), delayed(sound, chain.latency)
    loud = [float(np.abs(out - clean)[:, n * BLOCK : (n + 1) * BLOCK].max()) for n in (15, 35, 55)]
    assert loud[1] == 0.0
    assert min(loud[0], loud[2]) > 0.05


def test_reset_leaves_silence():
    chain = standard_chain(ParamBank())
    chain.set_param("fx.delay.mix", 1.0)
    chain.prepare(48000, BLOCK)
    play(chain, noise(2, 60 * BLOCK))
    chain.reset()
    assert not play(chain, np.zeros((2, 60 * BLOCK), np.float32)).any()


def test_ids_of_others_are_no_concern_of_the_chain():
    chain = chain_of(Drive())
    chain.set_param("temperature", 0.5)
    assert not chain.process(np.zeros((2, BLOCK), np.float32)).any()


def test_a_loaded_state_gives_the_same_bits():
    def made():
        chain = standard_chain(ParamBank())
        chain.prepare(48000, BLOCK)
        return chain

    first, second, rng = made(), made(), np.random.default_rng(0)
    params = [p for p in REGISTRY.values() if p.id.startswith("fx.") or p.group == "master"]
    play(first, noise(2, 30 * BLOCK), {n: random_events(params, BLOCK, rng) for n in range(30)})
    first.set_param("volume", -3.0)
    second.load_state(first.state())
    events = {n: random_events(params, BLOCK, rng) for n in range(30)}
    sound = noise(2, 30 * BLOCK, seed=1)
    assert np.array_equal(play(first, sound, events), play(second, sound, events))


def test_random_hands_on_everything_give_no_nan_and_nothing_above_full_scale():
    chain, rng = standard_chain(ParamBank()), np.random.default_rng(1)
    chain.prepare(48000, BLOCK)
    params = [p for p in REGISTRY.values() if p.id.startswith("fx.") or p.group == "master"]
    for seed in range(250):
        events = random_events(params, BLOCK, rng) if seed % 5 == 0 else ()
        out = chain.process(noise(2, BLOCK, 100.0, seed), events)
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 1.0
    assert chain.messages == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_source_that_is_not_finite_leaves_no_trace(bad):
    chain = standard_chain(ParamBank())
    chain.set_param("fx.delay.mix", 1.0)
    chain.prepare(48000, BLOCK)
    broken = noise(2, BLOCK)
    broken[:, 100:110] = bad
    for sound in (broken, *(noise(2, BLOCK, seed=n) for n in range(80))):
        assert np.isfinite(chain.process(sound)).all()
    assert chain.messages == []


# ---------------------------------------------------------------- plugins that fail


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_plugin_that_fails_is_bypassed_and_named_and_the_music_goes_on(failure):
    sound = sine(40)
    chain = chain_of(Failing(failure), Drive())
    out = play(chain, sound)
    assert chain.bypassed == ["failing"]
    assert [name for name, _ in chain.take_out_reports()] == ["failing"]
    assert len(chain.messages) == 1
    assert chain.messages[0].startswith("effect failing ")
    assert np.array_equal(out[:, 20 * BLOCK :], delayed(sound, chain.latency)[:, 20 * BLOCK :])
    assert sharpest_bend(out[:, BLOCK:]) < 5.0 * sharpest_bend(sound)


def slow(block):
    time.sleep(0.2)
    return -block


def test_a_plugin_that_takes_two_hundred_milliseconds_twice_is_out():
    sound, live = sine(20), chain_of(Failing(slow))
    live.be_patient(0.1)
    out = play(live, sound)
    assert live.bypassed == ["failing"]
    assert "ms for a block, twice in succession" in live.messages[0]
    assert np.array_equal(out[:, 15 * BLOCK :], delayed(sound, live.latency)[:, 15 * BLOCK :])


def test_once_too_slow_is_the_machines_fault_and_nobody_is_out():
    slow_at = iter([True, False, True, False, False])

    def now_and_then(block):
        return slow(block) if next(slow_at, False) else -block

    live = chain_of(Failing(now_and_then))
    live.be_patient(0.1)
    play(live, sine(20))
    assert live.bypassed == [] and live.take_out_reports() == []


def test_a_replay_that_retires_a_slow_plugin_where_the_report_came_gives_the_same_bits():
    """The replay's plugin is a fast one: no clock may decide what it does."""
    sound, log = sine(20), {}
    live, replay = chain_of(Failing(slow)), chain_of(Failing(lambda block: -block))
    live.be_patient(0.1)
    played, replayed = [], []
    for n in range(20):
        played.append(live.process(sound[:, n * BLOCK : (n + 1) * BLOCK]))
        for name, why in live.take_out_reports():
            log[n] = (name, why)
    assert [name for name, _ in log.values()] == ["failing"]
    for n in range(20):
        if n in log:
            replay.retire(*log[n])
        replayed.append(replay.process(sound[:, n * BLOCK : (n + 1) * BLOCK]))
    assert np.array_equal(np.concatenate(played, axis=1), np.concatenate(replayed, axis=1))
    assert replay.messages == live.messages
    assert replay.take_out_reports() == [], "who retires an effect knows"


def test_a_report_is_given_once():
    chain = chain_of(Failing(raises))
    play(chain, sine(20))
    assert chain.take_out_reports() == [("failing", "raised ZeroDivisionError: a plugin's own fault")]
    play(chain, sine(20))
    chain.retire("failing", "again")
    assert chain.take_out_reports() == [] and len(chain.messages) == 1


def test_an_effect_that_is_retired_leaves_without_a_click():
    sound, chain = sine(40), chain_of(Late())
    first = play(chain, sound[:, : 20 * BLOCK])
    chain.retire("late", "took too long")
    out = np.concatenate([first, play(chain, sound[:, 20 * BLOCK :])], axis=1)
    assert chain.bypassed == ["late"]
    assert chain.messages == ["effect late took too long; it is bypassed."]
    assert np.array_equal(out[:, 30 * BLOCK :], delayed(sound, chain.latency)[:, 30 * BLOCK :])
    assert sharpest_bend(out[:, BLOCK:]) < 5.0 * sharpest_bend(sound)


def test_a_plugin_that_cannot_even_prepare_is_out_from_the_start():
    class Unprepared(Late):
        name = "unprepared"

        def build(self):
            super().build()
            if hasattr(self, "made"):
                raise OSError("no such library")
            self.made = True

    chain, sound = chain_of(Unprepared(), Drive()), sine(10)
    assert np.array_equal(play(chain, sound), delayed(sound, chain.latency))
    assert "unprepared raised OSError in prepare" in chain.messages[0]


class Forgetful(Late):
    """Can neither say nor load its state, from the moment on that it is told so."""

    name = "forgetful"
    forgets = False

    def state(self):
        return super().state() if not self.forgets else self.nothing

    def load_state(self, state):
        if self.forgets:
            raise KeyError("a plugin's own fault")
        super().load_state(state)


@pytest.mark.parametrize("when", ["asked", "loaded"])
def test_a_plugin_that_has_no_state_to_give_or_to_take_is_out_without_a_click(when):
    chain, sound = chain_of(Forgetful()), sine(40)
    before = play(chain, sound[:, : 20 * BLOCK])
    stored = chain.state()
    chain._inserts[0].guard.effect.forgets = True
    if when == "asked":
        assert chain.state()["inserts"][0]["guard"]["failed"]
    else:
        chain.load_state(stored)
    assert chain.bypassed == ["forgetful"]
    assert "state was" in chain.messages[0]
    assert [name for name, _ in chain.take_out_reports()] == ["forgetful"]
    out = np.concatenate([before, play(chain, sound[:, 20 * BLOCK :])], axis=1)
    assert sharpest_bend(out) < 0.01
    assert np.allclose(out[:, -10 * BLOCK :], delayed(sound, 172)[:, -10 * BLOCK :], atol=1e-6)


def test_a_plugin_that_could_not_be_prepared_stays_out_whatever_state_is_loaded():
    class Unfit(Late):
        name = "late"

        def prepare(self, sample_rate, max_block):
            if hasattr(self, "made"):
                raise OSError("no such file")
            self.made = True
            super().prepare(sample_rate, max_block)

    sane, unfit = chain_of(Late()), EffectChain([Unfit()])
    unfit.prepare(48000, BLOCK)
    unfit.load_state(sane.state())
    assert unfit.bypassed == ["late"]
    assert np.isfinite(play(unfit, sine(4))).all()


def test_a_latency_that_cannot_be_leaves_the_plugin_out():
    class Early(Late):
        def build(self):
            super().build()
            self.latency = -1

    chain = chain_of(Early())
    assert chain.bypassed == ["late"]
    assert "its latency is -1 samples" in chain.messages[0]


def test_prepare_gives_a_fallen_plugin_another_chance():
    chain = chain_of(Failing(raises))
    play(chain, sine(20))
    chain.prepare(48000, BLOCK)
    assert chain.bypassed == []


def test_the_parameters_are_declared_without_torch():
    code = (
        "import sys, distill_live.effects.params; from distill_live.params import REGISTRY;"
        "ids = {'volume', 'mix', 'bypass', 'limiter.ceiling', 'fx.drive.amount', 'fx.delay.mix'};"
        "sys.exit(bool({'torch', 'scipy', 'textual'} & set(sys.modules)) or not ids <= set(REGISTRY))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
