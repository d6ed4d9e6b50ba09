"""Segments hold real neighbours and silence; augmentation invents nothing; batches are a function of their number."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.augment import UNCHANGED, AugmentConfig, apply_curve, augment, mix
from distill_live.audio.batches import BatchConfig, TrainingBatches
from distill_live.audio.mel import MelConfig, log_mel
from distill_live.audio.segments import SegmentConfig, SegmentSampler
from distill_live.errors import UsageError


def ramps(*frames: int) -> list[np.ndarray]:
    """Mels whose value tells recording and frame: recording ``i`` holds ``-90 + 20 i + frame / 100``."""
    return [(-90 + 20 * i + np.arange(n, dtype=np.float32) / 100)[None].repeat(3, axis=0) for i, n in enumerate(frames)]


def level(db: float, frames: int, bands: int = 128) -> np.ndarray:
    return np.full((bands, frames), db, dtype=np.float32)


@given(
    frames=st.lists(st.integers(1, 90), min_size=1, max_size=4), overhang=st.integers(0, 31), seed=st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_a_segment_holds_only_real_neighbours_and_silence(frames: list[int], overhang: int, seed: int) -> None:
    config = SegmentConfig(length=32, overhang=overhang)
    segments = SegmentSampler(ramps(*frames), config).draw(6, np.random.default_rng(seed))
    assert segments.shape == (6, 3, 32)
    assert segments.dtype == np.float32
    for row in segments[:, 0]:
        for before, after in pairwise(row):
            follows = abs(float(after - before) - 0.01) < 1e-4
            ends = after == -100.0
            begins = before == -100.0 and abs((after + 90) % 20) < 1e-3
            assert follows or ends or begins


def test_beginnings_ends_and_the_silence_around_them_are_heard() -> None:
    segments = SegmentSampler(ramps(100), SegmentConfig(length=32, overhang=8)).draw(300, np.random.default_rng(0))[
        :, 0
    ]
    silent = (segments == -100.0).sum(axis=1)
    assert silent.max() == 8
    assert 0.03 < float((segments[:, 0] == -100.0).mean()) < 0.2
    assert 0.03 < float((segments[:, -1] == -100.0).mean()) < 0.2


def test_every_frame_of_a_recording_is_about_as_likely_as_any_other() -> None:
    mel = (np.arange(200, dtype=np.float32) / 4 - 90)[None]
    values = SegmentSampler([mel], SegmentConfig(length=32, overhang=8)).draw(1600, np.random.default_rng(0))
    heard = values[values > -100.0]
    counts = np.bincount(((heard + 90) * 4).round().astype(int), minlength=200)
    assert counts[24:-24].min() > 0.7 * counts.mean()
    assert counts.min() > 0.15 * counts.mean()


def test_recordings_count_by_their_length_and_short_sounds_fill_their_segments() -> None:
    mels = [level(-10.0, 300, 2)] + [level(-20.0, 10, 2)] * 30
    segments = SegmentSampler(mels, SegmentConfig(length=32, overhang=0)).draw(400, np.random.default_rng(0))
    assert 0.42 < float((segments[:, 0] == -10.0).mean()) < 0.58
    packed = segments[segments[:, 0, 0] == -20.0][:, 0]
    assert float((packed == -20.0).mean()) > 0.8


def test_a_gain_in_decibels_is_the_mel_of_the_louder_sound() -> None:
    sound = (0.04 * np.sin(2 * np.pi * 440 * np.arange(24000) / 48000)).astype(np.float32)
    mel = log_mel(sound, MelConfig())
    louder = log_mel(sound * np.float32(10 ** (6 / 20)), MelConfig())
    raised = apply_curve(mel[None], np.full((1, 128), 6.0, dtype=np.float32), -100.0)[0]
    sounding = mel > -90.0
    np.testing.assert_allclose(raised[sounding], louder[sounding], atol=0.02)


@given(seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_augmentation_keeps_silence_the_floor_the_shape_and_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mel = np.maximum(rng.uniform(-130, 0, size=(3, 128, 20)), -100).astype(np.float32)
    before = mel.copy()
    changed = augment(mel, AugmentConfig(shift_bands=0), rng)
    assert np.array_equal(mel, before)
    assert changed.dtype == np.float32
    assert np.all(changed[mel == -100.0] == -100.0)
    assert changed.min() >= -100.0
    moved = (changed - mel)[mel > -79.0]
    assert moved.min() >= -12 - 1.5 - 3 - 1e-3
    assert moved.max() <= 6 + 1.5 + 3 + 1e-3


def test_every_segment_of_a_batch_gets_its_own_gain() -> None:
    changed = augment(np.full((8, 128, 4), -50.0, dtype=np.float32), AugmentConfig(), np.random.default_rng(0))
    assert len({round(float(level), 3) for level in changed[:, 2:-2].mean(axis=(1, 2))}) == 8


def test_a_shift_moves_bands_and_fills_with_silence() -> None:
    mel = level(-100.0, 16)
    mel[60] = -10.0
    config = AugmentConfig(gain_db=(0.0, 0.0), tilt_db=0.0, bump_db=0.0, shift_bands=2)
    changed = augment(np.stack([mel] * 64), config, np.random.default_rng(0))
    assert {int(m.max(axis=1).argmax()) for m in changed} == {58, 59, 60, 61, 62}
    assert float((changed > -100.0).mean()) == 1 / 128


def test_two_sounds_at_once_have_both_powers() -> None:
    low, high = level(-100.0, 4), level(-100.0, 4)
    low[10], high[100], high[10] = -40.0, -20.0, -40.0
    both = mix(low, high)
    assert both[10] == pytest.approx(-40.0 + 10 * np.log10(2), abs=1e-3)
    assert both[100] == pytest.approx(-20.0, abs=1e-3)
    assert (both[50] == -100.0).all()
    assert np.array_equal(both, mix(high, low))


def test_gain_and_mixing_never_make_a_sound_louder_than_full_scale() -> None:
    """No recording is above 0 dB, so no code should stand for such a sound."""
    mel = level(-40.0, 300)
    mel[60] = -1.0
    batches = TrainingBatches([mel], BatchConfig(size=32), 0)
    peaks = np.concatenate([batches.draw(number).max(axis=(1, 2)) for number in range(4)])
    assert peaks.max() <= 1e-4
    assert float((peaks > -0.01).mean()) > 0.2
    assert peaks.min() < -6.0


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    """A run that is resumed at step 7 sees what it would have seen; nobody keeps dice for it."""
    mels = ramps(300, 10, 20)
    config = BatchConfig(size=4, segments=SegmentConfig(length=64, overhang=16))
    first, again, other = (TrainingBatches(mels, config, seed) for seed in (1, 1, 2))
    for number in (7, 0, 3):
        batch = first.draw(number)
        assert batch.shape == (4, 3, 64)
        assert batch.dtype == np.float32
        assert np.array_equal(batch, again.draw(number))
        assert not np.array_equal(batch, other.draw(number))
        assert not np.array_equal(batch, first.draw(number + 1))


def test_only_the_recordings_given_are_ever_seen() -> None:
    """Trap 9: the split is by file and before augmentation; unmixed, a segment holds one recording and silence."""
    config = BatchConfig(8, SegmentConfig(length=32, overhang=8), UNCHANGED, mix_share=0.0)
    batches = TrainingBatches([level(-20.0, 60), level(-40.0, 60)], config, 0)
    drawn = [segment for number in range(10) for segment in batches.draw(number)]
    assert {float(v) for segment in drawn for v in np.unique(segment)} <= {-20.0, -40.0, -100.0}
    assert max(len(np.unique(segment)) for segment in drawn) <= 2


@pytest.mark.parametrize(("share", "levels"), [(0.0, {-40.0}), (1.0, {-37.0})])
def test_so_many_segments_as_asked_for_are_mixtures(share: float, levels: set[float]) -> None:
    config = BatchConfig(64, SegmentConfig(length=16, overhang=0), UNCHANGED, mix_share=share)
    batch = TrainingBatches([level(-40.0, 64)], config, 0).draw(0)
    assert {float(v) for v in np.unique(batch.round())} == levels


def test_nothing_to_draw_from_is_a_sentence() -> None:
    for mels in ([], [np.zeros((128, 0), dtype=np.float32)]):
        with pytest.raises(UsageError, match="no recordings"):
            TrainingBatches(mels, BatchConfig(), 0)
    for bad in (lambda: BatchConfig(size=0), lambda: BatchConfig(mix_share=1.5), lambda: SegmentConfig(overhang=192)):
        with pytest.raises(UsageError):
            bad()
