"""Any rate and channel count comes in, what is not sound is refused in a sentence, and what is written reads back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill_live.audio.files import Sound, read_audio, read_mono, resample, write_audio
from distill_live.errors import AudioFileError


def sine(rate: int, seconds: float = 0.5, hz: float = 1000.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_every_common_format_is_read(tmp_path: Path, ending: str) -> None:
    soundfile.write(tmp_path / f"a.{ending}", np.stack([sine(44100)] * 2, axis=1), 44100)
    sound = read_audio(tmp_path / f"a.{ending}")
    assert sound.samples.dtype == np.float32
    assert sound.samples.shape == (2, 24000)
    assert (sound.sample_rate, sound.source_rate, sound.name, sound.whole) == (48000, 44100, f"a.{ending}", True)
    middle = sound.mono()[4000:20000]
    assert float(np.sqrt((middle**2).mean())) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_every_rate_and_channel_count_comes_in_at_48_khz(tmp_path: Path, rate: int, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([sine(rate)] * channels, axis=1), rate)
    sound = read_audio(tmp_path / "a.wav")
    assert sound.samples.shape == (channels, 24000)
    error = sound.mono()[2000:-2000] - sine(48000)[2000:-2000]
    assert float(np.abs(error).max()) < 2e-3


def test_resampling_lets_nothing_above_the_new_range_through() -> None:
    above = sine(48000, hz=20000.0)[None]
    assert float(np.abs(resample(above, 48000, 32000)[:, 500:-500]).max()) < 1e-4


def test_mono_is_the_mean_of_the_channels() -> None:
    left_only = np.array([[1.0, -1.0], [0.0, 0.0]], dtype=np.float32)
    assert Sound(left_only, 48000, 48000, "x").mono().tolist() == [0.5, -0.5]


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_an_offset_is_taken_away_and_a_short_low_stroke_is_left_as_it_is(tmp_path: Path, rate: int) -> None:
    """The mean of a stroke is not zero although it decays to zero: without it there would be a step at each end."""
    t = np.arange(round(0.3 * rate)) / rate
    stroke = 0.8 * np.exp(-40 * t) * np.sin(2 * np.pi * 30 * t)
    assert abs(stroke.mean()) > 0.01
    soundfile.write(tmp_path / "stroke.wav", stroke, rate, subtype="FLOAT")
    soundfile.write(
        tmp_path / "offset.wav", np.stack([sine(rate) + 0.1, sine(rate) + 0.3], axis=1), rate, subtype="FLOAT"
    )
    heard = read_mono(tmp_path / "stroke.wav")
    assert np.allclose(heard, read_audio(tmp_path / "stroke.wav").mono(), rtol=0.0, atol=1e-12)
    assert abs(float(read_mono(tmp_path / "offset.wav").mean())) < 1e-3
    assert read_mono(tmp_path / "offset.wav").shape == (24000,)


def test_a_long_file_can_be_read_in_part_and_says_so(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(44100, seconds=3.0), 44100)
    part = read_audio(tmp_path / "a.wav", most_seconds=1.0)
    assert part.samples.shape == (1, 48000)
    assert not part.whole
    assert read_audio(tmp_path / "a.wav", most_seconds=3.0).whole


def write_float_wav(path: Path, value: float) -> None:
    soundfile.write(path, np.full(100, value), 48000, subtype="FLOAT")


def test_what_is_not_sound_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_bytes(b"dear diary " * 100)
    (tmp_path / "nothing.wav").write_bytes(b"")
    soundfile.write(tmp_path / "no_samples.wav", np.zeros((0, 1)), 48000)
    write_float_wav(tmp_path / "nan.wav", np.nan)
    write_float_wav(tmp_path / "infinite.wav", np.inf)
    write_float_wav(tmp_path / "integers.wav", 32767.0)
    names = ["text.wav", "nothing.wav", "no_samples.wav", "nan.wav", "infinite.wav", "integers.wav", "absent.wav", "."]
    for name in names:
        with pytest.raises(AudioFileError) as caught:
            read_audio(tmp_path / name)
        sentence = str(caught.value)
        assert str(tmp_path) in sentence
        assert sentence.endswith(".")
        assert sentence.count("\n") == 0


def test_a_flac_cut_in_half_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 96000), 48000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioFileError, match="cannot read"):
        read_audio(tmp_path / "half.flac")


def test_a_header_that_promises_more_than_the_file_holds_gives_what_is_there(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(48000, seconds=1.0), 48000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: 44 + 20000])
    assert read_audio(tmp_path / "cut.wav").samples.shape == (1, 10000)


def test_a_float_wav_reads_back_bit_for_bit_and_twice_the_same_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).standard_normal((2, 5000)).astype(np.float32)
    write_audio(tmp_path / "deep" / "a.wav", samples)
    write_audio(tmp_path / "b.wav", samples)
    assert np.array_equal(read_audio(tmp_path / "deep" / "a.wav").samples, samples)
    assert (tmp_path / "deep" / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_flac_reads_back_to_24_bits(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", sine(48000))
    assert float(np.abs(read_audio(tmp_path / "a.flac").mono() - sine(48000)).max()) < 2.0**-22


def test_flac_limits_what_is_above_full_scale_instead_of_wrapping_round(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", np.full(1000, 1.5, dtype=np.float32))
    assert float(read_audio(tmp_path / "a.flac").mono().min()) > 0.99


def test_writing_refuses_other_endings_and_samples_that_are_not_finite(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"is not \.wav or \.flac"):
        write_audio(tmp_path / "a.mp3", sine(48000))
    with pytest.raises(AudioFileError, match="not finite"):
        write_audio(tmp_path / "a.wav", np.array([np.nan], dtype=np.float32))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioFileError, match="cannot write"):
        write_audio(tmp_path / "file" / "a.wav", sine(48000))
