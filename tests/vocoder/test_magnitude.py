"""Linear magnitudes from mel bands."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.audio.mel import MelConfig, mel_filterbank
from distill_live.vocoder.magnitude import LOUDEST_DB, MelToMagnitude
from tests.vocoder.sounds import MEL, mel_of, music, noise, sine

TO_MAGNITUDE = MelToMagnitude(MEL)


def bands_db(magnitude):
    power = mel_filterbank(MEL).astype(np.float64) @ magnitude.astype(np.float64) ** 2
    return np.maximum(10.0 * np.log10(np.maximum(power, 1e-30)), MEL.floor_db)


@pytest.mark.parametrize("sound", [sine(440.0), noise(), music()], ids=["sine", "noise", "bells"])
def test_the_mel_of_the_magnitudes_is_the_mel_they_came_from(sound):
    mel = mel_of(sound)[:, 4:-4]
    error = np.abs(bands_db(TO_MAGNITUDE(mel)) - mel)
    assert error[mel > -60.0].mean() < 1.0


def test_corrections_bring_the_bands_nearer_than_the_guess_alone():
    mel = mel_of(music())
    errors = [np.abs(bands_db(MelToMagnitude(MEL, n)(mel)) - mel).mean() for n in (0, 1, 4)]
    assert errors[0] > errors[1] > errors[2]


def test_a_full_scale_sine_has_a_peak_of_about_one():
    peak = TO_MAGNITUDE(mel_of(sine(468.75, level=1.0)))[:, 40].max()
    assert 20.0 * abs(np.log10(peak)) < 1.5


def test_all_frames_at_once_are_the_frames_one_by_one_bit_for_bit():
    mel = mel_of(music(0.5))
    one_by_one = [TO_MAGNITUDE(mel[:, n : n + 1]) for n in range(mel.shape[1])]
    assert np.array_equal(TO_MAGNITUDE(mel), np.concatenate(one_by_one, axis=1))


def test_the_floor_is_silence():
    assert not TO_MAGNITUDE(np.full((128, 3), MEL.floor_db, np.float32)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_counts_as_the_floor(bad):
    mel = mel_of(noise(0.1))
    broken, floored = mel.copy(), mel.copy()
    broken[20:30], floored[20:30] = bad, MEL.floor_db
    assert np.array_equal(TO_MAGNITUDE(broken), TO_MAGNITUDE(floored))


def test_a_decoder_gone_wild_stays_finite():
    wild = TO_MAGNITUDE(np.full((128, 1), 3e38, np.float32))
    assert np.isfinite(wild).all()
    assert 20.0 * np.log10(wild.max()) <= LOUDEST_DB + 3.0


@pytest.mark.parametrize("n_mels", [16, 256, 512])
def test_any_legal_number_of_bands_has_magnitudes(n_mels):
    """Regression: a band so narrow that it borrows its neighbours' bin made a bin lie in three bands."""
    config = MelConfig(n_mels=n_mels)
    magnitude = MelToMagnitude(config)(np.full((n_mels, 2), -40.0, np.float32))
    power = mel_filterbank(config).astype(np.float64) @ magnitude.astype(np.float64) ** 2
    decibels = 10.0 * np.log10(power)
    assert abs(np.median(decibels) + 40.0) < 0.5
