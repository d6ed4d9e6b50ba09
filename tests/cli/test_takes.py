"""``replay`` and ``takes``: the take again to the last bit, variations, and a list that survives anything."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from distill_live.cli.main import run
from distill_live.engine.performance import MODEL_LOAD, SWAP
from distill_live.engine.takes import takes_folder
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable
from distill_live.takelog import read_take, write_take
from tests.engine.played import Played, play_take

pytestmark = pytest.mark.usefixtures("own_home", "live_numbers")


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


@pytest.fixture
def played(model: Playable) -> Played:
    """60 blocks, of which 10 to 40 were recorded."""
    hands = {5: [set_event("temperature", 0.3, "osc")], 20: [ControlEvent(0, SWAP, (0, "2", 1.0))]}
    return play_take(model, takes_folder(), hands)


def said(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    """What a command line prints: what it has to say, or why it could not."""
    assert run([str(argument) for argument in arguments]) == code, capsys.readouterr().err
    printed = capsys.readouterr()
    return printed.err if code else printed.out


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(said(capsys, *arguments, "--json"))


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


# ---------------------------------------------------------------- the take again


def test_a_take_is_rendered_again_and_says_that_it_is_the_same(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (played.folder.name, played.folder, played.log):
        assert "0.64 s, 4 events, the very samples that were played" in said(capsys, "replay", name)
    out = tmp_path / "again.wav"
    assert said(capsys, "replay", played.folder.name, "--out", out).startswith(str(out))
    assert np.array_equal(read(out), played.wet)
    assert told(capsys, "replay", played.log)["same"] is True


def test_a_recording_is_rendered_again_as_stems(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again.wav"
    text = said(capsys, "replay", played.log, "--recording", 1, "--stems", "--out", out)
    assert "0.32 s" in text and "the very samples that were recorded as number 1" in text
    for what in ("wet", "dry"):
        stem = tmp_path / f"again-{what}.wav"
        assert stem.read_bytes() == (played.folder / f"1-{what}.wav").read_bytes()
    assert not out.exists()


@pytest.mark.parametrize(
    ("ends", "first", "last"),
    [
        (("--from", "0.1", "--to", "0.5s"), 4800, 24000),
        (("--from", "1000f"), 1000, 30720),
        (("--to", "12345f"), 0, 12345),
        (("--to", "1h"), 0, 30720),
    ],
)
def test_a_stretch_has_the_bits_of_the_whole(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: tuple[str, ...], first: int, last: int
) -> None:
    out = tmp_path / "part.wav"
    outcome = told(capsys, "replay", played.log, *ends, "--out", out)
    assert np.array_equal(read(out), played.wet[:, first:last])
    assert outcome["same"] is (True if last == 30720 else None) and outcome["frames"] == last - first


def test_an_edited_log_is_never_taken_for_the_original(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "edited.jsonl"
    edited.write_text(played.log.read_text().replace("[0.3]", "[1.9]"))
    out = tmp_path / "x.wav"
    text = said(capsys, "replay", edited, "--out", out, code=1)
    assert "but not the samples that were played: the log was edited" in text and len(text.splitlines()) == 1
    assert "recorded as number 1" in said(capsys, "replay", edited, "--recording", 1, code=1)
    take = read_take(edited)
    write_take(edited, replace(take, sha256=""))
    assert "not compared" in said(capsys, "replay", edited) and read(out).shape == played.wet.shape
    assert not np.array_equal(read(out), played.wet)


def test_another_build_is_named_when_the_samples_differ(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = read_take(played.log)
    versions = {**take.header["versions"], "numpy": "1.99"}
    write_take(tmp_path / "t.jsonl", replace(take, header={**take.header, "versions": versions}, sha256="00" * 32))
    assert "numpy was 1.99, is " in said(capsys, "replay", tmp_path / "t.jsonl", code=1)


def test_a_take_that_was_cut_off_is_compared_with_its_recording(
    model: Playable, capsys: pytest.CaptureFixture[str]
) -> None:
    played = play_take(model, takes_folder(), {5: [set_event("topk", 1, "osc")]}, recorded=(10, 99), ends=False)
    text = said(capsys, "replay", played.log)
    assert "not compared with what was played: the log was cut off; --recording 1 is compared with its file" in text
    there = read(played.folder / "1-wet.wav")
    if there.shape[1]:
        assert "the very samples" in said(capsys, "replay", played.log, "--recording", 1)
    whole = played.folder / "mended.jsonl"
    assert told(capsys, "replay", played.log, "--log", whole)["same"] is None
    mended = read_take(whole)
    assert mended.frames is not None and mended.recordings[0].wet == str(played.folder / "1-wet.wav")
    assert "the very samples that were played" in said(capsys, "replay", whole)


def test_the_models_of_a_take_are_found_or_the_missing_one_is_named(
    tiny_playable: Callable[..., Playable], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tiny_playable(), tiny_playable(seed=1)
    hands = {5: [ControlEvent(0, MODEL_LOAD, ("second", second.sha256), "engine")]}
    played = play_take(first, takes_folder(), hands, others=[second])
    assert told(capsys, "replay", played.log)["same"] is True
    lost = tmp_path / "lost.jsonl"
    lost.write_text(played.log.read_text().replace(str(first.path.parent), "/gone"))
    assert "give it with --model" in said(capsys, "replay", lost, code=1)
    text = said(capsys, "replay", lost, "--model", first.path, code=1)
    assert second.sha256[:12] in text and "'second'" in text
    found = told(capsys, "replay", lost, "--model", second.path, "--model", first.path)
    assert found["same"] is True and found["changes"] == []


# ---------------------------------------------------------------- variations


def test_a_variation_says_what_it_changed_and_its_log_is_a_take(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, log = tmp_path / "v.wav", tmp_path / "v.jsonl"
    text = said(capsys, "replay", played.log, "--set", "temperature=0.9", "--seed", 3, "--out", out, "--log", log)
    assert "a variation: temperature is 0.9 throughout (1 later change left out); seed is 3 throughout" in text
    sound = read(out)
    assert sound.shape == played.wet.shape and not np.array_equal(sound, played.wet)
    assert told(capsys, "replay", log, "--out", tmp_path / "again.wav")["same"] is True
    assert np.array_equal(read(tmp_path / "again.wav"), sound)
    assert "varies" in said(capsys, "takes", "show", log)


def test_another_model_plays_the_same_hands(
    played: Played, tiny_playable: Callable[..., Playable], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, log = tiny_playable(seed=4, levels=2, grid="bands"), tmp_path / "v.jsonl"
    outcome = told(capsys, "replay", played.log, "--model", other.path, "--log", log)
    assert outcome["same"] is None and outcome["changes"][0].startswith(f"{other.name} plays instead of")
    assert read_take(log).header["model"] == other.sha256 and told(capsys, "replay", log)["same"] is True


def test_a_part_of_a_variation_has_a_log_that_ends_with_it(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "v.jsonl"
    outcome = told(capsys, "replay", played.log, "--seed", 5, "--from", "0.1", "--to", "0.2", "--log", log)
    assert outcome["frames"] == 4800 and outcome["files"] == []
    assert read_take(log).frames == 9600 and told(capsys, "replay", log)["same"] is True
    assert [event.frame for event in read_take(log).events] == [2560]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--seed", "3"], 2, "give --out FILE"),
        (["--stems"], 2, "give --out FILE"),
        (["--set", "temprature=1", "--out", "x.wav"], 2, "temprature"),
        (["--set", "temperature=nan", "--out", "x.wav"], 2, "temperature"),
        (["--recording", "2"], 2, "there is no recording 2; use 1"),
        (["--recording", "1", "--from", "1"], 2, "leave out --from and --to"),
        (["--from", "soon"], 2, "48128f"),
        (["--from", "0.5", "--to", "0.1"], 2, "nothing to render"),
        (["--from", "9"], 2, "the take is 0.64 s long"),
        (["--model", "no such model"], 2, "no such model"),
        (["--out", "/dev/null/x.wav"], 1, "cannot record to"),
        (["--log", "/dev/null/x.jsonl"], 1, "cannot write the take log"),
    ],
)
def test_a_wish_that_makes_no_sense_is_one_sentence(
    played: Played, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    text = said(capsys, "replay", played.log, *arguments, code=code)
    assert says in text and len(text.strip().splitlines()) == 1
    assert not Path("x.wav").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "9", "--log", "take.jsonl"],
        ["--recording", "1", "--out", "1-wet.wav"],
        ["--recording", "1", "--stems", "--out", "1.wav"],
    ],
)
def test_nothing_that_the_take_is_made_of_is_written_over(
    played: Played, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(played.folder)
    before = {path.name: path.read_bytes() for path in played.folder.iterdir()}
    assert "belongs to the take itself" in said(capsys, "replay", "take.jsonl", *arguments, code=2)
    assert {path.name: path.read_bytes() for path in played.folder.iterdir()} == before


def test_an_effect_that_is_gone_is_left_out_and_said(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = read_take(played.log)
    head = take.header
    head |= {"effects": [*head["effects"], "slap"], "params": {**head["params"], "fx.slap.mix": 0.5}}
    turned = ControlEvent(2048, "/distill/param/fx.slap.mix", (0.1,), "osc")
    write_take(tmp_path / "old.jsonl", replace(take, header=head, events=(turned, *take.events), recordings=()))
    text = said(capsys, "replay", tmp_path / "old.jsonl")
    assert "slap is not installed any more, and left out" in text
    assert told(capsys, "replay", tmp_path / "old.jsonl")["same"] is None


def test_two_other_models_cannot_play_one_variation(
    played: Played, tiny_playable: Callable[..., Playable], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [part for seed in (4, 5) for part in ("--model", tiny_playable(seed=seed).path)]
    assert "not two" in said(capsys, "replay", played.log, *paths, "--out", "x.wav", code=2)


# ---------------------------------------------------------------- the shelf


def test_takes_are_listed_with_what_they_hold(
    played: Played, model: Playable, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "takes")
    assert played.folder.name in text and f"0.6 s  {model.name}, seed 7, 4 events  recorded 0.3 s" in text
    (line,) = told(capsys, "takes")
    assert line["name"] == played.folder.name and line["state"] == "complete" and line["seed"] == 7
    (recording,) = line["recordings"]
    assert recording["seconds"] == 0.32 and [Path(f).name for f in recording["files"]] == ["1-wet.wav", "1-dry.wav"]
    assert told(capsys, "takes", "list") == [line]


def test_a_damaged_take_a_cut_off_one_and_an_empty_one_are_listed_too(
    model: Playable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no takes in" in said(capsys, "takes")
    play_take(model, takes_folder(), blocks=20, recorded=None, ends=False)
    for name, content in (
        ("broken", "x\n"),
        ("\x1b[31mred", '{"type": "take", "version": 1, "model_name": "\\u001b"}'),
    ):
        (takes_folder() / name).mkdir()
        (takes_folder() / name / "take.jsonl").write_text(content + "\n")
    text = said(capsys, "takes")
    assert "nothing recorded  cut off" in text and "is not a take log" in text and "\x1b" not in text
    assert len(text.splitlines()) == 3 == len(told(capsys, "takes"))


def test_a_take_is_shown_in_full(played: Played, model: Playable, capsys: pytest.CaptureFixture[str]) -> None:
    page = said(capsys, "takes", "show", played.folder.name)
    for part in ("0.64 s, complete", model.sha256[:12], "1 x temperature", "no. 1   0.32 s from 0.11 s", "1-dry.wav"):
        assert part in page
    shown = told(capsys, "takes", "show", played.folder.name)
    assert len(shown["done"]) == 4 and shown["header"]["seed"] == 7
    assert "not a take log" in said(capsys, "takes", "show", write(played.folder / "x.jsonl"), code=1)


def write(path: Path) -> Path:
    path.write_text("x\n")
    return path


def test_a_take_is_deleted_only_when_that_is_meant(
    played: Played, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = played.folder.name
    monkeypatch.setattr("sys.stdin", io.StringIO(""))  # nobody there to ask
    assert "was not deleted" in said(capsys, "takes", "delete", name, code=2) and played.log.exists()
    (played.folder / "bounce.wav").write_bytes(b"")
    assert "its folder stays, it holds bounce.wav" in said(capsys, "takes", "delete", name, "--yes")
    assert [path.name for path in played.folder.iterdir()] == ["bounce.wav"]
    assert "there is no take" in said(capsys, "takes", "delete", "gone", "--yes", code=2)
