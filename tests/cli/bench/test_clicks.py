"""Clicks and steps: planted ones are found where they are, nothing else is, and in pieces as in one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.clicks import CLICK_WINDOW, MERGE, RATE, clicks, steps
from tests.cli.bench.told import dropped, silenced

QUALITY = Path(__file__).parents[3].parent / "shared" / "tools" / "quality.py"
GAP = 256

Measure = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    if not QUALITY.exists():
        pytest.skip("the quality measure is not beside this checkout")
    spec = importlib.util.spec_from_file_location("quality_clicks", QUALITY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noise(seconds: float, level: float = 0.05, seed: int = 0) -> np.ndarray:
    """Stereo noise ``[T, 2]``, its channels not the same."""
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((round(seconds * RATE), 2))).astype(np.float32)


def tone(seconds: float, hertz: float = 220.0) -> np.ndarray:
    """A stereo tone ``[T, 2]`` over a little noise."""
    wave: np.ndarray = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    sound: np.ndarray = wave[:, None].astype(np.float32) + noise(seconds, 1e-3)
    return sound


def rough(seed: int) -> np.ndarray:
    """Two seconds with everything: silence, a tone, noise that begins and ends suddenly, impulses."""
    rng = np.random.default_rng(seed)
    sound = tone(2.0, rng.uniform(60, 2000)) * np.float32(rng.choice([0.0, 0.1, 1.0]))
    for _ in range(4):
        at, frames = rng.integers(0, len(sound)), rng.integers(100, 9000)
        sound[at : at + frames] += noise(1.0, 0.1, seed)[: len(sound[at : at + frames])]
    sound[rng.integers(0, len(sound), 5)] += rng.uniform(-0.8, 0.8, (5, 1)).astype(np.float32)
    sound[len(sound) // 2 :][: rng.integers(1, 5000)] = 0.0
    return sound


@pytest.mark.parametrize("seed", range(4))
def test_clicks_are_those_of_the_quality_measure(quality: ModuleType, seed: int) -> None:
    sound = rough(seed)
    theirs = np.round(quality.clicks(sound.mean(axis=1, dtype=np.float64), RATE) * RATE)
    assert len(theirs) and clicks(sound).tolist() == theirs.tolist()


@pytest.mark.parametrize("measure", [clicks, steps])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), piece=st.integers(2000, 120_000))
def test_the_pieces_make_no_difference(measure: Measure, seed: int, piece: int) -> None:
    sound = rough(seed)
    assert measure(sound, piece).tolist() == measure(sound, len(sound)).tolist()


@pytest.mark.parametrize("measure", [clicks, steps])
@pytest.mark.parametrize("offset", [-98, -2, -1, 0, 1, 2, 97])
def test_a_click_at_the_border_of_two_pieces_is_found_once(measure: Measure, offset: int) -> None:
    sound, at = tone(1.0), 24_000 + offset
    sound[at] += 0.4
    found = measure(sound, 24_000).tolist()
    assert len(found) == 1 and abs(found[0] - at) <= 1


@pytest.mark.parametrize("measure", [clicks, steps])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 50, 200, CLICK_WINDOW + 2])
def test_a_short_or_silent_sound_has_none(measure: Measure, frames: int) -> None:
    assert len(measure(np.zeros((frames, 2), np.float32))) == 0
    assert len(measure(np.full((frames, 2), 0.7, np.float32))) == 0, "a constant does not bend"


@pytest.mark.parametrize("measure", [clicks, steps])
def test_places_closer_than_two_milliseconds_are_one(measure: Measure) -> None:
    for distance, count in ((MERGE // 2, 1), (MERGE + 4, 2)):
        sound = np.zeros((20_000, 2), np.float32)
        sound[[10_000, 10_000 + distance]] = 0.5
        assert len(measure(sound)) == count


def test_steady_noise_has_neither() -> None:
    assert len(clicks(noise(2.0))) == len(steps(noise(2.0))) == 0


@pytest.mark.parametrize("seed", range(6))
def test_an_onset_of_noise_is_no_step_and_a_short_one_is_a_click(seed: int) -> None:
    sound = noise(1.0, 0.003, seed)
    sound[8_000:20_000] *= 60.0
    sound[36_000:36_200] *= 60.0
    assert len(steps(sound)) == 0
    assert np.abs(clicks(sound) - 36_000).min() < 200, "which is why only the same music's clicks can be compared"


@pytest.mark.parametrize("plant", [dropped, silenced])
@pytest.mark.parametrize("hertz", [55.0, 220.0, 440.0])
def test_a_gap_in_a_tone_has_a_step_at_its_ends_and_nowhere_else(plant: Measure, hertz: float) -> None:
    sound, at = tone(2.0, hertz), 40_025
    found = steps(plant(sound, at, GAP))
    assert len(steps(sound)) == 0 and len(found)
    assert all(min(abs(place - at), abs(place - at - GAP)) <= 2 for place in found)


@pytest.mark.parametrize("seed", range(4))
def test_zeros_in_noise_are_no_steps_which_is_why_bits_are_compared_too(seed: int) -> None:
    places = steps(silenced(noise(1.0, seed=seed), 20_000, GAP))
    assert all(abs(place - 20_000) <= 2 or abs(place - 20_000 - GAP) <= 2 for place in places)


def test_what_cancels_between_the_channels_is_not_there() -> None:
    sound = tone(1.0)
    sound[20_000] += np.array([0.5, -0.5], np.float32)
    assert len(clicks(sound)) == len(steps(sound)) == 0
