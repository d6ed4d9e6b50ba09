"""Real plugins of others in the chain: what they are, what they sound like, and how far a take with them replays."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from distill_live.effects.base import ParamEvent
from distill_live.effects.chain import EffectChain
from distill_live.effects.checks import Plan, check_effect
from distill_live.effects.hosted import Entry, put_plugin
from distill_live.effects.vst3 import hosted_class
from distill_live.effects.vst3_scan import look_at
from distill_live.errors import DistillError
from tests.effects import zam
from tests.effects.contract_x import noise, random_events, sharpest_bend

pytestmark = zam.needs_zam

BLOCK = 512
SILENCE = 1e-9  # it keeps itself from denormal numbers with 2.6e-12
BRIEF = Plan((48000,), (64, 512), turns=5, blocks=2)


def param(title, what):
    name = zam.plugin(title).entry.name
    return next(p.param for p in zam.plugin(title).params if p.param.id == f"fx.{name}.{what}")


def set_to(title, **values):
    """The plugin with these values, ready, at 48 kHz."""
    effect = zam.made(title)
    effect.prepare(48000, BLOCK)
    events = [ParamEvent(0, param(title, what.replace("_", "-")).id, value) for what, value in values.items()]
    effect.process(np.zeros((2, BLOCK), np.float32), events)
    effect.reset()
    return effect


def play(effect, sound, events=None):
    """``events`` by block number."""
    blocks = range(sound.shape[1] // BLOCK)
    outs = [effect.process(sound[:, n * BLOCK : (n + 1) * BLOCK], (events or {}).get(n, ())) for n in blocks]
    return np.concatenate(outs, axis=1)


def impulse(blocks=40, channels=(0, 1)):
    sound = np.zeros((2, blocks * BLOCK), np.float32)
    sound[list(channels), 100] = 0.5
    return sound


# ---------------------------------------------------------------- what they are


def test_parameters_have_the_plugins_own_units_ranges_and_kinds():
    time, invert, divisor = (param("ZamDelay", what) for what in ("time", "invert", "divisor"))
    assert (time.kind, time.low, time.high, time.default, time.unit) == ("float", 1.0, 8000.0, 160.0, "ms")
    assert (invert.kind, invert.default_value) == ("bool", False)
    assert (divisor.kind, divisor.low, divisor.high, divisor.default_value) == ("int", 1.0, 5.0, 3)
    amps = param("ZamTube", "tone-stack-model")
    assert (amps.kind, len(amps.labels), amps.default_value) == ("enum", 25, "1959 Bassman 5F6-A")


def test_a_meter_is_no_parameter_and_what_is_only_heard_when_it_rests_is_one():
    """Neither can be automated, and a plugin does not say which is which: they are told apart by ear."""
    turned = {p.name: p.param for p in (*zam.plugin("ZamComp").params, *zam.plugin("ZamHeadX2").params)}
    assert {"Azimuth", "Elevation", "Threshold"} <= set(turned)
    assert not {"Gain Reduction", "Output Level", "Buffer Size", "Sample Rate", "Current Program"} & set(turned)
    assert "not made to be turned" in turned["Azimuth"].help
    assert "not made to be turned" not in turned["Threshold"].help


def test_a_plugin_says_whether_it_is_mono_and_how_late():
    facts = {title: (zam.plugin(title).channels, zam.plugin(title).latency) for title in ("ZamDelay", "ZaMaximX2")}
    assert facts == {"ZamDelay": (1, 0), "ZaMaximX2": (2, 480)}


# ---------------------------------------------------------------- what they sound like


def test_the_echo_comes_when_it_was_told_to():
    out = play(set_to("ZamDelay", time=100.0, dry_wet=1.0, lpf=20000.0), impulse())
    assert abs(int(np.abs(out[0]).argmax()) - (100 + 4800)) <= 2


def test_a_mono_plugin_plays_each_channel_by_itself():
    out = play(set_to("ZamDelay", time=100.0, dry_wet=1.0, feedback=0.5), impulse(channels=(1,)))
    assert np.abs(out[1]).max() > 0.1
    assert np.abs(out[0]).max() < SILENCE


@pytest.mark.parametrize("title", ["ZamDelay", "ZaMaximX2"])
def test_one_channel_passes_a_mono_and_a_stereo_plugin(title):
    effect = set_to(title)
    out = effect.process(noise(1, BLOCK, 0.05))
    assert out.shape == (1, BLOCK) and np.isfinite(out).all()


def test_its_latency_is_where_an_impulse_comes_out_and_the_chain_lines_dry_and_wet_up():
    effect = set_to("ZaMaximX2")
    assert effect.latency == 480
    assert int(np.abs(play(effect, impulse())[0]).argmax()) == 100 + 480
    chain = EffectChain([zam.made("ZaMaximX2")])
    chain.set_param("mix", 0.5)
    chain.prepare(48000, BLOCK)
    out = play(chain, impulse())
    assert chain.latency == 480 + 72
    assert np.flatnonzero(np.abs(out[0]) > 1e-4).tolist() == [100 + chain.latency]


def test_what_is_turned_within_a_block_is_turned_at_its_beginning():
    early, late = set_to("ZamDelay"), set_to("ZamDelay")
    sound, wet = noise(2, 4 * BLOCK), param("ZamDelay", "dry-wet").id
    outs = [play(effect, sound, {1: [ParamEvent(at, wet, 0.0)]}) for effect, at in ((early, 0), (late, 400))]
    assert np.array_equal(*outs)


def test_it_is_switched_off_and_on_without_a_click_and_begins_anew():
    chain = EffectChain([zam.made("ZamDelay")])
    for what, value in (("time", 400.0), ("feedback", 0.5), ("dry-wet", 1.0)):
        chain.set_param(param("ZamDelay", what).id, value)
    chain.prepare(48000, BLOCK)
    sine = (0.3 * np.sin(2 * np.pi * 220 * np.arange(60 * BLOCK) / 48000)).astype(np.float32)[None].repeat(2, axis=0)
    switch = {40: [ParamEvent(0, "fx.zamdelay.on", False)]}
    out = play(chain, sine, switch)
    assert sharpest_bend(out[:, 39 * BLOCK :]) < 5.0 * sharpest_bend(sine)
    assert np.array_equal(out[:, 45 * BLOCK :], sine[:, 45 * BLOCK - chain.latency : -chain.latency])
    silence = np.zeros_like(sine)
    play(chain, silence[:, : 2 * BLOCK])
    on = {0: [ParamEvent(0, "fx.zamdelay.on", True)]}
    assert np.abs(play(chain, silence, on)).max() < SILENCE, "an old echo came back"


# ---------------------------------------------------------------- the contract, and where plugins fall short of it


def test_a_plugin_without_a_memory_keeps_the_whole_contract():
    results = check_effect(lambda: zam.made("ZamAutoSat"), BRIEF)
    assert [(r.check, r.text) for r in results if r.verdict not in ("ok", "reported")] == []


def test_a_plugin_with_a_memory_fails_where_it_would_have_to_be_read_and_one_that_steps_where_it_is_turned():
    results = check_effect(lambda: zam.made("ZaMaximX2"), BRIEF)
    assert [r.check for r in results if r.verdict == "failed"] == ["clicks", "state"]


@pytest.mark.parametrize("title", ["ZamEQ2", "ZamTube", "ZamDelay", "ZaMaximX2"])
def test_a_state_carries_all_values_and_what_the_plugin_itself_would_save(title):
    first, second, rng = zam.made(title), zam.made(title), np.random.default_rng(5)
    for effect in (first, second):
        effect.prepare(48000, BLOCK)
    first.process(noise(2, BLOCK), random_events(first.params, BLOCK, rng))
    second.load_state(first.state())
    stored, again = first.state(), second.state()
    assert again["values"] == stored["values"] != zam.made(title).values
    assert [part.tobytes() for part in again["plugin"]] == [part.tobytes() for part in stored["plugin"]]


@pytest.mark.parametrize("title", ["ZamEQ2", "ZamDelay", "ZaMaximX2"])
def test_once_the_past_has_died_away_a_chain_that_loaded_a_state_plays_the_same_bits(title):
    first, second, rng = EffectChain([zam.made(title)]), EffectChain([zam.made(title)]), np.random.default_rng(5)
    for chain in (first, second):
        chain.prepare(48000, BLOCK)
    play(first, noise(2, BLOCK), {0: random_events(zam.made(title).params, BLOCK, rng)})
    second.load_state(first.state())
    for chain in (first, second):
        chain.reset()
    sound = noise(2, 20 * BLOCK)
    assert np.array_equal(play(first, sound), play(second, sound))


def replayed(title, rests=True):
    """A take's worth of sound with hands on everything, and the plugin off for a while."""
    effect, rng = zam.made(title), np.random.default_rng(7)
    chain = EffectChain([effect])
    chain.prepare(48000, BLOCK)
    events = {n: random_events(effect.params, BLOCK, rng) for n in range(0, 60, 4)}
    if rests:
        events |= {
            21: [ParamEvent(0, f"fx.{effect.name}.on", False)],
            30: [ParamEvent(0, f"fx.{effect.name}.on", True)],
        }
    return play(chain, noise(2, 60 * BLOCK, 0.1), events)


