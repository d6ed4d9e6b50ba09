"""Where a burst begins: within the window behind where it does, wherever that is and whatever lies under it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.bursts import BURST_S, burst
from distill_live.cli.bench.onset import BEFORE, RATE, WINDOW, find_onset

LISTEN = round(2 * BURST_S * RATE)
LATEST = LISTEN - round(1.1 * BURST_S * RATE)  # it has to hold its plateau for half of what is listened to


def background(frames: int, level: float, seed: int) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(frames)).astype(np.float32)


def with_burst(begin: int, level: float, seed: int) -> np.ndarray:
    """A second of noise with a burst that begins here."""
    sound, played = background(RATE, level, seed), burst(np.random.default_rng(seed + 1))
    sound[begin : begin + len(played)] += played[: len(sound) - begin]
    return sound


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 20_000), st.integers(0, LATEST), st.sampled_from([0.0, 1e-5, 1e-3, 7e-3]))
def test_an_onset_is_found_within_the_window_behind_it(seed: int, at: int, after: int, level: float) -> None:
    found = find_onset(with_burst(at + after, level, seed), at, LISTEN)
    assert found is not None and 0 <= found - after < WINDOW


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 10_000))
def test_an_onset_moves_with_its_burst_to_the_sample(seed: int, by: int) -> None:
    sound = with_burst(12_000, 0.0, seed)
    here, there = find_onset(sound, 11_000, LISTEN), find_onset(np.roll(sound, by), 11_000 + by, LISTEN)
    assert here is not None and here == there


def test_the_share_says_how_high_it_has_come() -> None:
    rise = np.concatenate([np.zeros(6000), np.linspace(0, 1, 4800), np.ones(18_000)])
    sound = (rise * np.sin(np.arange(len(rise)) / 3)).astype(np.float32)
    for share in (0.1, 0.5, 0.9):
        found = find_onset(sound, 5000, 20_000, share)
        assert found == pytest.approx(1000 + share * 4800 + WINDOW / 2, abs=WINDOW / 4)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.1])
def test_where_nothing_begins_there_is_no_onset(level: float) -> None:
    assert find_onset(background(RATE, level, 0), 10_000, LISTEN) is None


def test_a_burst_that_does_not_stand_out_is_none() -> None:
    plateau_rms = 0.25 / np.sqrt(3.0)
    for below_db, stands in ((24.0, True), (14.0, False)):
        sound = with_burst(14_000, plateau_rms * 10 ** (-below_db / 20), 3)
        assert (find_onset(sound, 10_000, LISTEN) is not None) == stands


def test_a_burst_that_comes_too_late_to_hold_is_none() -> None:
    assert find_onset(with_burst(10_000 + LISTEN - 2000, 1e-4, 0), 10_000, LISTEN) is None


def test_without_a_past_or_to_the_end_of_a_recording_that_ends_nothing_is_said() -> None:
    sound = with_burst(5000, 1e-4, 0)
    assert find_onset(sound, 0, LISTEN) is None
    assert find_onset(sound[: 4000 + LISTEN - 1], 4000, LISTEN) is None
    assert find_onset(sound[: 4000 + LISTEN], 4000, LISTEN) is not None
    assert BEFORE > 4000, "less of a past than it would look at is enough"
