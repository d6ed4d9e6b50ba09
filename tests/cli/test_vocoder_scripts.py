"""``scripts/train_vocoder`` and ``scripts/bench_vocoder`` from end to end, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill_live.cli import train_vocoder
from distill_live.cli.bench.figures import markers
from distill_live.cli.main import run_command
from distill_live.cli.quality import vocoders
from distill_live.training import machine, vocoder_material
from tests.training.sounds import write_corpus


def test_a_vocoder_is_trained_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(machine, "be_polite", lambda: None)  # there is no way back for this process
    monkeypatch.setattr(vocoder_material, "SCENE_S", 0.5)
    monkeypatch.setattr(vocoders, "_TURNS", 1)
    out, page, figures = tmp_path / "tiny.vocoder", tmp_path / "page.md", tmp_path / "figures.json"
    options = ["--steps", "2", "--scenes", "2", "--width", "8", "--depth", "1", "--batch", "2", "--threads", "1"]
    assert run_command(train_vocoder.command, ["--out", str(out), *options], "scripts/train_vocoder") == 0
    said = capsys.readouterr().out
    assert "2 sounds" in said
    assert f"saved {out}" in said
    page.write_text("\n".join(markers("bench_vocoder")), encoding="utf-8")
    arguments = [str(write_corpus(tmp_path / "corpus", files=3, seconds=1.0)), "--vocoder", str(out)]
    arguments += ["--write", str(page), "--json", str(figures)]
    assert run_command(vocoders.command, arguments, "scripts/bench_vocoder") == 0
    trials = json.loads(figures.read_text(encoding="utf-8"))["trials"]
    assert [trial["vocoder"] for trial in trials] == ["rtisi 4", "rtisi 6", "rtisi 8", "rtisi 8, 1 ahead", "tiny"]
    assert [round(trial["latency_ms"]) for trial in trials] == [53, 53, 53, 32, 32]
    assert all(trial["core_percent"] > 0.0 for trial in trials)
    assert trials[2]["distances"]["mel_db"] < trials[4]["distances"]["mel_db"]
    assert page.read_text(encoding="utf-8").count("| corpus (") == 5


def test_a_file_that_is_no_vocoder_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "odd.vocoder").write_bytes(b"oops")
    arguments = [
        str(write_corpus(tmp_path / "corpus", files=3, seconds=1.0)),
        "--vocoder",
        str(tmp_path / "odd.vocoder"),
    ]
    assert run_command(vocoders.command, arguments, "scripts/bench_vocoder") == 1
    assert "is not a safetensors file" in capsys.readouterr().err
