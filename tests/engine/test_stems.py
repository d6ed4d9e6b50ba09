"""Two files of one recording: bit for bit, and of the same length whatever happens to the disk."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.audio import wavfile
from distill_live.audio.wavfile import HEADER_BYTES
from distill_live.engine.stems import Stems
from distill_live.errors import AudioFileError

anywhere = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sound(frames: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wet = rng.uniform(-1, 1, (2, frames)).astype(np.float32)
    return wet, rng.uniform(-1, 1, frames).astype(np.float32)


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 48000
    return samples.T


def both(folder: Path) -> Stems:
    return Stems(folder / "1-wet.wav", folder / "1-dry.wav", 48000)


def test_both_files_hold_the_same_frames_bit_for_bit_and_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    wet, dry = sound(5000)
    stems = both(tmp_path)
    for start in range(0, 5000, 700):
        stems.write(wet[:, start : start + 700], dry[start : start + 700])
    stems.close()
    stems.close()
    stems.write(wet, dry)
    assert np.array_equal(read(tmp_path / "1-wet.wav"), wet)
    assert np.array_equal(read(tmp_path / "1-dry.wav")[0], dry)
    data = (tmp_path / "1-wet.wav").read_bytes()[HEADER_BYTES:]
    assert stems.sha256 == hashlib.sha256(data).hexdigest() and stems.frames == 5000 and not stems.problem


def test_without_dry_sound_there_is_no_dry_file(tmp_path: Path) -> None:
    stems = both(tmp_path)
    stems.write(sound(512)[0], None)
    stems.close()
    assert not stems.has_dry and not (tmp_path / "1-dry.wav").exists()


class FullDisk:
    """Lets so many bytes through to files of a name, as a disk that has room for no more: a short write, then none."""

    def __init__(self, name: str, room: int) -> None:
        self.name, self.room = name, room

    def __call__(self, file: wavfile.io.FileIO, data: bytes) -> None:
        if self.name in str(file.name) and len(data) != HEADER_BYTES:
            fits = data[: self.room]
            self.room -= len(fits)
            file.write(fits)
            if len(fits) < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
        else:
            file.write(data)


@anywhere
@given(st.sampled_from(["wet", "dry"]), st.integers(0, 60_000), st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_when_the_disk_is_full_both_stems_end_at_the_same_frame(
    tmp_path: Path, name: str, room: int, parts: list[int]
) -> None:
    wet, dry = sound(sum(parts))
    stems = both(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wavfile.WavWriter, "_write_all", staticmethod(FullDisk(name, room)))
        start = 0
        for frames in parts:
            stems.write(wet[:, start : start + frames], dry[start : start + frames])
            start += frames
        stems.close()
    heard, went_in = read(tmp_path / "1-wet.wav"), read(tmp_path / "1-dry.wav")
    assert heard.shape[1] == went_in.shape[1] == stems.frames
    assert np.array_equal(heard, wet[:, : stems.frames]) and np.array_equal(went_in[0], dry[: stems.frames])
    assert stems.sha256 == hashlib.sha256((tmp_path / "1-wet.wav").read_bytes()[HEADER_BYTES:]).hexdigest()
    bytes_wanted = sum(parts) * (8 if name == "wet" else 4)
    assert (f"1-{name}.wav" in stems.problem and "No space left" in stems.problem) == (room < bytes_wanted)


def test_at_4_gib_the_dry_stem_ends_with_the_wet_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavfile, "MOST_BYTES", HEADER_BYTES + 1000 * 8)
    wet, dry = sound(1536)
    stems = both(tmp_path)
    for start in (0, 512, 1024):
        stems.write(wet[:, start : start + 512], dry[start : start + 512])
    assert stems.over and "4 GiB" in stems.problem and stems.frames == 1000
    assert np.array_equal(read(tmp_path / "1-wet.wav"), wet[:, :1000])
    assert np.array_equal(read(tmp_path / "1-dry.wav")[0], dry[:1000])


def test_what_did_not_arrive_is_silence_in_both_and_nobody_vouches_for_the_file(tmp_path: Path) -> None:
    wet, dry = sound(1024)
    stems = both(tmp_path)
    stems.write(wet[:, :512], dry[:512])
    stems.silence(100_000)
    stems.write(wet[:, 512:], dry[512:])
    stems.close()
    for name, part in (("wet", wet), ("dry", dry[None])):
        there = read(tmp_path / f"1-{name}.wav")
        assert there.shape[1] == 101_024 and not there[:, 512:100_512].any()
        assert np.array_equal(there[:, :512], part[:, :512]) and np.array_equal(there[:, 100_512:], part[:, 512:])
    assert stems.sha256 == "" and "too slow" in stems.problem and "2.08 s" in stems.problem


def test_a_dry_file_that_cannot_be_made_ends_the_recording_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "1-dry.wav").mkdir()
    stems = both(tmp_path)
    stems.write(*sound(512))
    assert stems.over and "1-dry.wav" in stems.problem and read(tmp_path / "1-wet.wav").shape[1] == 0


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(AudioFileError, match="choose another place"):
        both(tmp_path / "file")
