"""The clock of a ``play`` that only its own status lines tell of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.output_clock import PERIOD, RATE, OutputClock, output_clock
from distill_live.errors import DistillError


def play_that_said(*statuses: tuple[float, int]) -> Any:
    return SimpleNamespace(statuses=[{"output_s": moment_s, "output_frame": frame} for moment_s, frame in statuses])


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 0.1), st.integers(2, 60), st.integers(-RATE, 30 * RATE))
def test_an_exact_device_has_an_exact_clock(latency_s: float, count: int, frame: int) -> None:
    play = play_that_said(*((100.0 + n / 4, n * RATE // 4) for n in range(1, count + 1)))
    clock = output_clock(play, {"output_latency_s": latency_s})
    assert clock.moment_s(frame) == pytest.approx(100.0 + latency_s + (frame + PERIOD) / RATE, abs=1e-6)


def test_what_was_said_twice_counts_once_and_what_was_not_yet_read_does_not() -> None:
    pairs = [(0.0, 0), (9.0, 0), (0.0, 512), (10.0, 48_000), (10.0, 48_000), (11.0, 96_000)]
    clock = OutputClock.from_pairs(pairs, 0.0, 0)
    assert clock.frames.tolist() == [48_000, 96_000] and clock.moment_s(72_000) == pytest.approx(10.5)


@pytest.mark.parametrize("said", [[], [(1.0, 48_000)], [(0.0, 0), (1.0, 0), (2.0, 48_000)]])
def test_a_play_that_said_too_little_has_no_clock(said: list[tuple[float, int]]) -> None:
    with pytest.raises(DistillError, match="too little"):
        output_clock(play_that_said(*said), {"output_latency_s": 0.0})
