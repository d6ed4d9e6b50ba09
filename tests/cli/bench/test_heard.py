"""When a change is heard, where the take was already sounding, and in stereo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.heard import DIFFERENCE_SAMPLES, LEVEL_SAMPLES, first_difference, heard_at


def noise(frames: int, seed: int = 0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, channels))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 500),
    st.integers(1, 3 * LEVEL_SAMPLES),
    st.integers(0, 9000),
    st.floats(-50.0, 10.0),
    st.floats(-50.0, 10.0),
)
def test_what_was_before_counts_as_if_both_takes_had_it(
    seed: int, past: int, at: int, before_db: float, change_db: float
) -> None:
    before, without = noise(past, seed) * 10 ** (before_db / 20), noise(9600, seed + 1)
    with_it = without.copy()
    with_it[at:] += noise(9600 - at, seed + 2) * 10 ** (change_db / 20)
    whole = heard_at(np.concatenate([before, with_it]), np.concatenate([before, without]))
    found = heard_at(with_it, without, before)
    assert found == (None if whole is None else whole - past)


def test_a_loud_past_hides_a_small_change_at_the_begin() -> None:
    quiet, loud = np.full((9600, 2), 1e-3), np.ones((LEVEL_SAMPLES, 2))
    changed = quiet * 1.2
    bare, behind = heard_at(changed, quiet), heard_at(changed, quiet, loud)
    assert bare == 0
    assert behind is not None and behind == pytest.approx(LEVEL_SAMPLES // 2, abs=DIFFERENCE_SAMPLES)


def test_what_was_before_does_not_smear_the_first_samples() -> None:
    without, before = noise(9600), noise(LEVEL_SAMPLES, 1)
    with_it = without.copy()
    with_it[0] += 0.1
    assert heard_at(with_it, without) == 0, "the mean of a single sample"
    assert heard_at(with_it, without, before) is None, "but over 10 ms it is nothing"


@pytest.mark.parametrize("channel", [0, 1])
def test_a_change_in_one_channel_is_heard(channel: int) -> None:
    without = noise(9600)
    with_it = without.copy()
    with_it[5000:, channel] *= -1
    assert first_difference(with_it, without) == 5000
    found = heard_at(with_it, without)
    assert found is not None and 5000 <= found < 5000 + DIFFERENCE_SAMPLES


def test_float32_takes_are_not_compared_more_coarsely() -> None:
    without = noise(9600).astype(np.float32)
    with_it = without.copy()
    with_it.view(np.uint32)[7000, 1] ^= 1
    assert first_difference(with_it, without) == 7000
