"""A recording is a valid file at every moment: while it grows, after kill -9, on a full disk, at 4 GiB."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill_live.audio import wavfile
from distill_live.audio.wavfile import HEADER_BYTES, WavWriter, wav_header
from distill_live.errors import AudioFileError


def noise(channels: int, frames: int) -> np.ndarray:
    return np.random.default_rng(channels).standard_normal((channels, frames)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_what_is_written_block_by_block_reads_back_bit_for_bit(tmp_path: Path, channels: int) -> None:
    music = noise(channels, 512 * 7)
    with WavWriter(tmp_path / "new" / "a.wav", channels) as writer:
        for start in range(0, music.shape[1], 512):
            writer.write(music[:, start : start + 512])
    back, rate = soundfile.read(tmp_path / "new" / "a.wav", dtype="float32", always_2d=True)
    assert rate == 48000
    assert np.array_equal(back.T, music)
    assert writer.failed is None


def test_the_header_is_true_to_the_last_second_while_the_file_grows(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 1, sample_rate=8000)
    for block in range(1, 100):
        writer.write(noise(1, 512))
        assert 0 <= 512 * block - soundfile.info(tmp_path / "a.wav").frames < 8000
    writer.close()
    assert soundfile.info(tmp_path / "a.wav").frames == 512 * 99


def test_after_kill_9_the_file_opens_and_lacks_at_most_a_second(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from distill_live.audio.wavfile import WavWriter\n"
        "w = WavWriter(sys.argv[1], 2)\n"
        "for n in range(300): w.write(np.full((2, 512), 0.25, dtype=np.float32))\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = tmp_path / "a.wav"
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        os.kill(child.pid, signal.SIGKILL)
    music, _ = soundfile.read(path, dtype="float32")
    assert 300 * 512 - 48000 <= len(music) <= 300 * 512
    assert np.all(music == 0.25)


def test_on_a_full_disk_the_recording_stops_with_a_sentence_and_stays_valid(tmp_path: Path) -> None:
    """A file-size limit answers as a full disk does: a short write first, then an error."""
    program = (
        "import resource, sys, numpy as np\n"
        "from distill_live.audio.wavfile import WavWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, 100_001))\n"
        "w = WavWriter(sys.argv[1], 2)\n"
        "for n in range(100): w.write(np.full((2, 512), n, dtype=np.float32))\n"
        "w.close()\n"
        "print(w.frames, w.failed)\n"
    )
    pytest.importorskip("resource")
    path = tmp_path / "a.wav"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    frames, sentence = done.stdout.strip().split(" ", 1)
    music, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert len(music) == int(frames) == 24 * 512
    assert np.array_equal(music[:, 0], np.repeat(np.arange(24, dtype=np.float32), 512))
    assert path.stat().st_size == HEADER_BYTES + len(music) * 8
    assert str(path) in sentence
    assert "File too large" in sentence


def test_no_more_than_4_gib_go_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavfile, "MOST_BYTES", HEADER_BYTES + 1000 * 8)
    writer = WavWriter(tmp_path / "a.wav", 2)
    for _ in range(3):
        writer.write(noise(2, 512))
    assert soundfile.info(tmp_path / "a.wav").frames == 1000
    assert writer.failed is not None
    assert "4 GiB" in writer.failed


def test_the_largest_header_still_fits_its_fields() -> None:
    frames = (wavfile.MOST_BYTES - HEADER_BYTES) // 8
    assert len(wav_header(frames, 2, 48000)) == HEADER_BYTES


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioFileError, match="cannot record to"):
        WavWriter(tmp_path / "file" / "a.wav", 2)


def test_writing_after_closing_does_nothing(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 2)
    writer.close()
    writer.write(noise(2, 512))
    writer.close()
    assert soundfile.info(tmp_path / "a.wav").frames == 0


def test_a_recording_can_be_ended_where_another_one_had_to(tmp_path: Path) -> None:
    music = noise(1, 1000)
    writer = WavWriter(tmp_path / "a.wav", 1)
    writer.write(music)
    writer.end_at(700)
    writer.write(music)
    writer.end_at(300)
    there, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert np.array_equal(there, music[0, :700]) and writer.frames == 700 and writer.failed is None
    assert (tmp_path / "a.wav").stat().st_size == HEADER_BYTES + 700 * 4
