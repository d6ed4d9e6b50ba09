"""The library: names stand for files, and nothing but names gets in."""

from __future__ import annotations

import pytest

from distill_live.errors import DistillError, ModelFileError, UnknownNameError, UsageError
from distill_live.models import library
from tests.fixtures import tiny_model_file


@pytest.fixture
def two_models(own_home):
    for seed, name in enumerate(["bells", "drones"]):
        tiny_model_file(own_home / "models" / f"{name}.distill", seed=seed, sounds=2)
    return own_home / "models"


def test_a_name_is_a_path_when_it_ends_in_distill_else_a_library_name(two_models, tmp_path):
    path = tiny_model_file(tmp_path / "here.distill", sounds=2)
    assert library.resolve(str(path)) == path
    assert library.resolve("bells") == two_models / "bells.distill"
    with pytest.raises(UnknownNameError, match="bells, drones"):
        library.resolve("gongs")
    with pytest.raises(ModelFileError, match="no file"):
        library.resolve("bells.distill")


def test_no_name_is_the_factory_model(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "factory_path", lambda: tmp_path / "factory.distill")
    with pytest.raises(ModelFileError, match="factory"):
        library.resolve(None)
    (tmp_path / "factory.distill").touch()
    assert library.resolve(None) == tmp_path / "factory.distill"


def test_the_factory_model_has_its_own_name_until_another_takes_it(own_home):
    assert library.resolve("factory") == library.factory_path()
    own = tiny_model_file(own_home / "models" / "factory.distill", sounds=2)
    assert library.resolve("factory") == own


def test_a_log_in_place_of_a_model_is_told_apart(own_home):
    with pytest.raises(UsageError, match=r"log of a take.*replay"):
        library.resolve("last/take.jsonl")


def test_an_empty_library_says_how_to_fill_it(own_home):
    assert library.list_models() == []
    with pytest.raises(UnknownNameError, match="train"):
        library.resolve("anything")


def test_a_damaged_file_is_listed_with_its_sentence(two_models):
    (two_models / "broken.distill").write_bytes(b"oops")
    (two_models / ".hidden.distill.part").write_bytes(b"half")
    listed = library.list_models()
    assert [line.name for line in listed] == ["bells", "broken", "drones"]
    assert [line.model is None for line in listed] == [False, True, False]
    assert "broken.distill" in listed[1].problem


def test_search_ignores_case(two_models):
    assert [line.name for line in library.list_models("DRO")] == ["drones"]


def test_rename_moves_and_never_overwrites(two_models):
    before = (two_models / "drones.distill").read_bytes()
    with pytest.raises(UsageError, match="already"):
        library.rename_model("bells", "drones")
    assert (two_models / "drones.distill").read_bytes() == before
    assert library.rename_model("bells", "night bells").is_file()
    assert [line.name for line in library.list_models()] == ["drones", "night bells"]


def test_delete_removes_library_models_only(two_models, tmp_path):
    library.delete_model("bells")
    assert [line.name for line in library.list_models()] == ["drones"]
    path = tiny_model_file(tmp_path / "mine.distill", sounds=2)
    with pytest.raises(UsageError):
        library.delete_model(str(path))
    assert path.exists()


BAD_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "a/b",
    "../a",
    "a\\b",
    "C:x",
    "a\0b",
    "a\nb",
    "x" * 81,
    " a",
    "a ",
    "con",
    "\udc80",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_cannot_be_a_name_is_refused_everywhere(two_models, name):
    calls = [
        lambda: library.place_for(name),
        lambda: library.rename_model("bells", name),
        lambda: library.delete_model(name),
        lambda: library.sound_path(name),
    ]
    for call in calls:
        with pytest.raises(DistillError):
            call()
    assert (two_models / "bells.distill").exists()


def test_sounds_are_found_by_name_and_never_by_path(own_home):
    folder = own_home / "sounds"
    folder.mkdir(parents=True)
    (folder / "gong.wav").touch()
    (folder / "notes.txt").touch()
    assert library.list_sounds() == ["gong.wav"]
    assert library.sound_path("gong") == library.sound_path("gong.wav") == folder / "gong.wav"
    with pytest.raises(UsageError):
        library.sound_path(str(folder / "gong.wav"))
    with pytest.raises(UnknownNameError, match=r"gong\.wav"):
        library.sound_path("bell")
