"""The factory's presets: every value exists, every sound is the factory model's, and each is music of its own."""

from __future__ import annotations

import functools
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from distill_live.cli.offline import fill_bank, open_model
from distill_live.engine.params import load_all
from distill_live.engine.replay import render_offline
from distill_live.engine.take import TakeStart
from distill_live.models.playable import Playable
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import Listed, factory_folder, list_presets, read_listed
from distill_live.presets.text import format_preset

PATCHES = Path(__file__).parents[2] / "patches" / "presets"
SECONDS = 4.0
SILENT_DB = -50.0  # of a whole performance, root mean square
APART_DB = 2.0  # mean difference of two spectra from which they are different performances

pytestmark = pytest.mark.usefixtures("own_home")


def shipped() -> list[Listed]:
    return [line for line in list_presets() if line.factory]


NAMES = sorted(path.stem for path in factory_folder().glob("*.toml"))


def read(name: str) -> Preset:
    (line,) = (line for line in shipped() if line.name == name)
    read_back = read_listed(line, load_all())
    assert read_back.remarks == ""
    return read_back.preset


@pytest.fixture(scope="module")
def model() -> Playable:
    return open_model(None)


@functools.cache
def performance(name: str, model_path: Path) -> npt.NDArray[np.float32]:
    """The preset with the factory model, float32 ``[2, T]``; rendered once for all tests."""
    preset = read(name)
    played = TakeStart(0, dict(preset.values)).performance(open_model(str(model_path)))
    fill_bank(played, preset.bank)
    return render_offline(played, SECONDS)


def spectrum_db(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The mean spectrum in 32 bands, its loudness taken out."""
    pieces = sound.mean(axis=0)[: sound.shape[1] // 4096 * 4096].reshape(-1, 4096) * np.hanning(4096)
    power = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=0)
    edges = np.geomspace(2, 2048, 33).astype(int)
    bands = [power[a : max(b, a + 1)].mean() for a, b in pairwise(edges)]
    level_db = 10.0 * np.log10(np.array(bands) + 1e-9)
    return level_db - level_db.mean()


def test_there_are_six_to_eight_with_places_in_alphabetical_order_and_a_line_that_says_what_they_are() -> None:
    assert 6 <= len(NAMES) <= 8
    assert [(line.place, line.name) for line in shipped()] == list(enumerate(NAMES, 1))
    assert all(line.heading.note and line.heading.model == "factory" for line in shipped())


def test_patches_shows_the_very_files_that_the_package_ships() -> None:
    assert PATCHES.resolve() == factory_folder().resolve(), "one place: patches/presets is a link, never a copy"


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_names_only_what_exists_and_is_written_as_the_program_writes(name: str, model: Playable) -> None:
    preset = read(name)
    assert preset.values
    assert all(model.sound(sound) is not None for sound in preset.bank.values())
    for level in range(4):
        slot = str(preset.values.get(f"level.{level}.swap", "off"))
        assert slot == "off" or int(slot) in preset.bank, "a swap of a slot that another model fills otherwise"
    assert (factory_folder() / f"{name}.toml").read_text(encoding="utf-8") == format_preset(preset, load_all())


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_sounds_without_clipping(name: str, model: Playable) -> None:
    sound = performance(name, model.path)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 1.0
    assert 20.0 * np.log10(np.sqrt((sound**2).mean())) > SILENT_DB
    late = sound[:, sound.shape[1] // 2 :]
    assert 20.0 * np.log10(np.sqrt((late**2).mean())) > SILENT_DB, "it dies away"


def test_no_two_presets_sound_alike(model: Playable) -> None:
    spectra = {name: spectrum_db(performance(name, model.path)) for name in NAMES}
    alike = [(a, b) for a, b in combinations(NAMES, 2) if np.abs(spectra[a] - spectra[b]).mean() < APART_DB]
    assert alike == []
