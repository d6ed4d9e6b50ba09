"""Contract X holds for every effect that can be asked for by name, and none of ours escapes the proof."""

from __future__ import annotations

import importlib
import pkgutil
import tracemalloc

import numpy as np
import pytest

import distill_live.effects
from distill_live.effects.base import Block, ParamEvent, SplitEffect, stretches
from distill_live.effects.registry import find_effects, make_effect
from distill_live.errors import UnknownNameError
from tests.effects import contract_x as x

NAMES = sorted(find_effects().classes)
PARAMS = [(name, param) for name in NAMES for param in make_effect(name).params]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_ids_follow_the_contract(name):
    x.check_declarations(make_effect(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
def test_random_parameters_at_every_block_never_give_anything_but_sound(name, sample_rate):
    x.check_random_params(make_effect(name), sample_rate, 512)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("block", [64, 441, 4096])
def test_so_at_every_block_size(name, block):
    x.check_random_params(make_effect(name), 48000, block, turns=10, blocks=3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("sample_rate", "block"), [(44100, 64), (48000, 512), (96000, 4096)])
def test_the_latency_is_the_truth(name, sample_rate, block):
    x.check_latency(make_effect(name), sample_rate, block)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("block", [64, 512])
def test_a_loaded_state_gives_the_same_bits(name, block):
    x.check_state(lambda: make_effect(name), 48000, block)


@pytest.mark.parametrize("name", NAMES)
def test_a_reset_leaves_silence(name):
    x.check_reset(lambda: make_effect(name), 48000, 512)


@pytest.mark.parametrize(("name", "param"), PARAMS, ids=[param.id for _, param in PARAMS])
def test_turning_a_parameter_does_not_click(name, param):
    x.check_no_click(lambda: make_effect(name), param)


@pytest.mark.parametrize("name", NAMES)
def test_memory_stays_flat_after_prepare(name):
    effect, sound, rng = make_effect(name), x.noise(2, 512), np.random.default_rng(0)
    effect.prepare(48000, 512)

    def play(blocks):
        for _ in range(blocks):
            effect.process(sound, x.random_events(effect.params, 512, rng))

    play(20)
    tracemalloc.start()
    play(20)
    before = tracemalloc.get_traced_memory()[0]
    play(100)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_channels_passes(name):
    effect = make_effect(name)
    for channels in (1, 2, 8, 2):
        effect.prepare(48000, 64)
        assert effect.process(x.noise(channels, 64)).shape == (channels, 64)


# ---------------------------------------------------------------- the walk itself


def test_every_effect_of_the_package_is_registered():
    for module in pkgutil.iter_modules(distill_live.effects.__path__, "distill_live.effects."):
        importlib.import_module(module.name)
    assert x.unregistered(x.effect_classes(), find_effects().classes) == []


class _Halver(SplitEffect):
    """Right in every respect; its broken kin below differ in one each."""

    name = "halver"

    def build(self) -> None:
        self.latency = 0

    def render(self, block: Block) -> Block:
        return block * np.float32(0.5)

    def reset(self) -> None:
        pass


class _Liar(_Halver):
    def build(self) -> None:
        self.latency = 7


class _Scribbler(_Halver):
    def render(self, block: Block) -> Block:
        block *= np.float32(0.5)
        return block


class _Divider(_Halver):
    def render(self, block: Block) -> Block:
        return block / np.float32(0.0)


class _Forgetful(_Halver):
    """Counts what it has played, and does not store it."""

    def build(self) -> None:
        self.count = 0

    def render(self, block: Block) -> Block:
        self.count += 1
        return block * np.float32(1.0 / self.count)


def _walk(make):
    x.check_declarations(make())
    x.check_random_params(make(), 48000, 512, turns=2)
    x.check_latency(make(), 48000, 512)
    x.check_state(make, 48000, 512)
    x.check_reset(make, 48000, 512)


def test_the_proof_accepts_what_is_right():
    _walk(_Halver)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("broken", [_Liar, _Scribbler, _Divider, _Forgetful])
def test_the_proof_refuses_what_is_broken(broken):
    with pytest.raises(AssertionError):
        _walk(broken)


def test_an_effect_of_ours_that_nobody_registered_is_named():
    stranger = type("Stranger", (_Halver,), {"__module__": "distill_live.effects.stranger"})
    assert x.unregistered([stranger], find_effects().classes) == ["Stranger"]


# ---------------------------------------------------------------- looking up, and cutting blocks


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownNameError, match="use one of delay, drive"):
        make_effect("chorus")


def test_plugins_are_found_by_their_entry_point_and_bad_ones_are_named(tmp_path, monkeypatch):
    (tmp_path / "wobbles.py").write_text(
        "import numpy as np\n"
        "from distill_live.effects.base import SplitEffect\n"
        "class Wobble(SplitEffect):\n"
        "    name = 'wobble'\n"
        "    def build(self): self.latency = 0\n"
        "    def render(self, block): return -block\n"
        "    def reset(self): pass\n"
        "half_done = 3\n"
    )
    info = tmp_path / "wobbles-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wobbles\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[distill_live.effects]\n"
        "wobble = wobbles:Wobble\n"
        "other = wobbles:Wobble\n"
        "half = wobbles:half_done\n"
        "gone = wobbles:Missing\n"
        "limiter = wobbles:Wobble\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = find_effects()
    assert found.classes["wobble"]().process(np.ones((1, 2), np.float32)).tolist() == [[-1.0, -1.0]]
    assert found.classes["limiter"].__module__ == "distill_live.effects.limiter"
    named = " ".join(found.messages)
    assert all(f"effect plugin {name} " in named for name in ("other", "half", "gone"))


@pytest.mark.parametrize("offsets", [[], [0], [0, 0], [100], [511], [3, 100, 100, 400], [-5, 9999]])
def test_a_block_is_cut_without_gap_or_overlap_and_no_event_is_lost(offsets):
    events = [ParamEvent(offset, "volume", 0.0) for offset in offsets]
    cuts = list(stretches(512, events))
    assert [start for start, _, _ in cuts] == [0, *(stop for _, stop, _ in cuts[:-1])]
    assert cuts[-1][1] == 512
    assert sum(len(due) for _, _, due in cuts) == len(offsets)
