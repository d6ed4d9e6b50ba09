"""The bench's measures: what they must say of simple sounds, and that they are those of the project's own judge."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from distill_live.cli.quality.measures import distances, frames_of, frechet, nearest_db

RATE = 48000
JUDGE = Path(__file__).parents[4] / "shared" / "tools" / "quality.py"


def tone(hz: float, seconds: float = 1.0, level: float = 0.3) -> Any:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def noise(seed: int, seconds: float = 1.0, level: float = 0.1) -> Any:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> Any:
    if not JUDGE.is_file():
        pytest.skip("the project's judge does not lie beside this checkout")
    spec = importlib.util.spec_from_file_location("quality_judge", JUDGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("reference", "estimate"),
    [
        (tone(440) + noise(1), tone(450) + noise(2)),
        (noise(3), noise(3) * np.float32(0.5)),
        (tone(200, 0.03), tone(300, 0.03)),
        (tone(1000, 1.0), np.zeros(RATE, np.float32)),
        (noise(4, 1.0), noise(5, 0.7)),
    ],
    ids=["close", "half", "short", "silence", "shorter"],
)
def test_pairs_are_judged_as_the_project_judges_them(judge, reference, estimate):
    ours, theirs = distances(reference, estimate), judge.paired(reference, estimate)
    assert ours.mrstft == pytest.approx(theirs["mrstft"], rel=1e-5)
    assert ours.mel_db == pytest.approx(theirs["mel_dB"], rel=1e-3)
    assert ours.lsd_db == pytest.approx(theirs["lsd_dB"], rel=1e-5)
    assert ours.centroid_percent == pytest.approx(theirs["cent_%"], rel=1e-4)


def test_sets_are_judged_as_the_project_judges_them(judge, tmp_path):
    sets = {"a": [tone(440) + noise(1), noise(2)], "b": [tone(500) + noise(3), tone(300)]}
    for name, sounds in sets.items():
        (tmp_path / name).mkdir()
        for number, sound in enumerate(sounds):
            soundfile.write(tmp_path / name / f"{number}.wav", sound, RATE, subtype="FLOAT")
    ours, others = frames_of(sets["a"]), frames_of(sets["b"])
    said = judge.set_mode(str(tmp_path / "a"), str(tmp_path / "b"))
    assert frechet(ours, others) == pytest.approx(said["frechet_per_dim"], rel=1e-3)
    assert nearest_db(others, ours) == pytest.approx(said["est_to_ref_dB"], rel=1e-3)
    assert nearest_db(ours, others) == pytest.approx(said["ref_to_est_dB"], rel=1e-3)


def test_half_the_level_is_what_it_is():
    found = distances(tone(440) + noise(1), (tone(440) + noise(1)) * np.float32(0.5))
    assert found.level_db == pytest.approx(-6.02, abs=0.01)
    assert found.mel_db == pytest.approx(6.02, abs=0.05)
    assert found.centroid_percent == pytest.approx(0.0, abs=0.01)


def test_a_sound_shorter_than_a_frame_is_judged_with_silence_behind_it():
    assert 0.0 < distances(tone(200, 0.01), tone(300, 0.01)).mrstft < 10.0


def test_a_higher_tone_has_a_higher_centroid():
    assert 5.0 < distances(tone(1000), tone(1100)).centroid_percent < 15.0


def test_the_same_set_is_no_distance_away_and_another_one_is():
    ours, others = frames_of([tone(440) + noise(1)]), frames_of([noise(2)])
    assert frechet(ours, ours) == pytest.approx(0.0, abs=1e-3)
    assert nearest_db(ours, ours) == pytest.approx(0.0, abs=1e-6)
    assert frechet(ours, others) > 5.0
    assert nearest_db(others, ours) > 3.0


def test_neighbours_in_the_same_sound_can_be_left_out():
    twice = frames_of([tone(440) + noise(1), tone(880) + noise(2)])
    assert nearest_db(twice, twice) == pytest.approx(0.0, abs=1e-6)
    assert nearest_db(twice, twice, apart=True) > 3.0
    assert math.isnan(nearest_db(*(frames_of([noise(3)]),) * 2, apart=True))
