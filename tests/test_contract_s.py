"""Contract S holds for every streaming process of the instrument, and no process escapes the proof."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distill_live
from distill_live.streaming import Streaming, streaming_classes
from tests.contract_s import StreamingCase, check_contract_s

ROOMS = ("audio", "codec", "vocoder")


def _cases() -> Iterator[Any]:
    for path in sorted(Path(__file__).parent.glob("*/cases_contract_s.py")):
        spec = importlib.util.spec_from_file_location(f"cases_contract_s_{path.parent.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for number, case in enumerate(module.CASES):
            yield pytest.param(case, id=f"{path.parent.name}-{number}-{type(case.make()).__name__}")


CASES = list(_cases())


def _import_rooms() -> None:
    for room in ROOMS:
        package = importlib.import_module(f"{distill_live.__name__}.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


@pytest.mark.parametrize("case", CASES)
def test_step_by_step_equals_the_whole_and_states_are_values(case: StreamingCase) -> None:
    case.check()


def test_every_streaming_class_has_a_case() -> None:
    _import_rooms()
    proved = {type(case.values[0].make()) for case in CASES}
    ours = {cls for cls in streaming_classes() if cls.__module__.startswith(f"{distill_live.__name__}.")}
    missing = sorted(f"{cls.__module__}.{cls.__name__}" for cls in ours - proved)
    assert not missing, f"list these in tests/<room>/cases_contract_s.py: {', '.join(missing)}"


class _Smoother(Streaming[Any, Any, Any]):
    """A one-pole smoother, right in every respect; its broken kin below differ in one each."""

    abstract_streaming = True  # a test's own process needs no case

    def initial_state(self) -> Any:
        return np.zeros(1)

    def step(self, x: Any, state: Any) -> tuple[Any, Any]:
        y, last = np.empty_like(x), float(state[0])
        for n, value in enumerate(x):
            y[n] = last = 0.9 * last + value
        return y, np.array([last])

    def forward(self, x: Any) -> Any:
        return self.step(x, self.initial_state())[0]


class _Forgetful(_Smoother):
    abstract_streaming = True

    def step(self, x: Any, state: Any) -> tuple[Any, Any]:
        return super().step(x, np.zeros(1))


class _Hidden(_Smoother):
    """Keeps its history on itself: the second run begins where the first one ended."""

    abstract_streaming = True

    def __init__(self) -> None:
        self.memory = np.zeros(1)

    def step(self, x: Any, state: Any) -> tuple[Any, Any]:
        y, self.memory = super().step(x, self.memory)
        return y, state


class _InPlace(_Smoother):
    abstract_streaming = True

    def step(self, x: Any, state: Any) -> tuple[Any, Any]:
        y, after = super().step(x, state)
        state[:] = after
        return y, after


class _Late(_Smoother):
    """Claims a latency it does not have."""

    abstract_streaming = True
    latency = 1


def _noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(24)


def test_the_proof_accepts_what_is_right() -> None:
    check_contract_s(_Smoother(), _noise())


@pytest.mark.parametrize("broken", [_Forgetful, _Hidden, _InPlace, _Late])
def test_the_proof_refuses_what_is_broken(broken: type[_Smoother]) -> None:
    with pytest.raises(AssertionError):
        check_contract_s(broken(), _noise())
