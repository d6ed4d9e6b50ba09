"""``distill-live plugins`` and ``check-plugin`` with real plugins: added, listed, checked, rendered with, removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.cli import plugins as command
from distill_live.cli.main import run
from distill_live.effects.hosted import Entry, HostedPlugin, list_path, put_plugin
from distill_live.effects.params import STANDARD_ORDER
from distill_live.models.playable import Playable
from tests.effects import zam

pytestmark = pytest.mark.usefixtures("own_home")
DELAY = str(zam.path_of("ZamDelay"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that succeeds prints."""
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_without_plugins_the_built_in_effects_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(said(capsys, "plugins", "--json"))
    assert listed["problems"] == []
    assert {line["name"] for line in listed["effects"]} == {*STANDARD_ORDER, "gain", "limiter"}
    assert {line["kind"] for line in listed["effects"]} == {"built in"}


@zam.needs_zam
def test_a_plugin_is_added_listed_found_again_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    added = said(capsys, "plugins", "add", DELAY, "--name", "slap")
    assert added.startswith(
        "slap: ZamDelay 4.1.0 by Damien Zammit, mono, once for each channel, no delay, 8 parameters."
    )
    assert f"{DELAY}   (is slap)" in said(capsys, "plugins", "scan")
    listed = json.loads(said(capsys, "plugins", "--json"))["effects"]
    assert (listed[-1]["name"], listed[-1]["kind"], listed[-1]["path"]) == ("slap", "hosted", DELAY)
    assert f"removed slap; {DELAY} stays where it is" in said(capsys, "plugins", "remove", "slap")
    assert Path(DELAY).exists()
    assert "slap" not in said(capsys, "plugins")


@zam.needs_zam
def test_adding_the_same_again_looks_again_and_changes_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "plugins", "add", DELAY)
    before = list_path().read_text()
    said(capsys, "plugins", "add", DELAY)
    assert list_path().read_text() == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["add", "/etc/passwd"], 2, "/etc/passwd is no plugin; name a file that ends in .vst3 or .component"),
        (["add", "/nowhere/x.vst3"], 1, "there is no plugin at /nowhere/x.vst3"),
        (
            ["add", "/nowhere/Delay.vst3"],
            2,
            "there is an effect 'delay' already; give this one another name with --name",
        ),
        (["add", "/nowhere/x.vst3", "--name", "No Name"], 2, "'No Name' cannot be the name of an effect"),
        (["remove", "zamdelay"], 2, "the list has no plugin 'zamdelay'"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "x.vst3" in says:
        zam.require_pedalboard()
    assert run(["plugins", *arguments]) == code
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1
    assert not list_path().exists(), "a mistake changes nothing"


def test_a_hosted_plugin_that_is_gone_is_listed_as_gone(capsys: pytest.CaptureFixture[str]) -> None:
    put_plugin(HostedPlugin(Entry("lost", Path("/nowhere/Lost.vst3")), "Lost", "Nobody", "1", 2, 0, ()))
    assert "IS GONE: /nowhere/Lost.vst3" in said(capsys, "plugins")


def test_a_folder_is_searched_without_looking_into_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("Maker/One.vst3/Contents/x86_64-linux/Inner.vst3", "Two.vst3", "Three.component", "readme.txt"):
        (tmp_path / path).mkdir(parents=True)
    monkeypatch.setattr(command, "FOLDERS", {sys.platform: (str(tmp_path), str(tmp_path / "missing"))})
    found = json.loads(said(capsys, "plugins", "scan", "--json"))
    assert [Path(line["path"]).name for line in found] == ["One.vst3", "Three.component", "Two.vst3"]
    monkeypatch.setattr(command, "FOLDERS", {sys.platform: (str(tmp_path / "missing"),)})
    assert "no plugins in" in said(capsys, "plugins", "scan")


@zam.needs_zam
def test_check_plugin_judges_a_hosted_plugin_and_says_where_it_falls_short(capsys: pytest.CaptureFixture[str]) -> None:
    put_plugin(zam.plugin("ZamPhono"))
    assert run(["check-plugin", "zamphono", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    verdicts = {check["check"]: check for check in result["checks"]}
    assert "latency" in result["failed"] and "nan" not in result["failed"]
    assert "an impulse is 1 samples late at 44100 Hz; it says 0" in verdicts["latency"]["text"]
    assert "random parameters 50 x 5 blocks" in verdicts["nan"]["text"]


@zam.needs_zam
def test_check_plugin_survives_a_plugin_that_crashes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that checks, pedalboard is one that falls."""
    put_plugin(zam.plugin("ZamDelay"))
    (tmp_path / "pedalboard.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert run(["check-plugin", "zamdelay"]) == 1
    out = capsys.readouterr().out
    assert "raising       failed      it crashed (SIGSEGV)" in out
    assert "latency       not judged  because of its raising" in out
    assert out.endswith("zamdelay: failed raising.\n")


def distill(home: Path, *commands: list[str]) -> str:
    """Run commands one after the other in a process that has this library; returns what came on stderr."""
    code = f"import sys; from distill_live.cli.main import run; sys.exit(max(run(c) for c in {commands!r}))"
    environment = {**os.environ, "DISTILL_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return done.stderr


@zam.needs_zam
def test_a_performance_with_a_hosted_plugin_sounds_of_it_and_renders_the_same_bits_in_another_process(
    own_home: Path, tmp_path: Path, tiny_playable: Callable[..., Playable]
) -> None:
    put_plugin(zam.plugin("ZamDelay"))

    def render(name: str, *more: str) -> list[str]:
        out = str(tmp_path / f"{name}.wav")
        wet = ("--seconds", "1", "--set", "fx.zamdelay.dry-wet=1")
        return ["render", str(tiny_playable().path), "--out", out, *wet, *more]

    distill(own_home, render("off", "--set", "fx.zamdelay.on=off"), render("a"))
    assert distill(own_home, render("b"), render("none", "--effects", "none")) == ""
    sounds = {name: (tmp_path / f"{name}.wav").read_bytes() for name in ("a", "b", "off", "none")}
    assert sounds["a"] == sounds["b"] != sounds["off"] == sounds["none"]


@zam.needs_zam
def test_a_plugin_that_is_gone_is_said_when_a_performance_is_rendered_and_the_music_is_there(
    own_home: Path, tmp_path: Path, tiny_playable: Callable[..., Playable]
) -> None:
    put_plugin(HostedPlugin(Entry("lost", tmp_path / "Lost.vst3"), "Lost", "Nobody", "1", 2, 0, ()))
    common = ["render", str(tiny_playable().path), "--seconds", "1", "--out"]
    without = [*common, str(tmp_path / "b.wav"), "--effects", "none"]
    (sentence,) = distill(own_home, [*common, str(tmp_path / "a.wav")], without).splitlines()
    assert sentence.startswith(f"effect lost cannot play: there is no plugin at {tmp_path}/Lost.vst3")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
