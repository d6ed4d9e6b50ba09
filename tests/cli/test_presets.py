"""``presets`` on the command line, and ``--preset`` where a performance begins."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.files import read_audio, write_audio
from distill_live.cli.main import run
from distill_live.engine.params import load_all
from distill_live.models.playable import Playable
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import own_folder, read_preset, save_preset
from distill_live.presets.text import SCHEMA

pytestmark = pytest.mark.usefixtures("own_home")
Capture = pytest.CaptureFixture[str]


def test_alone_it_lists_the_factorys_beside_ones_own_with_their_places(capsys: Capture) -> None:
    save_preset(Preset("night", {"mix": 0.5}, note="Mine."), load_all())
    (own_folder() / "broken.toml").write_text("oops")
    assert run(["presets"]) == 0
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["night"].split()[2:] == ["own", "Mine."]
    assert "factory" in lines["deep-drone"]
    assert "broken is not TOML" in lines["broken"]
    assert run(["presets", "list", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["night"]["whose"] == "own" and listed["night"]["place"] == int(lines["night"].split()[0])


def test_save_show_delete(capsys: Capture) -> None:
    assert run(["presets", "save", "night", "--set", "temperature=0.7", "--set", "mix=1", "--set", "topk=9999"]) == 0
    said = capsys.readouterr()
    assert str(own_folder() / "night.toml") in said.out
    assert "topk=9999 is outside 0 to 1024" in said.err
    assert read_preset("night", load_all()).preset == Preset("night", {"temperature": 0.7, "topk": 1024})
    assert run(["presets", "show", "night"]) == 0
    assert "temperature              0.7" in capsys.readouterr().out
    assert run(["presets", "show", "deep-drone", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bank"]["6"] == "drone_fifth.flac"
    assert run(["presets", "delete", "night", "--yes"]) == 0
    assert not (own_folder() / "night.toml").exists()


def test_what_a_file_says_that_is_not_here_is_said_beside_the_page(capsys: Capture) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "odd.toml").write_text(f'schema = "{SCHEMA}"\nvalues = {{ gone = 1, mix = 9 }}')
    assert run(["presets", "show", "odd"]) == 0
    said = capsys.readouterr()
    assert said.err == "There is no gone here. mix 9 is outside 0 to 1, 1 is set.\n"
    assert "everything is at its default" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["presets", "show", "gongs"], 2, "no preset 'gongs'"),
        (["presets", "show", "../x"], 2, "cannot be a name"),
        (["presets", "show", "broken"], 1, "broken is not TOML"),
        (["presets", "save", "a/b"], 2, "cannot be a name"),
        (["presets", "save", "deep-drone"], 2, "factory preset"),
        (["presets", "save", "night"], 2, "already"),
        (["presets", "save", "new", "--set", "temperature=nan"], 2, "temperature"),
        (["presets", "delete", "gongs", "--yes"], 2, "no preset 'gongs'"),
        (["presets", "delete", "deep-drone", "--yes"], 2, "factory preset"),
        (["presets", "delete", "night"], 2, "was not deleted"),
        (["render", "--preset", "gongs", "--out", "x.wav"], 2, "no preset 'gongs'"),
        (["play", "--preset", "broken"], 1, "broken is not TOML"),
        (["play", "--preset", "night", "--resume"], 2, "leave --preset out"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    arguments: list[str], code: int, says: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody to ask
    save_preset(Preset("night"), load_all())
    (own_folder() / "broken.toml").write_text("oops")
    before = {path: path.read_bytes() for path in own_folder().iterdir()}
    assert run(arguments) == code
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1, err
    assert {path: path.read_bytes() for path in own_folder().iterdir()} == before
    assert not (tmp_path / "x.wav").exists()


def test_a_render_begins_with_a_preset_and_settings_by_hand_come_after_it(
    tiny_playable: Callable[..., Playable], tmp_path: Path, capsys: Capture
) -> None:
    path = str(tiny_playable().path)
    save_preset(Preset("night", {"seed": 5, "temperature": 0.3, "volume": -12.0}), load_all())

    def rendered(*options: str) -> bytes:
        out = tmp_path / "x.wav"
        assert run(["render", path, "--seconds", "0.5", "--out", str(out), "--json", *options]) == 0
        return out.read_bytes()

    by_hand = rendered("--set", "seed=5", "--set", "temperature=0.3", "--set", "volume=-12")
    assert rendered("--preset", "night") == by_hand
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["seed"] == 5
    other_dice = rendered("--preset", "night", "--seed", "7")
    assert other_dice == rendered("--set", "seed=7", "--set", "temperature=0.3", "--set", "volume=-12") != by_hand
    louder = rendered("--preset", "night", "--set", "volume=0")
    assert louder == rendered("--set", "seed=5", "--set", "temperature=0.3", "--set", "volume=0") != by_hand


def test_a_render_fills_the_bank_from_the_model_and_from_the_library(
    tiny_playable: Callable[..., Playable], own_home: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = tiny_playable()
    (own_home / "sounds").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.2, (1, 24000)).astype(np.float32)
    write_audio(own_home / "sounds" / "hiss.wav", noise, 48000)
    sounds = {}
    for name, bank in {"model": {1: "sound-2.wav"}, "library": {1: "hiss"}, "nobody": {1: "gone"}, "none": {}}.items():
        save_preset(Preset(name, {"level.0.swap": "1", "level.1.swap": "1"}, bank), load_all())
        out = tmp_path / f"{name}.wav"
        assert run(["render", str(model.path), "--seconds", "1", "--preset", name, "--out", str(out)]) == 0
        sounds[name] = read_audio(out, None).samples
    err = capsys.readouterr().err
    assert "slot 1 stays as it is: the library has no sound 'gone'" in err and len(err.splitlines()) == 1
    assert np.array_equal(sounds["nobody"], sounds["none"])
    assert not np.array_equal(sounds["model"], sounds["none"])
    assert not np.array_equal(sounds["library"], sounds["model"])
