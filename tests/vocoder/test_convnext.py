"""The ConvNeXt vocoder: two forms of one network, physics it must keep untrained, and what must never come out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distill_live.errors import DistillError, ModelFileError
from distill_live.vocoder.convnext import ConvNextVocoder, vocoder_arrays
from distill_live.vocoder.convnext_live import LiveConvNext
from distill_live.vocoder.convnext_plan import ConvNextConfig
from tests.vocoder.sounds import HOP, MEL, level_db, mel_of, music, noise

SMALL = ConvNextConfig(width=16, depth=2)


def untrained(config: ConvNextConfig = SMALL) -> ConvNextVocoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ConvNextVocoder(config).requires_grad_(False)


def live(config: ConvNextConfig = SMALL) -> LiveConvNext:
    return LiveConvNext(config, vocoder_arrays(untrained(config)))


MUSIC = mel_of(music(1.0))


def test_what_plays_is_what_has_learned():
    """The first four hops, since phases of noise magnify rounding errors frame by frame."""
    mel = MUSIC[:, 18:28]
    learned = untrained()(torch.from_numpy(mel.copy())[None])[0].numpy()
    played = live().forward(mel)
    assert played.shape == learned.shape == (10 * HOP,)
    assert np.abs(played - learned)[: 4 * HOP].max() < 1e-4 * np.abs(learned).max()


def test_steps_of_any_number_of_frames_give_the_same_bits():
    vocoder, mel = live(), MUSIC[:, 15:45]
    state, hops, start = vocoder.initial_state(), [], 0
    for width in (1, 4, 4, 7, 2, 12):
        hop, state = vocoder.step(mel[:, start : start + width], state)
        hops.append(hop)
        start += width
    whole = vocoder.forward(mel)
    assert np.array_equal(np.concatenate(hops)[vocoder.latency :], whole[: -vocoder.latency])


def test_nothing_before_and_nothing_in_is_nothing_out():
    silence = np.full((128, 20), MEL.floor_db, np.float32)
    assert not live().forward(silence).any()
    assert not untrained()(torch.from_numpy(silence)[None]).any()


def test_silence_after_a_sound_becomes_silence():
    mel = np.concatenate([MUSIC[:, 20:40], np.full((128, 20), MEL.floor_db, np.float32)], axis=1)
    sound = live().forward(mel)
    assert level_db(sound[: 20 * HOP]) > -40.0
    assert not sound[24 * HOP :].any()


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_the_latency_is_where_a_click_really_comes_out(look_ahead):
    click = np.zeros(30 * HOP, np.float32)
    click[15 * HOP] = 0.9
    vocoder = live(ConvNextConfig(width=16, depth=1, look_ahead=look_ahead, rounds=min(look_ahead, 1)))
    sound, _ = vocoder.step(mel_of(click), vocoder.initial_state())
    energy = sound.astype(np.float64) ** 2
    centre = (energy * np.arange(len(energy))).sum() / energy.sum()
    assert vocoder.latency == look_ahead * HOP + 1024
    assert abs(centre - (15 * HOP + vocoder.latency)) < HOP


def test_untrained_it_is_near_the_level_of_the_sound_already():
    steady = noise(1.0)
    assert abs(level_db(live().forward(mel_of(steady))) - level_db(steady)) < 6.0


def test_what_is_not_finite_counts_as_the_floor():
    spoilt = MUSIC[:, 15:30].copy()
    spoilt[3, 4], spoilt[60, 5], spoilt[7, 6] = np.nan, np.inf, -np.inf
    mended = np.where(np.isfinite(spoilt), spoilt, np.float32(MEL.floor_db))
    assert np.array_equal(live().forward(spoilt), live().forward(mended))


def test_a_wild_network_stays_finite_and_bounded():
    weights = {name: 50.0 * array for name, array in vocoder_arrays(untrained()).items()}
    sound = LiveConvNext(SMALL, weights).forward(MUSIC)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 10.0


def test_weights_of_another_shape_are_refused():
    weights = vocoder_arrays(untrained())
    with pytest.raises(ModelFileError, match="does not fit its vocoder"):
        LiveConvNext(ConvNextConfig(width=32, depth=2), weights)
    with pytest.raises(ModelFileError, match="does not fit its configuration"):
        LiveConvNext(ConvNextConfig(width=16, depth=1), weights)


def test_rounds_without_the_next_frame_are_one_sentence():
    with pytest.raises(DistillError, match="2 rounds need the next frame; use look_ahead 1, or rounds 0"):
        ConvNextConfig(look_ahead=0)


@pytest.mark.parametrize(("name", "value"), [("width", 0), ("depth", 99), ("look_ahead", -1), ("width", True)])
def test_numbers_out_of_their_range_are_one_sentence(name, value):
    with pytest.raises(DistillError, match=f"{name} cannot be {value}; use a whole number"):
        ConvNextConfig(**{name: value})
