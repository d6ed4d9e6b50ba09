"""What is said of levels: no change for the same sound, the right kind of change for a known one, and a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill_live.cli.quality import levels
from distill_live.cli.quality.levels import change, edits, features, markdown, measured
from distill_live.params import REGISTRY

RATE = 48000


def tone(hz: float, level: float = 0.3, seconds: float = 1.0) -> Any:
    time_s = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def test_the_same_sound_is_no_change():
    same = change(features(tone(440)), features(tone(440)))
    assert (same.energy_db, same.centroid_oct, same.onset_percent) == (0.0, 0.0, 0.0)
    assert same.pitch == pytest.approx(0.0, abs=1e-9)


def test_half_the_level_is_energy_and_nothing_else():
    found = change(features(tone(440)), features(tone(440, 0.15)))
    assert found.energy_db == pytest.approx(6.02, abs=0.05)
    assert found.pitch < 0.01


def test_an_octave_is_brightness_and_no_other_pitch_class():
    found = change(features(tone(880)), features(tone(1760)))
    assert found.centroid_oct == pytest.approx(1.0, abs=0.2)
    assert found.pitch < 0.1


def test_a_fifth_is_another_pitch_class():
    assert change(features(tone(880)), features(tone(880 * 1.5))).pitch > 0.8


def test_strokes_in_place_of_a_drone_are_onsets():
    strokes = tone(440) * (np.arange(RATE) % 12_000 < 3_000)
    assert change(features(tone(440)), features(strokes.astype(np.float32))).onset_percent > 100.0


def test_every_edit_that_a_level_has_is_measured():
    said = {event.address.rpartition("/")[2] for events in edits(0).values() for event in events}
    settable = {p.id.rpartition(".")[2] for p in REGISTRY.group("level.0") if p.settable}
    assert settable - {address.rpartition(".")[2] for address in said} <= {"source", "swap", "blend"}
    assert "swap" in said


def test_a_real_model_is_measured(tiny_playable: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(levels, "SECONDS", 4.0)
    monkeypatch.setattr(levels, "FROM_S", 2.0)
    model = tiny_playable()
    found = measured(model, [1])
    assert list(found) == list(model.level_names)
    assert all(set(changes) == set(edits(0)) for changes in found.values())
    structure = next(iter(found.values()))
    assert structure["mute"].energy_db > 0.0
    text = markdown({"machine": "here"}, model, [1], found)
    assert text.count("| mute |") == model.levels
