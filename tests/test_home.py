"""What may be a name, and that a file is replaced whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.errors import ParamError, UsageError
from distill_live.home import LONGEST_NAME, LONGEST_SOUND_NAME, check_name, home, sound_name, write_atomic

HOSTILE = ("", " ", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", "c:x", ".hidden", "a\nb", "a\0b", "x.", "nul.toml")


@pytest.mark.parametrize("name", [*HOSTILE, "x" * (LONGEST_NAME + 1)])
def test_what_names_a_place_or_no_file_at_all_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        check_name(name)


AWAY = (
    "",
    "../bells",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "/",
    "/etc/passwd",
    "a\\b",
    ".bells",
    "a/.b",
    "a\tb",
    "x" * 129,
)


@pytest.mark.parametrize("name", [*AWAY, 5, None, True])
def test_the_name_of_a_sound_is_never_a_path_nor_anything_but_text(name: object) -> None:
    with pytest.raises(ParamError, match="is not the name of a sound"):
        sound_name(name)


@given(st.text(max_size=LONGEST_SOUND_NAME + 5))
def test_an_accepted_name_stays_in_its_folder(name: str) -> None:
    folder = Path("/library")
    for check in (check_name, sound_name):
        try:
            accepted = check(name)
        except (UsageError, ParamError):
            continue
        place = folder / f"{accepted}.wav"
        assert place.parent == folder or (check is sound_name and folder in place.parents and ".." not in place.parts)
        assert check(accepted) == accepted


def test_a_sound_of_a_folder_of_folders_can_be_named_but_never_opened_in_the_library() -> None:
    from distill_live.models.library import sound_path

    assert sound_name("drums/kick.wav") == "drums/kick.wav"
    with pytest.raises(UsageError, match="cannot be a name"):
        sound_path("drums/kick.wav")


def test_the_home_can_be_moved(own_home: Path) -> None:
    assert home() == own_home


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sub" / "a.toml"
    write_atomic(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["a.toml"]


def test_the_floor_of_the_library_is_there_before_numpy_is() -> None:
    code = "import sys, distill_live.home; print([m for m in ('numpy', 'torch', 'textual') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
