"""Edges that stand out are found; music that is louder in one part of every block is told from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distill_live.cli.quality.seams import SeamMeter, Seams

PERIOD = 512


def metered(signal: Any, cut: int = 1000) -> Seams:
    meter = SeamMeter(PERIOD)
    for start in range(0, signal.shape[1], cut):
        meter.hear(signal[:, start : start + cut])
    return meter.seams()


def noise(blocks: int = 4000) -> Any:
    return np.random.default_rng(0).standard_normal((2, blocks * PERIOD)).astype(np.float32) * 0.1


def test_edges_of_even_noise_are_like_everything_else():
    found = metered(noise())
    assert abs(found.apart_percent) < 6.0
    assert abs(found.beside_percent) < 6.0
    wanted = np.quantile(np.abs(np.diff(noise(), axis=1)), 0.999)
    assert found.inside == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("factor", [1.5, 3.0])
def test_a_louder_edge_is_found(factor: float):
    signal = noise()
    signal[:, ::PERIOD] *= factor
    found = metered(signal)
    assert found.apart_percent > 12.0
    assert found.beside_percent > 12.0


def test_music_that_is_louder_in_the_middle_of_blocks_has_no_seam():
    """By the mean of the block its edges are too quiet; beside them it is as quiet."""
    signal = noise() * (1.0 - 0.3 * np.cos(2.0 * np.pi * np.arange(noise().shape[1]) / PERIOD)).astype(np.float32)
    found = metered(signal)
    assert found.apart_percent < -12.0
    assert abs(found.beside_percent) < 6.0
    assert found.most > 1.3 * found.least


@pytest.mark.parametrize("cut", [1, 7, 512, 100_000])
def test_however_it_is_cut_it_is_the_same(cut: int):
    signal = noise(9)
    assert metered(signal, cut) == metered(signal, 333)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_a_large_step(value: float):
    signal = noise(9)
    signal[:, 1000:1002] = value
    found = metered(signal)
    assert np.isfinite([found.edge, found.inside, found.beside]).all()
    assert metered(np.full((1, 2 * PERIOD), value, np.float32)).inside >= 1.9


def test_silence_has_no_seams():
    found = metered(np.zeros((2, 5000), np.float32))
    assert (found.edge, found.inside, found.apart_percent, found.beside_percent) == (0.0, 0.0, 0.0, 0.0)
