"""The commands round training and models, as a user calls them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill_live.cli.durations import parse_duration
from distill_live.cli.main import run
from distill_live.cli.training_view import progress_text
from distill_live.errors import UsageError
from distill_live.models.playable import load_playable
from distill_live.training.progress import Progress
from distill_live.training.workdir import work_folder
from tests.fixtures import tiny_model_file
from tests.training.sounds import write_corpus

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("2.5m", 150)])
def test_lengths_of_time_are_written_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "-3m", "0s", "5m!", "1e9s", "nan", "٣s٣", "9" * 400 + "s"])
def test_what_is_no_length_of_time_is_one_sentence(text):
    with pytest.raises(UsageError, match="90s, 5m or 1h"):
        parse_duration(text)


def test_a_line_of_progress_says_everything():
    health = ({"name": "Structure", "word": "green"},)
    line = progress_text(Progress("codec", 3, 55, 4.25, 6.5, "dB", 20.0, 95.0, health))
    assert all(part in line for part in ("codec", "step 55", "loss 4.250", "6.50 dB", "Structure green", "1 min 35 s"))


@pytest.fixture
def library(own_home: Path) -> Path:
    tiny_model_file(own_home / "models" / "bells.distill", sounds=2)
    (own_home / "models" / "broken.distill").write_bytes(b"oops")
    return own_home / "models"


def test_the_library_is_listed_for_people_and_for_programs(library, capsys):
    assert run(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == ["bells", "broken"]
    assert listed[0]["codebook_size"] == 16
    assert "broken.distill" in listed[1]["problem"]
    assert run(["models", "list"]) == 0
    assert "3 x 16 codes" in capsys.readouterr().out


def test_info_renames_and_deletes(library, capsys):
    assert run(["models", "info", "bells"]) == 0
    assert "Structure, Timbre, Detail" in capsys.readouterr().out
    assert run(["models", "info", "bells", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 2
    assert run(["models", "rename", "bells", "gongs"]) == 0
    assert run(["models", "delete", "gongs", "--yes"]) == 0
    assert [path.name for path in library.iterdir()] == ["broken.distill"]


def test_delete_asks_and_a_no_keeps_the_model(library, monkeypatch, capsys):
    monkeypatch.setattr("click.confirm", lambda text: False)
    assert run(["models", "delete", "bells"]) == 2
    assert "was not deleted" in capsys.readouterr().err
    assert (library / "bells.distill").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["models", "info", "gongs"], 2, "no model 'gongs'"),
        (["models", "info", "broken"], 1, "broken.distill"),
        (["prior", "nothing.distill"], 1, "no file"),
        (["train", "nowhere", "--out", "x"], 1, "nowhere"),
        (["train", ".", "--out", "x", "--budget", "soon"], 2, "90s"),
        (["train", ".", "--out", "a/b"], 2, "cannot be a name"),
        (["train", ".", "--out", "x", "--levels", "7"], 2, "2, 3 or 4"),
        (["encode", "nowhere.wav", "--model", "bells", "--out", "x.npz"], 1, "nowhere.wav"),
        (["decode", "nowhere.npz", "--model", "bells", "--out", "x.wav"], 1, "nowhere.npz"),
    ],
)
def test_every_mistake_is_one_sentence_and_an_exit_code(library, capsys, monkeypatch, arguments, code, words):
    monkeypatch.setattr("distill_live.training.machine.be_polite", lambda: None)  # the priority of this process stays
    assert run(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_encode_and_decode_give_back_a_file_as_long_as_the_source(library, tmp_path, capsys):
    source, grid, back = tmp_path / "a.wav", tmp_path / "a.npz", tmp_path / "back.wav"
    soundfile.write(source, 0.1 * np.random.default_rng(0).standard_normal((30_001, 2)), 44_100)
    assert run(["encode", str(source), "--model", "bells", "--out", str(grid), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1
    assert run(["decode", str(grid), "--model", "bells", "--out", str(back), "--json"]) == 0
    assert soundfile.info(back).frames == pytest.approx(30_001 * 48_000 / 44_100, abs=1)
    assert np.isfinite(soundfile.read(back)[0]).all()


@pytest.mark.parametrize("name", ["train", "prior", "models", "encode", "decode"])
def test_help_shows_an_example(name, capsys):
    assert run([name, "--help"]) == 0
    assert f"distill-live {name}" in capsys.readouterr().out.split("Example")[1]


def start_training(corpus: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "distill_live", "train", str(corpus), "--out", str(out), "--epochs", "2"]
    command += ["--threads", "1", "--json", *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_early_file(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("early"):
            return
    raise AssertionError("no early model was announced")


@pytest.mark.slow
def test_a_real_training_survives_kill_9_and_then_ctrl_c(tmp_path):
    corpus, out = write_corpus(tmp_path / "tones"), tmp_path / "tones.distill"
    killed = start_training(corpus, out)
    wait_for_early_file(killed)
    killed.kill()
    killed.communicate()
    assert load_playable(out).metadata["training"]["complete"] is False
    stopped = start_training(corpus, out, "--resume")
    assert stopped.stdout is not None
    while json.loads(stopped.stdout.readline()).get("stage") != "codec":
        time.sleep(0)
    stopped.send_signal(signal.SIGINT)
    said, errors = stopped.communicate(timeout=240)
    assert (stopped.returncode, errors) == (0, "")
    assert json.loads(said.splitlines()[-1])["interrupted"]
    assert work_folder(out).exists()
    finished = start_training(corpus, out, "--resume")
    said, errors = finished.communicate(timeout=240)
    assert (finished.returncode, errors) == (0, "")
    assert json.loads(said.splitlines()[-1])["type"] == "done"
    assert load_playable(out).metadata["training"]["complete"]
    assert not work_folder(out).exists()
