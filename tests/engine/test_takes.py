"""The shelf of takes: the folder is the index, a damaged take is a line with its reason, nothing else is touched."""

from __future__ import annotations

import datetime
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.engine import takes as shelf
from distill_live.engine.takes import (
    delete_take,
    file_digest,
    find_take,
    list_takes,
    new_folder,
    remove_if_bare,
    store_model,
    stored_models,
    takes_folder,
)
from distill_live.errors import DistillError, TakeError, UnknownNameError, UsageError
from distill_live.events import ControlEvent
from distill_live.takelog import Recording, Take, TakeWriter, write_take

pytestmark = pytest.mark.usefixtures("own_home")


def head(created: Any = "2026-07-25T15:32:06+00:00") -> dict[str, Any]:
    return {"seed": 7, "model_name": "drones", "sample_rate": 48000, "block": 512, "created": created}


def put(name: str, take: Take | None = None) -> Path:
    folder = takes_folder() / name
    folder.mkdir(parents=True)
    if take is not None:
        write_take(folder / "take.jsonl", take)
    return folder


def test_an_empty_shelf_is_an_empty_list() -> None:
    assert list_takes() == []
    takes_folder().mkdir(parents=True)
    (takes_folder() / "stray.wav").write_bytes(b"")
    (takes_folder() / ".hidden").mkdir()
    assert list_takes() == []


def test_the_newest_stands_first_whatever_the_folders_are_called() -> None:
    put("b", Take(head("2026-07-25T15:00:00+00:00"), (), frames=512))
    put("c", Take(head("2026-07-25T18:00:00+02:00"), (), frames=512))
    put("a", Take(head("2026-07-25T17:00:00"), (), frames=512))
    assert [line.name for line in list_takes()] == ["a", "c", "b"]
    assert all(line.when.tzinfo for line in list_takes())


@pytest.mark.parametrize("created", [None, 7, "yesterday", ["x"]])
def test_a_take_that_does_not_say_when_it_was_is_as_old_as_its_folder(created: Any) -> None:
    put("x", Take(head(created), (), frames=512))
    (line,) = list_takes()
    assert line.take is not None
    assert abs((datetime.datetime.now(datetime.UTC) - line.when).total_seconds()) < 100


def test_damaged_ones_are_listed_with_their_reason() -> None:
    put("no log")
    (put("not a log") / "take.jsonl").write_text("x\n")
    (put("from the future") / "take.jsonl").write_text('{"type": "take", "version": 9}\n')
    put("good", Take(head(), (), frames=512))
    found = {line.name: line for line in list_takes()}
    assert found["good"].take is not None and found["good"].problem == ""
    for name, says in (("no log", "cannot read"), ("not a log", "not a take log"), ("from the future", "version")):
        assert found[name].take is None and says in found[name].problem and "\n" not in found[name].problem


def test_a_take_is_complete_cut_off_or_being_played() -> None:
    put("complete", Take(head(), (), frames=512))
    put("cut off", Take(head(), (ControlEvent(5120, "/distill/topk", (1,)),)))
    writer = TakeWriter(put("playing") / "take.jsonl", head())
    states = {line.name: line.state for line in list_takes()}
    assert states == {"complete": "complete", "cut off": "cut off", "playing": "playing"} or sys.platform == "win32"
    assert {line.name: line.frames for line in list_takes()} == {"complete": 512, "cut off": 5120, "playing": 0}
    writer.close(1024)
    assert {line.name: line.state for line in list_takes()}["playing"] == "complete"


def test_how_long_a_recording_is_that_broke_off_its_file_says() -> None:
    recorded = (Recording(1, 0, "1-wet.wav", frames=512), Recording(2, 1024, "2-wet.wav"), Recording(3, 0, "none.wav"))
    folder = put("x", Take(head(), (), recordings=recorded))
    soundfile.write(folder / "2-wet.wav", np.zeros((3072, 2), np.float32), 48000, subtype="FLOAT")
    (line,) = list_takes()
    assert line.take is not None and [r.frames for r in line.take.recordings] == [512, 3072, 0]
    assert line.frames == 4096


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 200])
def test_a_recording_that_is_no_sound_is_said(content: bytes) -> None:
    folder = put("x", Take(head(), (), recordings=(Recording(1, 0, "1-wet.wav"),)))
    (folder / "1-wet.wav").write_bytes(content)
    (line,) = list_takes()
    assert line.take is not None and "cannot be read" in line.take.recordings[0].problem
    assert file_digest(folder / "1-wet.wav") == file_digest(folder / "none.wav") == ""


