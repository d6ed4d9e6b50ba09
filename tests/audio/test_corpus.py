"""A corpus says what it uses and why not the rest; the split is by file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.corpus import CorpusLimits, CorpusReport, load_mono, scan_corpus
from distill_live.audio.split import cut_tail, split_by_file
from distill_live.errors import CorpusError

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def tone(seconds: float, hz: float = 440.0, rate: int = 48000) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def reasons(report: CorpusReport) -> dict[str, str]:
    return {file.name: file.reason for file in report.skipped}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder as people have them: good files among bad ones, below folders, in several rates."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    soundfile.write(tmp_path / "b_good.wav", tone(2.0), 48000)
    soundfile.write(tmp_path / "deep" / "er" / "six.wav", np.stack([tone(1.0, 300, 96000)] * 6, axis=1), 96000)
    soundfile.write(tmp_path / "stroke.flac", tone(0.1, 200, 44100), 44100)
    soundfile.write(tmp_path / "offset.wav", tone(1.0, 500) * 0.5 + 0.2, 48000)
    soundfile.write(tmp_path / "clipped.wav", np.clip(5.0 * tone(1.0, 100), -1, 1), 48000)
    soundfile.write(tmp_path / "ten_ms.wav", tone(0.01), 48000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(48000), 48000)
    one_click = np.zeros(48000)
    one_click[24000] = 0.9
    soundfile.write(tmp_path / "one_click.wav", one_click, 48000)
    soundfile.write(tmp_path / "twin.wav", tone(2.0), 48000)
    soundfile.write(tmp_path / "nan.wav", np.full(4800, np.nan), 48000, subtype="FLOAT")
    (tmp_path / "broken.wav").write_bytes(b"RIFF and then nothing of the kind")
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("remember the milk")
    (tmp_path / ".hidden.wav").write_bytes(b"a resource fork")
    return tmp_path


def test_what_can_be_used_is_used_in_the_order_of_names_and_the_rest_has_its_reason(mixed: Path) -> None:
    report = scan_corpus(mixed)
    assert [file.name for file in report.used] == [
        "b_good.wav",
        "clipped.wav",
        "deep/er/six.wav",
        "offset.wav",
        "stroke.flac",
    ]
    said = reasons(report)
    assert set(said) == {
        "ten_ms.wav", "silent.wav", "one_click.wav", "twin.wav", "nan.wav", "broken.wav", "empty.mp3"
    }  # fmt: skip
    assert "10 ms, at least 30" in said["ten_ms.wav"]
    assert "-60 dBFS" in said["silent.wav"]
    assert "-60 dBFS" in said["one_click.wav"]
    assert "same sound as b_good.wav" in said["twin.wav"]
    assert "not finite" in said["nan.wav"]
    assert "empty" in said["empty.mp3"]
    assert report.not_audio == 1
    assert str(mixed) not in " ".join(said.values())


def test_the_report_speaks_in_a_line_and_in_lines(mixed: Path) -> None:
    report = scan_corpus(mixed)
    assert "5 files, 5.1 s of sound" in report.sentence()
    assert "7 skipped" in report.sentence()
    assert len([line for line in report.lines() if line.startswith("skipped")]) == 7
    assert "used clipped.wav: clipped" in report.lines()
    assert any("DC offset of +0.200 is removed" in line for line in report.lines())


def test_progress_is_told_for_every_file(mixed: Path) -> None:
    told: list[tuple[int, int, str]] = []
    scan_corpus(mixed, progress=lambda done, whole, name: told.append((done, whole, name)))
    assert [done for done, _, _ in told] == list(range(1, 13))
    assert {whole for _, whole, _ in told} == {12}


def test_training_hears_mono_at_48_khz_without_the_dc_offset(mixed: Path) -> None:
    files = {file.name: file for file in scan_corpus(mixed).used}
    assert load_mono(files["deep/er/six.wav"]).shape == (48000,)
    centred = load_mono(files["offset.wav"])
    assert abs(float(centred.mean())) < 1e-3
    assert load_mono(files["stroke.flac"]).shape == (4800,)


def test_a_short_asymmetric_stroke_that_dies_away_keeps_its_zero(tmp_path: Path) -> None:
    """Its mean is not zero; taking it away would put a step at both ends."""
    stroke = np.abs(tone(1.0, 60)) * np.exp(-np.arange(48000) / 2000)
    soundfile.write(tmp_path / "stroke.wav", stroke, 48000, subtype="FLOAT")
    (file,) = scan_corpus(tmp_path, CorpusLimits(enough_s=0.05)).used
    assert abs(float(load_mono(file)[-1])) < 1e-4


def test_of_a_file_over_the_longest_length_the_beginning_is_used(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", tone(5.0), 48000)
    (file,) = scan_corpus(tmp_path, CorpusLimits(longest_s=3.0)).used
    assert file.seconds == 3.0
    assert file.notes == ("only its first 3.0 s are used",)
    assert len(load_mono(file)) == 3 * 48000


def test_a_corpus_that_is_full_says_so(tmp_path: Path) -> None:
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", tone(2.0, 200 + number), 48000)
    report = scan_corpus(tmp_path, CorpusLimits(longest_s=2.0, most_total_s=5.0))
    assert [file.seconds for file in report.used] == [2.0, 2.0, 1.0]
    assert "already holds 5.0 s" in reasons(report)["3.wav"]


def test_folders_that_cannot_be_a_corpus_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    (tmp_path / "little").mkdir()
    soundfile.write(tmp_path / "little" / "a.wav", tone(0.5), 48000)
    (tmp_path / "useless").mkdir()
    (tmp_path / "useless" / "a.wav").write_bytes(b"no")
    expected = {
        "absent": "does not exist",
        "texts/a.txt": "not a folder",
        "empty": "is empty",
        "texts": "1 file but no audio",
        "little": "0.5 s of usable sound in 1 file, with 0 skipped; at least 2 s are needed",
        "useless": "0.0 s of usable sound in 0 files, with 1 skipped (a.wav: ",
    }
    for name, words in expected.items():
        with pytest.raises(CorpusError) as caught:
            scan_corpus(tmp_path / name)
        assert words in str(caught.value)


@pytest.mark.parametrize(("name", "files"), [("beats", 16), ("drones", 11), ("tabla", 26)])
def test_every_real_recording_is_used(name: str, files: int) -> None:
    if not (DATA / name).is_dir():
        pytest.skip("the recordings are not beside this checkout")
    report = scan_corpus(DATA / name)
    assert len(report.used) == files
    assert not report.skipped


@given(count=st.integers(1, 60), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_the_split_is_whole_disjoint_and_the_same_for_the_same_seed(count: int, seed: int) -> None:
    names = [f"file {number}" for number in range(count)]
    split = split_by_file(names, seed)
    assert sorted(split.training + split.held_out) == sorted(names)
    assert split == split_by_file(names[::-1], seed)
    assert (len(split.held_out) >= 1) == (count >= 4)
    assert (split.tail_fraction > 0) == (count < 4)
    assert split.training


def test_another_seed_holds_out_other_files_and_a_new_file_hardly_moves_the_rest() -> None:
    names = [f"{number}.wav" for number in range(40)]
    held_out = set(split_by_file(names, 0).held_out)
    assert held_out != set(split_by_file(names, 1).held_out)
    assert len(held_out & set(split_by_file([*names, "new.wav"], 0).held_out)) >= 5


def test_head_and_tail_of_one_file_share_no_sample() -> None:
    mel = np.arange(200, dtype=np.float32)[None]
    head, tail = cut_tail(mel, 0.15)
    assert tail[0].tolist() == list(range(170, 200))
    assert head[0, -1] * 512 + 1024 <= tail[0, 0] * 512 - 1024
    whole, nothing = cut_tail(mel[:, :20], 0.15)
    assert whole.shape[1] == 20
    assert nothing.shape[1] == 0
