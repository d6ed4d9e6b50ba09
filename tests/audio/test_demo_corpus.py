"""The demo corpus is music within limits: varied, in range, without clicks at its ends, the same for the same seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.corpus import scan_corpus
from distill_live.audio.demo_corpus import PIECES, Piece, make_demo_corpus, play_piece
from distill_live.audio.demo_scores import degree_hz, melody
from distill_live.audio.demo_voices import ring
from distill_live.audio.files import read_audio, write_audio


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    told: list[str] = []
    paths = make_demo_corpus(folder, seed=0, progress=lambda done, whole, name: told.append(f"{name}.flac"))
    assert [path.name for path in paths] == told == [f"{piece.name}.flac" for piece in PIECES]
    return folder


def test_it_holds_four_to_six_minutes_in_about_24_files_of_6_to_16_seconds(corpus: Path) -> None:
    report = scan_corpus(corpus)
    assert len(report.used) == len(PIECES) == 24
    assert not report.lines(), "no file may be skipped or need a remark"
    assert 240 <= report.seconds <= 360
    assert all(6 <= file.seconds <= 16 for file in report.used)


def test_every_file_peaks_at_minus_3_dbfs_and_is_silent_at_both_ends(corpus: Path) -> None:
    for path in sorted(corpus.iterdir()):
        sound = read_audio(path)
        line = sound.mono()
        assert (sound.source_rate, len(sound.samples)) == (48000, 1)
        assert 20 * np.log10(np.abs(line).max()) == pytest.approx(-3.0, abs=0.05)
        assert 10 * np.log10(np.square(line).mean()) > -26.0
        assert np.abs(line[:5]).max() < 1e-3
        assert np.abs(line[-5:]).max() < 1e-4
        assert abs(float(line.mean())) < 5e-3


@pytest.mark.parametrize("name", ["marimba_melody", "drums_straight", "drone_vowels"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_music(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    number, piece = next((n, p) for n, p in enumerate(PIECES) if p.name == name)
    write_audio(tmp_path / "again.flac", play_piece(piece, np.random.default_rng([0, number])))
    again, first = (tmp_path / "again.flac").read_bytes(), (corpus / f"{name}.flac").read_bytes()
    assert hashlib.sha256(again).digest() == hashlib.sha256(first).digest()
    other = play_piece(piece, np.random.default_rng([1, number]))
    assert float(np.abs(other - read_audio(corpus / f"{name}.flac").mono()).max()) > 0.1


def test_pitched_pieces_stay_in_d_dorian() -> None:
    scale = {0, 2, 3, 5, 7, 9, 10}
    for seed in range(20):
        for note in melody(4, "quick", -7, 12, np.random.default_rng(seed)):
            semitones = 12 * np.log2(note.hz / degree_hz(0))
            assert abs(semitones - round(semitones)) < 1e-6
            assert round(semitones) % 12 in scale
            assert -7 <= note.degree <= 12


def test_the_bank_of_partials_is_the_sum_of_its_decaying_sines() -> None:
    hz, gains, t60_s = np.array([220.0, 661.0]), np.array([1.0, 0.3]), np.array([0.8, 0.2])
    seconds = np.arange(5000) / 48000
    slow = sum(
        g * np.sin(2 * np.pi * f * seconds) * 10 ** (-3 * seconds / t) for f, g, t in zip(hz, gains, t60_s, strict=True)
    )
    np.testing.assert_allclose(ring(hz, gains, t60_s, 5000), slow, atol=1e-4)


def test_every_piece_has_its_own_name() -> None:
    assert len({piece.name for piece in PIECES if isinstance(piece, Piece)}) == len(PIECES)
