"""Windows and overlap-add."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.vocoder.istft import FrameTransform
from tests.vocoder.sounds import noise, sine


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (2048, 256), (1024, 256), (512, 64)])
def test_frames_of_a_signal_add_up_to_the_signal(n_fft, hop):
    transform = FrameTransform(n_fft, hop)
    signal = noise(1.0)[: n_fft + 40 * hop]
    spectra = transform.analyse_signal(signal)
    again = transform.signal(spectra, np.zeros(n_fft - hop, np.float32))
    inside = slice(n_fft, -n_fft)
    assert np.abs(again[inside] - signal[inside]).max() < 1e-6


def test_what_earlier_frames_left_is_added_where_they_left_it():
    transform = FrameTransform(2048, 512)
    before, silence = noise(1.0)[: 2048 - 512], np.zeros((3, 1025), np.complex64)
    signal = transform.signal(silence, before)
    assert np.array_equal(signal, np.concatenate([before, np.zeros(512 + 2 * 512, np.float32)]))


def test_frames_finished_one_by_one_are_the_signal_of_all():
    transform = FrameTransform(2048, 512)
    spectra = transform.analyse_signal(noise(1.0)[:8192])
    tail, hops = np.zeros(2048 - 512, np.float32), []
    for n in range(len(spectra)):
        hop, tail = transform.finish(transform.synthesise(spectra[n : n + 1]), tail)
        hops.append(hop)
    together = transform.signal(spectra, np.zeros(2048 - 512, np.float32))
    assert np.array_equal(np.concatenate([*hops, tail]), together)


def test_a_full_scale_sine_on_a_bin_has_magnitude_one():
    transform = FrameTransform(2048, 512)
    spectrum = np.abs(transform.analyse(sine(100 * 48000 / 2048, level=1.0)[None, :2048]))
    assert spectrum.argmax() == 100
    assert abs(spectrum.max() - 1.0) < 1e-4


def test_all_is_single_precision():
    transform = FrameTransform(2048, 512)
    spectra = transform.analyse(np.zeros((2, 2048), np.float32))
    assert spectra.dtype == np.complex64
    assert transform.synthesise(spectra).dtype == np.float32


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 500), (1024, 512)])
def test_windows_that_do_not_add_up_to_a_constant_are_refused(n_fft, hop):
    with pytest.raises(AssertionError):
        FrameTransform(n_fft, hop)
