"""Where presets lie: names stand for files, the factory's stay as they are, places are kept, damage is listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.engine.params import load_all
from distill_live.errors import DistillError, PresetError, UnknownNameError, UsageError
from distill_live.presets import shelf
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import (
    Listed,
    delete_preset,
    find_preset,
    list_presets,
    neighbours,
    own_folder,
    placed,
    read_preset,
    save_preset,
)
from distill_live.presets.text import SCHEMA, Heading

REGISTRY = load_all()


@pytest.fixture(autouse=True)
def only_two_from_the_factory(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A factory shelf of our own: ``calm`` (place 1) and ``wild`` (place 2)."""
    folder = tmp_path / "factory"
    folder.mkdir()
    for number, name in enumerate(("calm", "wild"), 1):
        (folder / f"{name}.toml").write_text(
            f'schema = "{SCHEMA}"\nnumber = {number}\nvalues = {{ mix = 0.{number} }}\n'
        )
    monkeypatch.setattr(shelf, "factory_folder", lambda: folder)
    return folder


def save(name: str, number: int | None = None, **values: float) -> Path:
    return save_preset(Preset(name, values, number=number), REGISTRY)


def names() -> list[str]:
    return [line.name for line in list_presets()]


def test_a_saved_preset_is_read_back_by_name_and_survives_another_save() -> None:
    save("night", mix=0.5)
    assert read_preset("night", REGISTRY).preset == Preset("night", {"mix": 0.5})
    save("night", mix=0.25)
    assert read_preset("night", REGISTRY).preset.values == {"mix": 0.25}
    assert [p.name for p in own_folder().iterdir()] == ["night.toml"]


def test_the_factory_stands_beside_the_users_in_alphabetical_order() -> None:
    save("Zebra")
    save("bees")
    assert names() == ["bees", "calm", "wild", "Zebra"]
    assert [line.whose for line in list_presets()] == ["own", "factory", "factory", "own"]


def test_a_preset_is_known_by_its_file_whatever_it_calls_itself() -> None:
    save("first", mix=0.5)
    (own_folder() / "second.toml").write_bytes((own_folder() / "first.toml").read_bytes())
    assert read_preset("second", REGISTRY).preset.name == "second"


def test_capitals_do_not_matter_where_only_one_is_meant() -> None:
    save("Night")
    assert find_preset("nIGHT").name == "Night"
    if not (own_folder() / "NIGHT.TOML").exists():  # a disk that knows capitals
        save("night")
        assert (find_preset("night").name, find_preset("Night").name) == ("night", "Night")
        with pytest.raises(UnknownNameError):
            find_preset("NIGHT")


def test_presets_without_a_number_fill_the_places_that_are_free() -> None:
    save("a")
    save("b", number=4)
    save("c")
    assert {line.name: line.place for line in list_presets()} == {"calm": 1, "wild": 2, "a": 3, "b": 4, "c": 5}
    assert find_preset(4).name == "b"
    assert find_preset("5").name == "c"  # Pd's and oscsend's text


def test_a_number_of_the_users_moves_the_factorys_aside() -> None:
    save("mine", number=1)
    assert {line.name: line.place for line in list_presets()} == {"mine": 1, "wild": 2, "calm": 3}


@given(st.lists(st.tuples(st.none() | st.integers(1, 12), st.booleans()), max_size=12))
def test_every_preset_has_a_place_of_its_own(presets: list[tuple[int | None, bool]]) -> None:
    lines = [Listed(f"{n:02}", Path(), factory, heading=Heading(number)) for n, (number, factory) in enumerate(presets)]
    done = placed(lines)
    assert [line.name for line in done] == [line.name for line in lines]
    places = [line.place for line in done]
    assert len(set(places)) == len(places) and all(place >= 1 for place in places)
    for wanted in {number for number, _ in presets if number is not None}:
        (there,) = (line for line in done if line.place == wanted)
        assert there.heading.number == wanted


def test_a_name_that_is_digits_is_a_name_before_it_is_a_place() -> None:
    save("2", mix=0.75)
    assert find_preset("2").name == "2"
    assert find_preset(2).name == "wild"


