"""The recorder: every block at its place, and a disk that sleeps or is full never stops the sound."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill_live.audio import wavfile
from distill_live.engine.recorder import Recorder
from distill_live.errors import AudioFileError


def blocks(count: int, seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (2, 512)).astype(np.float32) for _ in range(count)]


def test_what_is_pushed_is_in_the_file_bit_for_bit(tmp_path: Path) -> None:
    sound = blocks(200)
    recorder = Recorder(tmp_path / "take.wav", 48000, 2)
    for block in sound:
        recorder.push(block)
    recorder.close()
    recorder.close()
    read, rate = soundfile.read(tmp_path / "take.wav", dtype="float32", always_2d=True)
    assert rate == 48000
    assert np.array_equal(read.T, np.concatenate(sound, axis=1))
    assert recorder.failed is None


def test_a_block_may_be_used_again_at_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "take.wav")
    block = np.full((2, 512), 0.5, np.float32)
    recorder.push(block)
    block[:] = 9
    recorder.close()
    assert soundfile.read(tmp_path / "take.wav")[0].max() == 0.5


def test_a_disk_that_sleeps_costs_silence_not_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awake, asleep = threading.Event(), threading.Event()
    write = wavfile.WavWriter.write

    def slow(self: wavfile.WavWriter, samples: np.ndarray) -> None:
        asleep.set()
        assert awake.wait(30)
        write(self, samples)

    monkeypatch.setattr(wavfile.WavWriter, "write", slow)
    recorder = Recorder(tmp_path / "take.wav", waiting_blocks=4)
    sound = blocks(10)
    recorder.push(sound[0])
    assert asleep.wait(30)  # block 0 is with the disk, 1..4 wait, 5..8 find no room
    for block in sound[1:9]:
        recorder.push(block)
    awake.set()
    recorder.close()
    read = soundfile.read(tmp_path / "take.wav", dtype="float32")[0].T
    assert np.array_equal(read[:, : 5 * 512], np.concatenate(sound[:5], axis=1))
    assert read.shape[1] == 9 * 512
    assert not read[:, 5 * 512 :].any()
    assert recorder.lost_frames == 4 * 512
    assert "too slow" in str(recorder.failed)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said_and_the_sound_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "take.wav")
    full = os.open("/dev/full", os.O_WRONLY)
    write_all = wavfile.WavWriter._write_all

    def onto_a_full_disk(file: object, data: bytes) -> None:
        if len(data) > wavfile.HEADER_BYTES:
            os.write(full, data)
        write_all(file, data)  # type: ignore[arg-type]

    monkeypatch.setattr(wavfile.WavWriter, "_write_all", staticmethod(onto_a_full_disk))
    for block in blocks(50):
        recorder.push(block)
    recorder.close()
    os.close(full)
    assert str(tmp_path / "take.wav") in str(recorder.failed)
    assert soundfile.info(tmp_path / "take.wav").frames == recorder.frames


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(AudioFileError, match="choose another place"):
        Recorder(tmp_path / "file" / "take.wav")
