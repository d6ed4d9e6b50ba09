"""Contract X holds for every effect that can be asked for by name, and none of ours escapes the proof."""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import pkgutil
import sys

import numpy as np
import pytest

import distill_live.effects
from distill_live.cli.main import run
from distill_live.effects.base import ParamEvent, stretches
from distill_live.effects.broken import BROKEN
from distill_live.effects.checks import CHECKS, Plan, broken_by, check_effect, check_growth, walk
from distill_live.effects.gain import Gain
from distill_live.effects.probes import FaultError
from distill_live.effects.registry import find_effects, make_effect
from distill_live.errors import UnknownNameError
from distill_live.params import Param
from tests.effects import contract_x as x

NAMES = sorted(find_effects().classes)
BRIEF = Plan((44100, 48000, 96000), (512,))
SIZES = Plan((48000,), (64, 441, 4096), turns=8, blocks=3)
SHORT = Plan((48000,), (64, 512), turns=10, blocks=2)


@pytest.mark.parametrize("name", NAMES)
def test_every_check_holds(name):
    results = check_effect(lambda: make_effect(name), BRIEF)
    assert [(r.check, r.text) for r in results if r.verdict not in ("ok", "reported")] == []
    assert [r.check for r in results] == [*CHECKS, "memory", "time"]


@pytest.mark.parametrize("name", NAMES)
def test_random_parameters_at_every_block_size_give_nothing_but_sound(name):
    assert walk(lambda: make_effect(name), SIZES) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_effect_fails_its_own_check_and_no_other(name):
    assert broken_by(check_effect(BROKEN[name], SHORT)) == [name.removeprefix("broken-")]


def test_there_is_a_broken_effect_for_each_check():
    assert {name.removeprefix("broken-") for name in BROKEN} == set(CHECKS)


@pytest.mark.skipif(sys.platform != "linux", reason="only there does the system tell")
def test_memory_that_machine_code_keeps_is_growth_too():
    """Python's own count sees nothing of what a hosted plugin takes."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype, libc.memset.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    ours = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # malloc would first use up what the tests before have left

    class Leaky(Gain):
        def render(self, block):
            libc.memset(libc.mmap(None, 16384, mmap.PROT_READ | mmap.PROT_WRITE, ours, -1, 0), 1, 16384)
            return super().render(block)

    Leaky.__module__ = "a plugin of somebody's"
    with pytest.raises(FaultError, match="machine code took"):
        check_growth(Leaky)


def test_what_another_fault_keeps_from_being_judged_says_so():
    results = {r.check: r for r in check_effect(BROKEN["broken-raising"], SHORT)}
    assert results["clicks"].verdict == "not judged"
    assert "ZeroDivisionError" in results["clicks"].text


def failed(make):
    return {r.check: r.text for r in check_effect(make, SHORT) if r.verdict == "failed"}


class Twisted(Gain):
    """A gain that a plugin's author might write; its kin below have one more thing wrong each."""

    name = "twisted"
    params = (
        Param(
            "fx.twisted.level",
            "Level",
            "fx.twisted",
            low=-24.0,
            high=6.0,
            unit="dB",
            smoothing_ms=20.0,
            help="Loudness.",
        ),
    )

    def __init__(self):
        super().__init__(self.params[0])


Twisted.__module__ = "a plugin of somebody's"


def test_an_ordinary_plugin_keeps_the_contract():
    assert failed(Twisted) == {}


def test_a_reset_that_moves_the_parameters_is_found():
    class Forgetful(Twisted):
        def reset(self):
            self.__init__()
            self.prepare(48000, 512)

    Forgetful.__module__ = Twisted.__module__
    assert failed(Forgetful) == {"reset": "a reset moves its parameters"}


def test_a_latency_that_a_knob_changes_is_found():
    class Moving(Twisted):
        def changed(self):
            super().changed()
            self.latency = 5

    Moving.__module__ = Twisted.__module__
    assert "its latency changes while it plays, from 0 to 5" in failed(Moving)["latency"]


def test_who_counts_on_whole_blocks_or_two_channels_is_found():
    class Whole(Twisted):
        def render(self, block):
            assert block.shape[1] in (64, 512), "a block of another length"
            return super().render(block)

    class Pair(Twisted):
        def render(self, block):
            left, right = super().render(block)
            return np.stack([left, right])

    for cls in (Whole, Pair):
        cls.__module__ = Twisted.__module__
    assert "another length" in failed(lambda: Whole())["raising"]
    assert "channels: 1" in failed(lambda: Pair())["raising"]


def test_an_id_that_the_chain_would_refuse_is_found():
    class Astray(Twisted):
        params = (Param("twisted.level", "Level", "fx.twisted", smoothing_ms=20.0, help="Loudness."),)

    class Switched(Twisted):
        params = (Param("fx.twisted.on", "On", "fx.twisted", smoothing_ms=20.0, help="On and off."),)

    for cls in (Astray, Switched):
        cls.__module__ = Twisted.__module__
    assert "does not begin with fx.twisted." in failed(Astray)["declarations"]
    assert "the chain's own switch" in failed(Switched)["declarations"]


def test_the_broken_ones_cannot_be_put_into_a_chain():
    assert not set(BROKEN) & set(find_effects().classes)


@pytest.mark.parametrize(("name", "code"), [("gain", 0), ("broken-latency", 1), ("no-such", 2)])
def test_the_command_says_what_holds_with_its_exit_code(name, code, capsys):
    assert run(["check-plugin", name]) == code
    said = capsys.readouterr()
    assert {0: "gain: keeps the contract.", 1: "broken-latency: failed latency.", 2: "no-such"}[
        code
    ] in said.out + said.err


def test_the_command_prints_json(capsys):
    assert run(["check-plugin", "broken-nan", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["failed"] == ["nan"]
    assert [c["check"] for c in said["checks"]][: len(CHECKS)] == list(CHECKS)


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


def test_an_effect_of_ours_that_nobody_registered_is_named():
    stranger = type("Stranger", (Gain,), {"__module__": "distill_live.effects.stranger"})
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
    assert all(f"effect plugin {name} " in named for name in ("other", "half", "gone", "limiter"))


@pytest.mark.parametrize("offsets", [[], [0], [0, 0], [100], [511], [3, 100, 100, 400], [-5, 9999]])
def test_a_block_is_cut_without_gap_or_overlap_and_no_event_is_lost(offsets):
    events = [ParamEvent(offset, "volume", 0.0) for offset in offsets]
    cuts = list(stretches(512, events))
    assert [start for start, _, _ in cuts] == [0, *(stop for _, stop, _ in cuts[:-1])]
    assert cuts[-1][1] == 512
    assert sum(len(due) for _, _, due in cuts) == len(offsets)