def test_what_is_not_there_is_said_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"'gongs'; use calm, wild\."):
        find_preset("gongs")
    for place in (0, -1, 3, 10**9):
        with pytest.raises(UnknownNameError, match=f"place {place}"):
            find_preset(place)


@pytest.mark.parametrize("name", ["", "../calm", "/etc/passwd", "a/b", "..", ".hidden", "a\0b", "x" * 81])
def test_a_name_is_never_a_path(name: str) -> None:
    for act in (find_preset, delete_preset, lambda n: save_preset(Preset(n), REGISTRY)):
        with pytest.raises(UsageError, match="cannot be a name"):
            act(name)
    assert not own_folder().exists()


def test_next_and_previous_go_round_in_alphabetical_order() -> None:
    save("Bees")
    assert [line.name for line in neighbours("calm", 1)] == ["wild", "Bees", "calm"]
    assert [line.name for line in neighbours("calm", -1)] == ["Bees", "wild", "calm"]
    assert neighbours("", 1)[0].name == "Bees"
    assert neighbours("", -1)[0].name == "wild"
    assert neighbours("wild", 1)[0].name == "Bees"
    assert neighbours("Bees", -1)[0].name == "wild"
    assert neighbours("deleted meanwhile", 1)[0].name == "wild"
    assert neighbours("deleted meanwhile", -1)[0].name == "calm"


def test_the_factorys_are_neither_overwritten_nor_deleted(only_two_from_the_factory: Path) -> None:
    before = (only_two_from_the_factory / "calm.toml").read_bytes()
    for name in ("calm", "Calm"):
        with pytest.raises(UsageError, match="is a factory preset"):
            save(name)
    with pytest.raises(UsageError, match="is a factory preset"):
        delete_preset("calm")
    assert (only_two_from_the_factory / "calm.toml").read_bytes() == before


def test_a_preset_of_the_users_that_is_older_than_the_factorys_name_hides_it_and_can_be_saved() -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "calm.toml").write_text(f'schema = "{SCHEMA}"\n')
    assert find_preset("calm").whose == "own"
    save("calm", mix=0.75)
    assert read_preset("calm", REGISTRY).preset.values == {"mix": 0.75}
    delete_preset("calm")
    assert find_preset("calm").whose == "factory"


def test_a_damaged_preset_is_listed_with_its_sentence_and_keeps_nobody_from_the_others() -> None:
    save("good")
    (own_folder() / "bad.toml").write_bytes(b"\xff\xfe")
    (own_folder() / "huge.toml").write_bytes(b"#" * 70_000)
    (own_folder() / "gone.toml").symlink_to(own_folder() / "nowhere")
    (own_folder() / ".hidden.toml").write_text("x")
    (own_folder() / "folder.toml").mkdir()
    (own_folder() / "con.toml").write_text("x")
    problems = {line.name: line.problem for line in list_presets()}
    assert list(problems) == ["bad", "calm", "good", "huge", "wild"]
    assert "it is not text" in problems["bad"] and "at most 65536" in problems["huge"]
    assert not (problems["calm"] or problems["good"])
    with pytest.raises(PresetError, match="bad"):
        read_preset("bad", REGISTRY)


def test_a_file_that_was_edited_by_hand_is_read_again() -> None:
    path = save("night", mix=0.5)
    read_preset("night", REGISTRY)
    path.write_text(path.read_text().replace("0.5", "0.125"))
    assert read_preset("night", REGISTRY).preset.values == {"mix": 0.125}


def test_a_save_that_fails_is_one_sentence_and_keeps_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    save("night", mix=0.5)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PresetError, match="No space left"):
        save("night", mix=0.25)
    assert read_preset("night", REGISTRY).preset.values == {"mix": 0.5}
    assert names() == ["calm", "night", "wild"]


def test_a_shelf_is_full_at_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST_PRESETS", 3)
    for name in "abc":
        save(name)
    with pytest.raises(PresetError, match="3 presets already"):
        save("d")
    save("a", mix=0.5)  # one that is there may be saved again


def test_deleting_takes_the_users_file_away() -> None:
    path = save("night")
    assert delete_preset("Night") == path
    assert not path.exists()
    with pytest.raises(DistillError, match="no preset 'night'"):
        delete_preset("night")
