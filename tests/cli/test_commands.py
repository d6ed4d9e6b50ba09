"""The command line: help with an example, exit codes, errors as one sentence on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.cli.main import COMMANDS, group, run
from distill_live.cli.settings import parse_settings
from distill_live.engine.params import load_all
from distill_live.models.playable import Playable

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"distill-live {name}" in out
    command = group.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    texts = [command.epilog or "", *(sub.epilog or "" for sub in getattr(command, "commands", {}).values())]
    assert any(f"distill-live {name}" in text for text in texts), "the help shows no example"


def test_params_prints_every_parameter_as_the_contract_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [p["id"] for p in listed] == list(load_all())
    keys = {"id", "name", "group", "kind", "low", "high", "default", "unit", "curve", "labels", "help"}
    assert all(keys <= set(p) for p in listed)
    assert run(["params"]) == 0
    text = capsys.readouterr().out
    assert all(param_id in text for param_id in load_all())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nonsense"], 2, "nonsense"),
        (["render", "--out", "x.wav", "--seconds", "0"], 2, "--seconds"),
        (["render", "--out", "x.wav", "--seconds", "nan"], 2, "--seconds"),
        (["render", "--out", "x.wav", "--set", "temperature"], 2, "ID=VALUE"),
        (["render", "--out", "x.wav", "--set", "temperature=nan"], 2, "temperature"),
        (["render", "--out", "x.wav", "--set", "temprature=1"], 2, "temprature"),
        (
            ["render", "--out", "x.wav", "--effects", "delay,chorus"],
            2,
            "there is no effect 'chorus' for the chain; use filter",
        ),
        (["render", "--out", "x.wav", "--effects", "delay,delay"], 2, "an effect stands twice in delay, delay"),
        (["render", "nowhere.distill", "--out", "x.wav"], 1, "nowhere.distill"),
        (["render", "no such model", "--out", "x.wav"], 2, "no such model"),
        (["play", "--lead", "100"], 2, "--lead"),
        (["play", "--effects", ""], 2, "there is no effect ''"),
        (["play", "--block", "9"], 2, "64 to 4096"),
        (["play", "--seconds", "-1"], 2, "--seconds"),
        (["play", "--input-channel", "2"], 2, "--input"),
        (["play", "--input", "mic", "--input-channel", "0"], 2, "such as 2"),
        (["play", "--input", "mic", "--input-channel", "1-3"], 2, "two neighbours, such as 1-2"),
        (["play", "--input", "mic", "--input-channel", "left"], 2, "'left' is no input channel"),
        (["replay", "nowhere.jsonl", "--out", "x.wav"], 1, "nowhere.jsonl"),
        (["train", "nowhere", "--out", "x.distill"], 1, "nowhere"),
        (["train", ".", "--out", "x.distill", "--levels", "9"], 2, "9"),
        (["encode", "nowhere.wav", "--model", "nowhere.distill", "--out", "g.npz"], 1, "nowhere"),
        (["models", "info", "nothing"], 2, "nothing"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_with_its_exit_code(
    arguments: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny_playable: Callable[..., Playable],
) -> None:
    monkeypatch.chdir(tmp_path)
    got = run(arguments)
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1, err
    assert got == code
    assert not (tmp_path / "x.wav").exists()


def test_the_command_line_starts_without_loading_torch() -> None:
    code = "import sys; from distill_live.cli.main import run; run(['params']); "
    code += "print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"


def test_a_render_with_settings_and_a_replay_of_its_events(
    tiny_playable: Callable[..., Playable], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_playable()
    log = tmp_path / "take.jsonl"
    header = {"type": "take", "version": 1, "seed": 0, "model": model.sha256, "model_path": str(model.path)}
    header |= {"sample_rate": 48000, "block": 512, "params": {}}
    event = {"type": "event", "frame": 24000, "address": "/distill/param/volume", "args": [-60.0], "source": "osc"}
    log.write_text("\n".join(json.dumps(line) for line in (header, event, {"type": "end", "frames": 48000})) + "\n")
    a, b, c = (str(tmp_path / f"{name}.wav") for name in "abc")
    path = str(model.path)
    assert run(["render", path, "--seconds", "1", "--out", a, "--events", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == 1.0
    assert run(["replay", str(log), "--out", b]) == 0
    assert run(["render", path, "--seconds", "1", "--out", c, "--set", "temperature=0.2"]) == 0
    assert Path(a).read_bytes() == Path(b).read_bytes() != Path(c).read_bytes()


def test_the_order_of_the_effects_is_chosen_and_heard(
    tiny_playable: Callable[..., Playable], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = ["--set", "fx.drive.amount=30", "--set", "fx.filter.mode=band-pass", "--set", "fx.filter.cutoff=800"]
    sounds = {}
    for order in ("filter,drive", "drive,filter", "none", "widener"):
        out = str(tmp_path / f"{order}.wav")
        assert (
            run(["render", str(tiny_playable().path), "--seconds", "1", "--out", out, "--effects", order, *loud]) == 0
        )
        sounds[order] = Path(out).read_bytes()
    assert len({sounds["filter,drive"], sounds["drive,filter"], sounds["none"]}) == 3
    assert sounds["widener"] == sounds["none"], "a widener at its default leaves the sound alone"
    assert capsys.readouterr().err == ""


def test_a_take_of_a_model_that_is_gone_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "take.jsonl"
    header = {"type": "take", "version": 1, "seed": 0, "model": "ab" * 32, "sample_rate": 48000, "block": 512}
    log.write_text(json.dumps(header) + "\n")
    assert run(["replay", str(log), "--out", str(tmp_path / "x.wav")]) == 1
    assert "--model" in capsys.readouterr().err


def test_a_setting_out_of_range_is_clamped_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_settings(["temperature=9"]) == {"temperature": 2.0}
    assert "temperature=9 is outside 0.1 to 2; 2 is used" in capsys.readouterr().err