def test_a_take_is_found_by_its_name_its_folder_and_its_log() -> None:
    folder = put("2026-07-25-173206", Take(head(), (), frames=512))
    log = folder / "take.jsonl"
    assert {find_take(folder.name), find_take(str(folder)), find_take(str(log))} == {log}
    assert find_take(put("my.take", Take(head(), (), frames=1)).name).parent.name == "my.take"
    for name in ("2026", "..", "a:b", ""):
        with pytest.raises(DistillError):
            find_take(name)
    for path in ("nowhere.jsonl", "/no/where", "a/b"):
        with pytest.raises(TakeError, match="no take at"):
            find_take(path)


def test_deleting_takes_the_programs_own_files_and_leaves_the_others() -> None:
    folder = put("x", Take(head(), (), frames=512))
    for name in ("1-wet.wav", "1-dry.wav", "12-wet.wav", "model-0123456789ab.distill", "bounce.wav", "1-mix.wav"):
        (folder / name).write_bytes(b"")
    assert delete_take("x") == ["1-mix.wav", "bounce.wav"]
    assert sorted(path.name for path in folder.iterdir()) == ["1-mix.wav", "bounce.wav"]
    put("y", Take(head(), (), frames=512))
    assert delete_take("y") == [] and not (takes_folder() / "y").exists()
    put("empty")
    assert delete_take("empty") == [] and not (takes_folder() / "empty").exists()


def test_what_is_no_take_is_never_deleted(tmp_path: Path) -> None:
    (put("music") / "song.wav").write_bytes(b"")
    with pytest.raises(UsageError, match="holds no take"):
        delete_take("music")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_take(elsewhere / "take.jsonl", Take(head(), (), frames=512))
    (takes_folder() / "link").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="holds no take"):
        delete_take("link")
    for name in (str(elsewhere), "../elsewhere", "."):
        with pytest.raises(UsageError):
            delete_take(name)
    with pytest.raises(UnknownNameError, match="no take"):
        delete_take("gone")
    assert (elsewhere / "take.jsonl").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs file locks")
def test_a_take_that_is_being_played_is_not_deleted() -> None:
    writer = TakeWriter(put("x") / "take.jsonl", head())
    with pytest.raises(UsageError, match="being played"):
        delete_take("x")
    writer.close(512)
    assert delete_take("x") == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2090, 1, 1)), max_size=8))
def test_names_are_unique_and_sorted_by_name_is_sorted_by_time(tmp_path_factory: Any, whens: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("takes")
    whens = sorted(whens + whens)
    made = [new_folder(folder, when).name for when in whens]
    assert made == sorted(set(made)) and len(made) == len(whens)
    assert all(shelf.check_name(name) == name for name in made)


def test_a_place_that_cannot_hold_takes_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TakeError, match="cannot keep takes"):
        new_folder(tmp_path / "file")


# ---------------------------------------------------------------- models beside the log


def model_file(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_a_model_is_there_as_it_was_after_the_library_has_moved_on(tmp_path: Path) -> None:
    folder = put("x")
    sha256 = model_file(tmp_path / "m.distill", b"first state")
    assert store_model(folder, sha256, tmp_path / "m.distill") == ""
    assert store_model(folder, sha256, tmp_path / "m.distill") == ""
    model_file(tmp_path / "new.distill", b"second state")
    os.replace(tmp_path / "new.distill", tmp_path / "m.distill")  # as a training run saves it
    (stored,) = stored_models(folder)
    assert stored.read_bytes() == b"first state" and sha256[:12] in stored.name


def test_on_another_disk_it_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    sha256 = model_file(tmp_path / "m.distill", b"first state")
    assert store_model(put("x"), sha256, tmp_path / "m.distill") == ""
    assert stored_models(takes_folder() / "x")[0].read_bytes() == b"first state"


def test_a_model_that_has_changed_meanwhile_or_is_gone_is_not_stored_and_that_is_said(tmp_path: Path) -> None:
    folder = put("x")
    model_file(tmp_path / "m.distill", b"second state")
    assert "has changed" in store_model(folder, "00" * 32, tmp_path / "m.distill")
    assert "could not be stored" in store_model(folder, "11" * 32, tmp_path / "gone.distill")
    assert stored_models(folder) == []


def test_a_bare_take_goes_with_its_models_and_one_with_anything_else_stays() -> None:
    folder = put("x", Take(head(), (), frames=512))
    (folder / "model-0123456789ab.distill").write_bytes(b"")
    (folder / "notes.txt").write_text("good")
    assert remove_if_bare(folder) == [] and len(list(folder.iterdir())) == 3
    (folder / "notes.txt").unlink()
    assert remove_if_bare(folder) == [] and not folder.exists()
    assert "stays" in remove_if_bare(folder)[0]
