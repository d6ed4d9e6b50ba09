"""Judging a real model on real files: what is said is what was done to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from distill_live.cli.quality import judge as judging
from distill_live.cli.quality.judge import judge, level_use, reconstruct
from distill_live.cli.quality.measures import distances
from distill_live.models.transcode import decode_sound, encode_sound

RATE = 48000


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    paths = []
    for number, hz in enumerate((220.0, 330.0, 550.0)):
        time_s = np.arange(round(1.5 * RATE)) / RATE
        noise = 0.02 * np.random.default_rng(number).standard_normal(len(time_s))
        paths.append(tmp_path / f"tone-{number}.wav")
        soundfile.write(paths[-1], 0.3 * np.sin(2 * np.pi * hz * time_s) + noise, RATE, subtype="FLOAT")
    return paths


def test_a_model_is_judged_on_recordings_and_on_what_it_plays(tiny_playable: Any, recordings: Any, monkeypatch: Any):
    monkeypatch.setattr(judging, "PLAYED_S", 2.0)
    model = tiny_playable()
    found = judge(model, recordings[:2], recordings[2:], seed=3)
    body = found.to_json()
    by_hand = []
    for path in recordings[:2]:
        sound, _ = soundfile.read(path, dtype="float32")
        by_hand.append(distances(sound, decode_sound(model, encode_sound(model, path))).mrstft)
    assert body["reconstruction"]["distances"]["mrstft"] == pytest.approx(np.mean(by_hand))
    assert body["reconstruction"]["recordings"] == 2
    assert len(body["use"]) == len(body["bits"]["context_bits"]) == 3
    assert found.sound.shape == (-(-2 * RATE // 512) * 512,)
    assert found.codes.shape[1:] == (model.rows, model.levels)
    assert body["played"]["to_training_db"] > 0.0
    assert [level["name"] for level in body["corpus_use"]] == list(model.level_names)
    assert [one["levels"] for one in body["edited"]["alone"]] == [(0,), (1,), (2,), (0, 1), (0, 1, 2)]
    assert [(one["first"], one["pairs"]) for one in body["edited"]["swapped"]] == [(1, 2), (2, 2)]
    again = judge(model, recordings[:2], recordings[2:], seed=3)
    assert (again.sound == found.sound).all()


def test_nothing_held_out_is_no_failure(tiny_playable: Any, recordings: Any, monkeypatch: Any):
    monkeypatch.setattr(judging, "PLAYED_S", 1.0)
    found = judge(tiny_playable(), [], recordings, seed=0)
    played = found.played
    assert found.edited.swapped == []
    assert played.held_out_db is None
    assert "too few recordings" in played.novelty


def test_a_set_of_another_kind_is_judged_too(tiny_playable: Any, recordings: Any):
    assert reconstruct(tiny_playable(), recordings)["recordings"] == 3


def test_the_use_of_codes_is_counted(tiny_playable: Any):
    model = tiny_playable()
    K = model.codebook_size
    grid = np.zeros((4 * K, model.rows, model.levels), np.int16)
    grid[:, :, 1] = (np.arange(4 * K) % K)[:, None]
    grid[:, :, 2] = (np.arange(4 * K) % 2)[:, None]
    first, second, third = level_use(model, [grid])
    assert (first.used_percent, first.perplexity) == (pytest.approx(100 / K), pytest.approx(1.0))
    assert (second.used_percent, second.perplexity, second.dead) == (100.0, pytest.approx(K), 0)
    assert third.perplexity == pytest.approx(2.0)
    assert third.dead == K - 2


def test_recordings_too_short_for_a_perceptual_score_have_none():
    pytest.importorskip("visqol")
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * 0.1
    assert judging.visqol([noise[:9600]], [noise[:9600]]) is None
    assert judging.visqol([noise[:9600], noise], [noise[:9600], noise]) > 4.0