@pytest.mark.parametrize("title", zam.NAMES)
def test_from_the_start_a_take_replays_to_the_bit(title):
    """ZamTube cannot forget, is loaded anew for it, and then begins with what lay in its memory: it does not rest."""
    first, second = (replayed(title, rests=title != "ZamTube") for _ in range(2))
    assert first.any() and np.array_equal(first, second)


def test_from_the_start_a_take_replays_to_the_bit_in_another_process():
    titles = ("ZamDelay", "ZamGrains", "ZaMaximX2")
    code = (
        "import hashlib; from tests.effects.test_vst3 import replayed;"
        f"print(*(hashlib.sha256(replayed(title).tobytes()).hexdigest() for title in {titles}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [hashlib.sha256(replayed(title).tobytes()).hexdigest() for title in titles]


# ---------------------------------------------------------------- what may have happened since it was added


def left_out(plugin):
    """What the chain says of a plugin that cannot play; the music must have gone on."""
    chain, sound = EffectChain([hosted_class(plugin)()]), noise(2, 4 * BLOCK, 0.1)
    chain.prepare(48000, BLOCK)
    out = play(chain, sound)
    assert np.array_equal(out[:, chain.latency :], sound[:, : -chain.latency])
    ((name, why),) = chain.take_out_reports()
    return f"{name} {why}"


def test_a_plugin_that_is_gone_is_one_sentence_and_the_music_goes_on(tmp_path):
    gone = replace(zam.plugin("ZamDelay"), entry=Entry("zamdelay", tmp_path / "ZamDelay.vst3"))
    assert left_out(gone).startswith(
        f"zamdelay cannot play: there is no plugin at {tmp_path}/ZamDelay.vst3 (look for it"
    )


def test_a_plugin_that_became_another_one_is_one_sentence_and_the_music_goes_on(tmp_path):
    shutil.copytree(zam.path_of("ZamComp"), tmp_path / "ZamDelay.vst3", symlinks=False)
    other = replace(zam.plugin("ZamDelay"), entry=Entry("zamdelay", tmp_path / "ZamDelay.vst3"))
    assert f"{tmp_path}/ZamDelay.vst3 cannot be loaded as a plugin" in left_out(other)


def test_a_plugin_whose_parameters_have_changed_has_to_be_looked_at_again():
    plugin = zam.plugin("ZamDelay")
    older = replace(plugin, params=(replace(plugin.params[0], name="Reverse"), *plugin.params[1:]))
    assert "ZamDelay has other parameters than when it was added (`distill-live plugins add" in left_out(older)


def test_without_pedalboard_it_is_one_sentence_and_the_music_goes_on(monkeypatch):
    plugin = zam.plugin("ZamDelay")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pedalboard, which plays plugins, is not installed (pip install pedalboard brings it)" in left_out(plugin)


def test_a_file_of_one_plugin_does_not_hold_another():
    path = zam.path_of("ZamDelay")
    with pytest.raises(DistillError, match=r"holds ZamDelay; choose with e\.g\. --plugin 'ZamDelay'"):
        look_at(Entry("zamdelay", path, "ZamReverb"))


# ---------------------------------------------------------------- what loading costs, and whom


def run(code, home):
    environment = {**os.environ, "DISTILL_HOME": str(home)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)


def test_reading_the_registry_declares_a_hosted_plugin_and_does_not_load_it(own_home):
    put_plugin(zam.plugin("ZamDelay"))
    code = (
        "import sys; from distill_live.engine.params import load_all; r = load_all();"
        "print('fx.zamdelay.time' in r, {'pedalboard', 'torch', 'tomlkit'} & set(sys.modules),"
        " 'ZamDelay' in open('/proc/self/maps').read())"
    )
    assert run(code, own_home).stdout.split() == ["True", "set()", "False"]


def test_nothing_that_a_plugin_prints_is_seen(own_home):
    """It complains about its host when it is loaded and when it is let go of."""
    put_plugin(zam.plugin("ZamDelay"))
    code = (
        "import numpy as np; from distill_live.effects.chain import standard_chain;"
        "from distill_live.engine.params import load_all; from distill_live.params import ParamBank;"
        "chain = standard_chain(ParamBank(load_all())); chain.prepare(48000, 512);"
        "print('zamdelay' in chain.order, bool(chain.process(np.ones((2, 512), 'f')).max() > 0.1), chain.messages)"
    )
    done = run(code, own_home)
    assert (done.stdout.split(), done.stderr) == (["True", "True", "[]"], "")
