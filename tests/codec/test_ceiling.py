"""A decoder that is told nonsense may not shout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill_live.codec.ceiling import HEADROOM_DB, Ceiling
from distill_live.codec.config import VQVAEConfig
from distill_live.codec.model import VQDecoder, live_decoder
from distill_live.errors import ModelFileError


def recordings(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-100, -20, (128, frames)).astype(np.float32) for frames in (1, 40, 200)]


def frame_db(mel: np.ndarray) -> np.ndarray:
    found: np.ndarray = 10 * np.log10((10 ** (mel.astype(np.float64) / 10)).sum(axis=0))
    return found


@given(st.integers(0, 1000))
def test_recordings_up_to_3_db_louder_pass_as_they_are(seed):
    mels = recordings(seed)
    ceiling = Ceiling.of_recordings(mels)
    for mel in mels:
        raised = mel + np.float32(HEADROOM_DB - 0.01)
        assert np.array_equal(ceiling(raised), raised)


@given(st.integers(0, 1000), st.floats(0, 80))
def test_nothing_comes_out_louder_than_the_loudest_and_its_headroom(seed, shout):
    mels = recordings(seed)
    ceiling = Ceiling.of_recordings(mels)
    found = ceiling(mels[2] + np.float32(shout))
    assert (found <= ceiling.bands[:, None]).all()
    assert frame_db(found).max() <= max(frame_db(mel).max() for mel in mels) + HEADROOM_DB + 0.01
    assert np.isfinite(found).all()


def test_a_frame_that_is_too_loud_becomes_quieter_and_keeps_its_colour():
    mel = np.full((128, 3), -80, np.float32)
    mel[10] = mel[90, 0] = -20.0  # two tones, never more than two at once
    ceiling = Ceiling.of_recordings([mel])
    both = np.repeat(ceiling.bands[:, None], 2, axis=1)  # every band as loud as it may be
    found = ceiling(both)
    assert np.ptp(found - both) < 1e-4
    assert 1.0 < float((both - found).mean()) < 20.0


def test_a_tone_a_little_higher_than_any_heard_is_no_stranger():
    mel = np.full((128, 3), -80, np.float32)
    mel[10] = -20.0
    ceiling = Ceiling.of_recordings([mel])
    assert np.array_equal(np.flatnonzero(ceiling.bands > -50), [8, 9, 10, 11, 12])


def test_more_recordings_raise_it_and_never_lower_it():
    quiet, loud = recordings(1), [mel + np.float32(10) for mel in recordings(2)]
    first = Ceiling.of_recordings(quiet)
    both = first.with_recordings(loud)
    assert both.frame > first.frame
    assert (both.bands >= first.bands).all()
    assert (both.bands > first.bands).any()
    again = both.with_recordings(quiet)
    assert np.array_equal(again.to_array(), both.to_array())


def test_it_travels_as_a_tensor():
    ceiling = Ceiling.of_recordings(recordings(3))
    back = Ceiling.from_array(ceiling.to_array(), 128)
    assert np.array_equal(back.bands, ceiling.bands)
    assert back.frame == ceiling.frame


@pytest.mark.parametrize("array", [np.zeros(128, np.float32), np.zeros(129), np.zeros((129, 1), np.float32)])
def test_another_shape_or_type_is_one_sentence(array):
    with pytest.raises(ModelFileError, match=r"ceiling is no float32 \[129\]; train it again"):
        Ceiling.from_array(array, 128)


def test_a_decoder_keeps_below_it_step_by_step_and_at_once():
    torch.manual_seed(0)
    config = VQVAEConfig(channels=8)
    decoder = VQDecoder(config).eval()
    free = live_decoder(decoder)
    latents = np.random.default_rng(0).normal(0, 30, (20, 1, config.codebook_dim)).astype(np.float32)
    shouted = free.forward(latents)
    ceiling = Ceiling.of_recordings([np.minimum(shouted, shouted.mean())])
    kept = live_decoder(decoder)
    kept.ceiling = ceiling
    assert np.array_equal(kept.forward(latents), ceiling(shouted))
    state, pieces = kept.initial_state(), []
    for latent in latents:
        mel, state = kept.step(latent[None], state)
        pieces.append(mel)
    assert np.abs(np.concatenate(pieces, axis=1) - ceiling(shouted)).max() < 0.02
    assert (shouted > kept.forward(latents)).any()
