"""How memory grew, and whether the machine stood still when the ring ran dry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.same_bits import Gap
from distill_live.cli.bench.soak import STOOD_STILL_REACH_S, growth, stood_still_beside
from distill_live.cli.bench.standstill import Standstill
from distill_live.cli.bench.tap import Heard

# ------------------------------------------------------------------ memory


@settings(max_examples=50, deadline=None)
@given(st.integers(40, 400), st.floats(100, 900), st.floats(-50, 50))
def test_a_line_is_found_however_long_it_was_watched(count: int, begin: float, per_hour: float) -> None:
    moments = [float(second) for second in range(count)]
    found = growth(moments, [begin + per_hour * moment / 3600 for moment in moments])
    assert found["per_hour"] == pytest.approx(per_hour, abs=1e-6)
    assert found["grown"] == pytest.approx(found["end"] - found["begin"])


def test_the_slope_is_of_time_and_not_of_the_number_of_looks() -> None:
    moments = [3.0 * n for n in range(200)]
    assert growth(moments, [600.0 + moment / 3600 for moment in moments])["per_hour"] == pytest.approx(1.0)


def test_warming_up_is_left_out_and_a_leak_is_not() -> None:
    moments = [float(n) for n in range(1000)]
    warm = growth(moments, [200.0 + 5.0 * n if n < 80 else 600.0 for n in range(1000)])
    assert warm == {"begin": 600.0, "end": 600.0, "grown": 0.0, "per_hour": pytest.approx(0.0, abs=1e-6)}
    assert growth(moments, [600.0 + n / 10 for n in range(1000)])["grown"] > 80


def test_one_look_that_went_wrong_moves_neither_end() -> None:
    sizes = [500.0] * 100
    sizes[12] = sizes[-1] = 9000.0
    assert growth([float(n) for n in range(100)], sizes)["grown"] == 0.0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_looks_say_nothing(count: int) -> None:
    assert growth([1.0] * count, [500.0] * count) == {}


# ------------------------------------------------------------------ standing still


@pytest.mark.parametrize(
    ("at_s", "late_s", "beside"),
    [
        (102.0, 0.05, True),
        (102.0 + STOOD_STILL_REACH_S - 0.01, 0.05, True),
        (102.0 + STOOD_STILL_REACH_S + 0.01, 0.05, False),
        (102.0 - STOOD_STILL_REACH_S - 0.04, 0.05, True),
        (102.0 - STOOD_STILL_REACH_S - 0.06, 0.05, False),
        (95.0, 8.0, True),
    ],
)
def test_a_standstill_explains_what_was_recorded_then(at_s: float, late_s: float, beside: bool) -> None:
    heard = Heard([(0, 10_000), (48_000, 60_000)], clock=[(100.0, 12_000), (101.0, 60_000), (103.0, 156_000)])
    gap = Gap(1, 1, 48_000 + 48_000, 0)  # a second into the second piece: frame 108 000, 102 s
    tapped: Any = SimpleNamespace(heard=heard)
    crowded: Any = SimpleNamespace(standstills=[Standstill(0, 50.0, 0.01), Standstill(3, at_s, late_s)])
    assert stood_still_beside(gap, tapped, crowded) == beside


def test_where_no_core_stood_still_nothing_is_explained() -> None:
    tapped: Any = SimpleNamespace(heard=Heard([(0, 0)], clock=[(0.0, 0)]))
    crowded: Any = SimpleNamespace(standstills=[])
    assert not stood_still_beside(Gap(0, 1, 0, 1), tapped, crowded)
