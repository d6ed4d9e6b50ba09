"""The log-mel is that of the project's quality measure, has the promised length, and streams under contract S."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.mel import MelConfig, StreamingLogMel, log_mel, mel_edges_hz, mel_filterbank

CONFIG = MelConfig()
QUALITY = Path(__file__).parents[2].parent / "shared" / "tools" / "quality.py"


def noise(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    swell = np.abs(np.sin(np.arange(samples) / 9000.0)) ** 4
    return (0.2 * swell * rng.standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    if not QUALITY.is_file():
        pytest.skip("the quality measure is not beside this checkout")
    spec = importlib.util.spec_from_file_location("quality_measure", QUALITY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_filterbank_is_that_of_the_quality_measure(quality: ModuleType) -> None:
    np.testing.assert_allclose(mel_filterbank(CONFIG), quality.mel_bank(128).T, atol=1e-6)


@pytest.mark.parametrize("samples", [100, 2048, 24000, 48001, 51200])
def test_the_log_mel_is_that_of_the_quality_measure(quality: ModuleType, samples: int) -> None:
    signal = noise(samples)
    theirs = quality.logmel(signal).T[:, : CONFIG.frames(samples)]
    np.testing.assert_allclose(log_mel(signal, CONFIG), theirs, atol=1e-3)


@pytest.mark.parametrize("n_mels", [128, 256])
def test_bands_that_are_not_empty_are_the_htk_triangles_of_torchaudio(n_mels: int) -> None:
    functional = pytest.importorskip("torchaudio.functional")
    theirs = functional.melscale_fbanks(1025, 0.0, 24000.0, n_mels, 48000, norm=None, mel_scale="htk").numpy().T
    filled = theirs.sum(axis=1) > 0
    assert filled.all() == (n_mels == 128)
    np.testing.assert_allclose(mel_filterbank(MelConfig(n_mels=n_mels))[filled], theirs[filled], atol=1e-4)


def test_a_band_between_two_bins_takes_its_nearest_bin() -> None:
    config = MelConfig(n_mels=256)
    bank = mel_filterbank(config)
    single = [band for band in range(256) if np.count_nonzero(bank[band]) == 1 and bank[band].max() == 1.0]
    assert single
    for band in single:
        bin_hz = float(np.argmax(bank[band])) * 48000 / 2048
        assert abs(bin_hz - mel_edges_hz(config)[band + 1]) <= 48000 / 2048 / 2


def test_a_full_scale_sine_on_a_bin_peaks_at_0_db() -> None:
    seconds = np.arange(48000) / 48000
    mel = log_mel(np.sin(2 * np.pi * 3000.0 * seconds).astype(np.float32), CONFIG)
    assert abs(float(mel[:, 20].max())) < 1.5  # the triangle's top seldom lies exactly on the bin
    half = log_mel((0.5 * np.sin(2 * np.pi * 3000.0 * seconds)).astype(np.float32), CONFIG)
    assert float(mel[:, 20].max() - half[:, 20].max()) == pytest.approx(6.02, abs=0.01)


def test_silence_is_the_floor_and_nothing_is_below_it() -> None:
    assert np.all(log_mel(np.zeros(5000, dtype=np.float32), CONFIG) == -100.0)
    assert log_mel(noise(20000) * np.float32(1e-6), CONFIG).min() >= -100.0


def test_one_second_is_94_frames_and_a_frame_is_centred_on_its_hop() -> None:
    signal = np.zeros(48000, dtype=np.float32)
    signal[40 * 512] = 1.0
    mel = log_mel(signal, CONFIG)
    assert mel.shape == (128, 94)
    assert mel.dtype == np.float32
    assert int(mel.sum(axis=0).argmax()) == 40


@given(samples=st.integers(0, 6000))
@settings(max_examples=25, deadline=None)
def test_the_number_of_frames_is_the_length_over_the_hop_rounded_up(samples: int) -> None:
    assert log_mel(noise(samples), CONFIG).shape == (128, -(-samples // 512))


def test_other_grids_of_time_and_frequency_work_too() -> None:
    config = MelConfig(sample_rate=24000, n_fft=512, hop=128, n_mels=40, floor_db=-80.0)
    mel = log_mel(noise(24000), config)
    assert mel.shape == (40, 188)
    assert mel.min() >= -80.0


@given(cuts=st.lists(st.integers(1, 9), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_a_streamed_log_mel_is_bit_identical_with_the_whole_one_delayed_by_its_latency(cuts: list[int]) -> None:
    stream = StreamingLogMel(CONFIG)
    signal = noise(512 * sum(cuts))
    state, pieces, start = stream.initial_state(), [], 0
    for cut in cuts:
        piece, state = stream.step(signal[start : start + 512 * cut], state)
        pieces.append(piece)
        start += 512 * cut
    streamed = np.concatenate(pieces, axis=1)
    whole = stream.forward(signal)
    assert np.array_equal(streamed[:, stream.latency :], whole[:, : whole.shape[1] - stream.latency])


def test_away_from_its_ends_the_streamed_log_mel_is_the_offline_one_bit_for_bit() -> None:
    signal = noise(512 * 60)
    assert np.array_equal(StreamingLogMel(CONFIG).forward(signal)[:, 2:-2], log_mel(signal, CONFIG)[:, 2:-2])


def test_a_step_does_not_change_the_state_it_is_given() -> None:
    stream = StreamingLogMel(CONFIG)
    _, state = stream.step(noise(1024), stream.initial_state())
    kept = state.copy()
    stream.step(noise(1024, seed=1), state)
    assert np.array_equal(state, kept)
