"""The template in the documentation is a good plugin, and its tutorial tells the truth about the names in it."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from distill_live.effects.base import Effect, ParamEvent
from distill_live.effects.checks import Plan, check_effect
from distill_live.effects.params import declare_effects
from distill_live.effects.registry import GROUP, FoundEffects, find_effects
from distill_live.params import Registry
from tests.effects.contract_x import noise

TEMPLATE = Path(__file__).parents[2] / "docs" / "plugin-template"


@pytest.fixture(scope="module")
def tremolo() -> type[Effect]:
    """The class that the template's entry point names, imported from its file."""
    told = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    module_name, class_name = told["tremolo"].split(":")
    spec = importlib.util.spec_from_file_location(module_name, TEMPLATE / f"{module_name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return getattr(module, class_name)


def test_the_template_keeps_the_contract(tremolo):
    results = check_effect(tremolo, Plan((44100, 96000), (64, 512), turns=20))
    assert [(r.check, r.text) for r in results if r.verdict not in ("ok", "reported")] == []


def test_at_its_defaults_it_leaves_the_sound_alone(tremolo):
    sound = noise(2, 512)
    assert np.array_equal(tremolo().process(sound), sound)


def test_it_swings(tremolo):
    effect = tremolo()
    effect.prepare(48000, 48000)
    out = effect.process(np.ones((1, 48000), np.float32), [ParamEvent(0, "fx.tremolo.depth", 1.0)])[0]
    lows = np.flatnonzero((out[1:-1] < out[:-2]) & (out[1:-1] <= out[2:]) & (out[1:-1] < 0.2))
    assert len(lows) == 5


def test_an_installed_plugin_is_declared_and_one_that_takes_others_ids_is_named(tremolo):
    thief = type("Thief", (tremolo,), {"name": "thief"})
    found = find_effects()
    registry = Registry()
    both = {**found.classes, "tremolo": tremolo, "thief": thief}
    declared = declare_effects(FoundEffects(both, ("effect plugin x cannot be used: y",)), registry)
    assert "fx.tremolo.rate" in registry
    assert "tremolo" in declared.classes and "thief" not in declared.classes
    assert declared.messages[0].startswith("effect plugin x ")
    assert "fx.thief." in declared.messages[1]
