"""Streaming phase reconstruction: contract S, revisions, physics, and what must never come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.mel import log_mel
from distill_live.errors import DistillError
from distill_live.vocoder.rtisi import RtisiConfig, RtisiLa
from tests.vocoder.sounds import HOP, MEL, centroid_hz, level_db, mel_distance_db, mel_of, music, noise, sine

VOCODER = RtisiLa(RtisiConfig())
MUSIC = mel_of(music())
FLOOR = np.full((128, 1), MEL.floor_db, np.float32)


def in_steps(vocoder, mel, widths):
    """Sound and last state of ``mel`` cut into steps of these widths."""
    state, sounds, start = vocoder.initial_state(), [], 0
    for width in widths:
        sound, state = vocoder.step(mel[:, start : start + width], state)
        sounds.append(sound)
        start += width
    return np.concatenate(sounds), state


def same(state, other):
    parts = ("magnitudes", "phasors", "tail", "begun")
    return all(np.array_equal(getattr(state, part), getattr(other, part)) for part in parts)


# ---------------------------------------------------------------- contract S


@pytest.mark.parametrize("look_ahead", [1, 2, 3, 4])
@pytest.mark.parametrize("iterations", [0, 1, 6])
def test_step_by_step_is_the_whole_delayed_by_the_latency_bit_for_bit(look_ahead, iterations):
    vocoder = RtisiLa(RtisiConfig(look_ahead=look_ahead, iterations=iterations))
    mel = MUSIC[:, :60]
    whole = vocoder.forward(mel)
    steps, _ = in_steps(vocoder, mel, [1] * 60)
    assert whole.shape == (60 * HOP,)
    assert np.array_equal(steps[vocoder.latency :], whole[: -vocoder.latency])


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_step_of_many_frames_equals_as_many_steps_of_one(widths):
    mel = MUSIC[:, 20 : 20 + sum(widths)]
    sound, state = in_steps(VOCODER, mel, widths)
    singly, after = in_steps(VOCODER, mel, [1] * sum(widths))
    assert np.array_equal(sound, singly)
    assert same(state, after)


def test_a_kept_state_is_a_rewind_since_no_step_changes_the_state_it_is_given():
    _, kept = in_steps(VOCODER, MUSIC[:, :30], [30])
    copies = [part.copy() for part in (kept.magnitudes, kept.phasors, kept.tail, kept.begun)]
    first, _ = VOCODER.step(MUSIC[:, 30:50], kept)
    revise(kept, MUSIC[:, 60:63])
    again, _ = VOCODER.step(MUSIC[:, 30:50], kept)
    assert np.array_equal(first, again)
    assert all(map(np.array_equal, copies, (kept.magnitudes, kept.phasors, kept.tail, kept.begun)))


def test_magnitudes_of_many_frames_at_once_give_the_same_sound():
    mel = MUSIC[:, 20:32]
    at_once, _ = VOCODER.take(VOCODER.magnitudes(mel), VOCODER.initial_state())
    assert np.array_equal(at_once, in_steps(VOCODER, mel, [1] * 12)[0])


def test_two_instances_of_one_configuration_are_interchangeable():
    sound, state = in_steps(VOCODER, MUSIC[:, :25], [25])
    other, _ = in_steps(RtisiLa(RtisiConfig()), MUSIC[:, :25], [25])
    assert np.array_equal(sound, other)
    assert np.array_equal(
        RtisiLa(RtisiConfig()).step(MUSIC[:, 25:30], state)[0], VOCODER.step(MUSIC[:, 25:30], state)[0]
    )


def test_the_latency_is_where_a_click_really_comes_out():
    click = np.zeros(40 * HOP, np.float32)
    click[20 * HOP] = 0.9
    sound, _ = in_steps(VOCODER, mel_of(click), [40])
    energy = sound.astype(np.float64) ** 2
    centre = (energy * np.arange(len(energy))).sum() / energy.sum()
    assert VOCODER.latency == 3 * HOP + 1024
    assert abs(centre - (20 * HOP + VOCODER.latency)) < HOP


# ---------------------------------------------------------------- revisions


def revise(state, mel):
    return VOCODER.revise(state, VOCODER.magnitudes(mel))


def test_revising_with_the_same_frames_changes_nothing():
    _, state = in_steps(VOCODER, MUSIC[:, :30], [1] * 30)
    revised = revise(state, MUSIC[:, 27:30])
    assert same(state, revised)
    assert np.array_equal(VOCODER.step(MUSIC[:, 30:40], state)[0], VOCODER.step(MUSIC[:, 30:40], revised)[0])


def test_a_revision_is_heard_in_the_very_next_hop():
    _, state = in_steps(VOCODER, MUSIC[:, :30], [30])
    revised = revise(state, np.repeat(FLOOR, 3, axis=1))
    before, _ = VOCODER.step(MUSIC[:, 30:31], state)
    after, _ = VOCODER.step(MUSIC[:, 30:31], revised)
    assert level_db(after - before) > level_db(before) - 30.0


def test_revised_frames_end_up_as_the_new_sound():
    """Three frames go in as noise and are revised to the sine before they are committed."""
    mel, wrong = mel_of(sine(440.0)), mel_of(noise(level=0.3))
    _, state = in_steps(VOCODER, np.concatenate([mel[:, :40], wrong[:, 40:43]], axis=1), [43])
    sound, _ = VOCODER.step(mel[:, 43:80], revise(state, mel[:, 40:43]))
    assert abs(centroid_hz(sound) - 440.0) < 4.4


def test_another_number_of_frames_than_are_pending_is_a_bug():
    with pytest.raises(AssertionError, match="3 frames are pending"):
        revise(VOCODER.initial_state(), MUSIC[:, :2])


# ---------------------------------------------------------------- fewer rounds under load


def test_rounds_can_be_fewer_for_a_step_and_the_configured_ones_come_back():
    _, state = in_steps(VOCODER, MUSIC[:, :30], [30])
    usual, _ = VOCODER.step(MUSIC[:, 30:31], state)
    shed, _ = VOCODER.step(MUSIC[:, 30:31], state, iterations=1)
    again, _ = VOCODER.step(MUSIC[:, 30:31], state)
    assert not np.array_equal(usual, shed)
    assert np.array_equal(usual, again)


def test_more_rounds_come_nearer_to_the_mel():
    sound = music()
    far, near = (mel_distance_db(RtisiLa(RtisiConfig(iterations=n)).forward(mel_of(sound)), sound) for n in (0, 4))
    assert near < far


@pytest.mark.parametrize(
    "wrong", [{"look_ahead": 0}, {"look_ahead": 5}, {"iterations": 17}, {"iterations": -1}, {"look_ahead": "3"}]
)
def test_what_cannot_be_is_refused_with_the_legal_range(wrong):
    with pytest.raises(DistillError, match="use a whole number from"):
        RtisiConfig(**wrong)


# ---------------------------------------------------------------- never


def test_silence_stays_silence_to_the_last_bit():
    sound, _ = in_steps(VOCODER, np.repeat(FLOOR, 20, axis=1), [20])
    assert not sound.any()


def test_after_the_last_frame_comes_silence_and_after_silence_sound_again():
    quiet = np.repeat(FLOOR, 12, axis=1)
    sound, _ = in_steps(VOCODER, np.concatenate([MUSIC[:, 30:50], quiet, quiet, MUSIC[:, 30:60]], axis=1), [74])
    assert not sound[30 * HOP : 44 * HOP].any()
    assert level_db(sound[60 * HOP :]) > -60.0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_comes_in_finite_sound_comes_out(seed):
    rng = np.random.default_rng(seed)
    mel = rng.choice(np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, -100.0], np.float32), (128, 6))
    sound, state = in_steps(VOCODER, mel, [6])
    after, _ = VOCODER.step(MUSIC[:, :10], state)
    assert np.isfinite(sound).all()
    assert np.isfinite(after).all()


# ---------------------------------------------------------------- physics


@pytest.mark.parametrize("frequency_hz", [82.4, 220.0, 440.0, 1000.0, 3000.0, 8000.0])
def test_a_sine_keeps_its_frequency_and_its_level(frequency_hz):
    sound = sine(frequency_hz)
    again = VOCODER.forward(mel_of(sound))
    inside = slice(24000, 60000)
    assert abs(centroid_hz(again[inside]) / frequency_hz - 1.0) < 0.01
    assert abs(level_db(again[inside]) - level_db(sound[inside])) < 1.5


def test_noise_keeps_its_level():
    sound = noise()
    assert abs(level_db(VOCODER.forward(mel_of(sound))) - level_db(sound)) < 1.0


@pytest.mark.parametrize(
    "sounds", [[noise(6.0, seed=seed) for seed in range(6)], [sine(1000.0, 6.0)]], ids=["noise", "sine"]
)
def test_hops_meet_without_a_seam(sounds):
    """The largest steps from sample to sample are no larger where hops meet than inside them.

    Six noises, since the largest steps of one are so few that their size is chance (0.02 from one to the next).
    """
    steps = np.concatenate([steps_by_place(sound) for sound in sounds])
    near_edge = np.r_[HOP - 2, HOP - 1, 0]
    edge = np.percentile(steps[:, near_edge], 99)
    inside = np.percentile(np.delete(steps, near_edge, axis=1), 99)
    assert edge < 1.1 * inside


def steps_by_place(sound):
    """``|x[n + 1] - x[n]|`` of the vocoded sound, ``[hops, HOP]``: place HOP - 1 is where hops meet."""
    again = VOCODER.forward(mel_of(sound))[HOP * 8 : -HOP * 8 + 1]
    return np.abs(np.diff(again)).reshape(-1, HOP)


def test_the_level_does_not_tremble_at_the_rate_of_the_hops():
    """Regression: after four rounds, frames that disagreed left noise 20 % louder at the hops' edges than between."""
    again = VOCODER.forward(mel_of(noise(12.0)))[HOP * 8 : -HOP * 8]
    power = (again.reshape(-1, 8, HOP // 8).astype(np.float64) ** 2).mean(axis=(0, 2))
    assert np.sqrt(power.max() / power.min()) < 1.16


def test_bells_come_out_near_their_own_mel():
    sound = music()
    assert mel_distance_db(VOCODER.forward(mel_of(sound)), sound) < 3.0


def test_a_smaller_transform_works_as_well():
    """The next issue shortens the window for latency; nothing here is bound to 2048 by 512."""
    config = RtisiConfig(n_fft=1024, hop=256, n_mels=64, look_ahead=1)
    vocoder = RtisiLa(config)
    sound = sine(440.0)
    again = vocoder.forward(log_mel(sound, config.mel))
    assert vocoder.latency == 256 + 512
    assert abs(centroid_hz(again[24000:60000]) / 440.0 - 1.0) < 0.01
