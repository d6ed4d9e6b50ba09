"""The transforms of the render loop: numpy's, with less around them."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

from distill_live.vocoder import fft


def rows(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(size).standard_normal((count, size)).astype(np.float32)


@pytest.mark.parametrize(("count", "size"), [(1, 2048), (4, 2048), (5, 2048), (3, 1000), (2, 6)])
def test_they_are_numpys_public_transforms_to_the_bit(count, size):
    given = rows(count, size)
    spectra = fft.rfft_rows(given, np.empty((count, size // 2 + 1), np.complex64))
    assert np.array_equal(spectra, np.fft.rfft(given, norm="forward").astype(np.complex64))
    back = fft.irfft_rows(spectra, np.empty_like(given))
    assert np.array_equal(back, np.fft.irfft(spectra, size).astype(np.float32))


def test_numpys_public_transforms_take_the_place_of_the_inner_ones():
    given = rows(4, 2048)
    spectra, back = np.empty((4, 1025), np.complex64), np.empty_like(given)
    fft.public_rfft(given, np.float32(1 / 2048), spectra)
    fft.public_irfft(spectra, np.float32(1 / 2048), back)
    assert np.array_equal(spectra, fft.rfft_rows(given, np.empty_like(spectra)))
    assert np.array_equal(back, fft.irfft_rows(spectra, np.empty_like(given)))


@pytest.mark.parametrize(
    "module",
    [
        SimpleNamespace(),  # gone
        SimpleNamespace(rfft_n_even=lambda rows, factor: None, irfft=lambda rows, factor: None),  # called otherwise
        SimpleNamespace(rfft_n_even=lambda r, f, out: out.fill(1.0), irfft=lambda s, f, out: out.fill(1.0)),
    ],
)
def test_a_numpy_whose_inner_functions_are_others_is_used_by_its_public_ones(module, monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: module)
    assert fft.inner_transforms() is None
