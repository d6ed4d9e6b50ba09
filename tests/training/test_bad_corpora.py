"""Collections that nobody meant: each gives a model that plays, or one sentence that says what to add."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from distill_live.engine.performance import Performance
from distill_live.errors import CorpusError
from distill_live.models.playable import Playable, load_playable
from distill_live.training.options import TrainOptions
from distill_live.training.progress import Event, Notice
from distill_live.training.run import train_model
from tests.training.sounds import plucks

torch.set_num_threads(1)  # two threads beside other work are slower than one
QUICK = TrainOptions(epochs=1, threads=1, seed=3)
pytestmark = pytest.mark.usefixtures("small_portions")


def one_short_file(folder: Path) -> None:
    soundfile.write(folder / "a.wav", plucks(0, 3.0, 48000), 48000)


def one_shots(folder: Path) -> None:
    for number in range(500):
        rng = np.random.default_rng(number)
        fall = np.exp(-np.arange(1200) / 240.0)
        soundfile.write(folder / f"{number:03d}.wav", 0.5 * fall * rng.uniform(-1, 1, 1200), 24000)


def clipped(folder: Path) -> None:
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", np.clip(8.0 * plucks(number, 2.0, 48000), -1.0, 1.0), 48000)


def offset(folder: Path) -> None:
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", 0.4 * plucks(number, 2.0, 48000) + 0.5, 48000)


def slow(folder: Path) -> None:
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", plucks(number, 2.0, 8000), 8000)


def fast(folder: Path) -> None:
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", plucks(number, 2.0, 192_000), 192_000)


def six_channels(folder: Path) -> None:
    for number in range(5):
        sound = np.stack([plucks(6 * number + channel, 2.0, 48000) for channel in range(6)], axis=1)
        soundfile.write(folder / f"{number}.wav", sound, 48000)


def one_long_drone(folder: Path) -> None:
    """Eleven minutes of one note, at a low rate: more than is used of a file."""
    time_s = np.arange(660 * 8000) / 8000
    soundfile.write(folder / "drone.wav", 0.3 * np.sin(2 * np.pi * 110.0 * time_s), 8000)


def trained(tmp_path: Path, write: Callable[[Path], None]) -> tuple[Playable, list[str]]:
    folder, events = tmp_path / "corpus", list[Event]()
    folder.mkdir()
    write(folder)
    train_model(folder, tmp_path / "a.distill", QUICK, events.append)
    notices = [event for event in events if isinstance(event, Notice)]
    texts = [line for notice in notices for line in (notice.text, *notice.data.get("lines", ()))]
    return load_playable(tmp_path / "a.distill"), texts


def played(model: Playable, blocks: int = 200) -> Any:
    performance = Performance(model, seed=1)
    return np.concatenate([performance.render_block() for _ in range(blocks)], axis=1)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (one_short_file, "only 1 recording"),
        (one_shots, "500 files"),
        (clipped, "clipped"),
        (offset, "a DC offset of +0.5"),
        (slow, "at 8 kHz nothing sounds above 4 kHz"),
        (fast, "5 files"),
        (six_channels, "6 channels are mixed to one"),
        (one_long_drone, "only its first 10 min 0 s are used"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_it_trains_says_what_is_odd_and_plays(tmp_path, write, said):
    model, texts = trained(tmp_path, write)
    sound = played(model)
    assert np.isfinite(sound).all()
    assert 0.0 < np.abs(sound).max() <= 1.0
    everything = "\n".join(texts)
    assert said in everything, everything


def click_in_silence(folder: Path) -> None:
    sound = np.zeros(480_000)
    sound[240_000] = 0.9
    soundfile.write(folder / "a.wav", sound, 48000)


def shots_too_few(folder: Path) -> None:
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", plucks(number, 0.05, 48000), 48000)


@pytest.mark.parametrize("write", [click_in_silence, shots_too_few], ids=lambda write: write.__name__)
def test_what_cannot_be_learned_from_is_one_sentence_with_what_to_add(tmp_path, write):
    with pytest.raises(CorpusError) as caught:
        trained(tmp_path, write)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "add" in sentence or "record" in sentence, sentence
    assert not (tmp_path / "a.distill").exists()
