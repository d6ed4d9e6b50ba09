"""Contract P: one registry, real units, nothing that is not a number gets in."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.engine.params import load_all
from distill_live.errors import ParamError, UnknownNameError
from distill_live.params import Param, ParamBank, Registry

REGISTRY = load_all()
SETTABLE = [p for p in REGISTRY.values() if p.settable]


def test_importing_the_registry_loads_nothing_heavy() -> None:
    code = "import sys, distill_live.params; print(sorted({'torch','textual','sounddevice','mido'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_loading_every_declaration_loads_no_torch() -> None:
    code = "import sys; from distill_live.engine.params import load_all; load_all(); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize("param", SETTABLE, ids=lambda p: p.id)
@given(position=st.floats(0.0, 1.0))
def test_value_to_position_to_value_is_exact_for_every_parameter(param: Param, position: float) -> None:
    value = param.from_position(position)
    again = param.from_position(param.to_position(value))
    if isinstance(value, float):
        assert again == pytest.approx(value, rel=1e-9, abs=1e-9)
    else:
        assert again == value


@pytest.mark.parametrize("param", SETTABLE, ids=lambda p: p.id)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "nonsense", None, [1], "nan"])
def test_what_is_not_a_value_is_refused_and_changes_nothing(param: Param, bad: object) -> None:
    bank = ParamBank(REGISTRY)
    with pytest.raises(ParamError) as caught:
        bank.set(param.id, bad)
    assert param.id in str(caught.value) and bank[param.id] == param.default_value


@pytest.mark.parametrize("param", [p for p in SETTABLE if p.kind in ("int", "float")], ids=lambda p: p.id)
def test_out_of_range_is_clamped_and_said(param: Param) -> None:
    for wild, edge in ((param.high + 1e9, param.high), (param.low - 1e9, param.low)):
        coerced = param.coerce(wild)
        assert coerced.clamped and coerced.value == edge


def test_huge_integers_are_refused_like_infinity() -> None:
    with pytest.raises(ParamError):
        REGISTRY["temperature"].coerce(10**400)


def test_every_parameter_has_a_sentence_and_a_group() -> None:
    for param in REGISTRY.values():
        assert param.help.endswith(".") and param.name and param.group, param.id
        json.dumps(param.describe(), allow_nan=False)


def test_an_enum_takes_labels_in_any_case_and_indices() -> None:
    remap = REGISTRY["level.0.remap"]
    assert remap.coerce("RANDOM").value == "random" and remap.coerce(2.0).value == "neighbour"


def test_a_readout_cannot_be_set_and_an_unknown_id_is_named() -> None:
    bank = ParamBank(REGISTRY)
    with pytest.raises(ParamError, match="readout"):
        bank.set("meter.left", 0.0)
    with pytest.raises(UnknownNameError, match=r"no\.such"):
        bank.set("no.such", 0.0)


def test_a_snapshot_restores_everything_that_differs() -> None:
    bank = ParamBank(REGISTRY)
    bank.set("temperature", 0.5)
    bank.set("level.1.swap", "3")
    other = ParamBank(REGISTRY)
    other.set("topk", 9)
    other.restore(bank.snapshot())
    assert other.snapshot() == {"temperature": 0.5, "level.1.swap": "3"}


def test_declaring_one_id_twice_differently_is_a_bug() -> None:
    registry = Registry([Param("a", "A", "g", help="x.")])
    registry.declare(Param("a", "A", "g", help="x."))
    with pytest.raises(AssertionError, match="twice"):
        registry.declare(Param("a", "A", "g", high=2.0, help="x."))


def test_four_levels_are_always_registered_and_topk_runs_to_1024() -> None:
    for level in range(4):
        for what in ("temperature", "topk", "topp", "swap", "blend", "hold", "mute", "remap", "feedback"):
            assert f"level.{level}.{what}" in REGISTRY
    assert REGISTRY["topk"].high == 1024 and REGISTRY["topp"].default == 0.9
    assert (REGISTRY["temperature"].low, REGISTRY["temperature"].high) == (0.1, 2.0)


def test_the_order_of_the_registry_does_not_depend_on_who_imported_what_first() -> None:
    """A screen once began with another control when the effects had been imported before the prior."""
    orders = []
    for first in ("distill_live.params", "distill_live.effects.params", "distill_live.codes.params"):
        code = f"import {first}; from distill_live.engine.params import load_all; print(*load_all())"
        orders.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert orders[0] == orders[1] == orders[2] and orders[0].split()
