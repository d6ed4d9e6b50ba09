"""A stream at another rate: the right frequency, the right level, nothing added, and the delay that is stated."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.resample import RateConverter

RATES = [(48000, 44100), (44100, 48000), (48000, 96000), (96000, 48000), (48000, 88200), (16000, 48000)]


def pulled(converter: RateConverter, x: np.ndarray, block: int) -> np.ndarray:
    """The stream as an output pulls it: blocks of a fixed length come out."""
    pieces, at = [], 0
    while at + (n := converter.needed(block)) <= len(x):
        pieces.append(np.zeros((block, x.shape[1]), np.float32))
        converter.convert(x[at : at + n], pieces[-1])
        at += n
    return np.concatenate(pieces)


def pushed(converter: RateConverter, x: np.ndarray, block: int) -> np.ndarray:
    """The stream as an input pushes it: blocks of a fixed length go in."""
    pieces = []
    for at in range(0, len(x) - block + 1, block):
        pieces.append(np.zeros((converter.given(block), x.shape[1]), np.float32))
        converter.convert(x[at : at + block], pieces[-1])
    return np.concatenate(pieces)


def sine(frequency_hz: float, rate_hz: int, seconds: float = 0.5, level: float = 0.5) -> np.ndarray:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return (level * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)[:, None]


def fitted(y: np.ndarray, frequency_hz: float, rate_hz: int) -> tuple[float, float]:
    """Amplitude of a sine in ``y`` and what is left beside it, in dB below the sine."""
    t = np.arange(len(y)) / rate_hz
    basis = np.stack([np.sin(2 * np.pi * frequency_hz * t), np.cos(2 * np.pi * frequency_hz * t)], axis=1)
    weights = np.linalg.lstsq(basis, y, rcond=None)[0]
    wave = basis @ weights
    return float(np.hypot(*weights)), float(10 * np.log10(wave.var() / (y - wave).var()))


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.4, 0.45])
def test_a_sine_keeps_its_frequency_and_level_and_nothing_is_added(
    rate_in: int, rate_out: int, fraction: float
) -> None:
    frequency = fraction * min(rate_in, rate_out)
    x = sine(frequency, rate_in)
    for stream in (pulled, pushed):
        y = stream(RateConverter(rate_in, rate_out, 1, 4096), x, 256)[1000:, 0].astype(np.float64)
        amplitude, below_db = fitted(y, frequency, rate_out)
        assert 20 * np.log10(amplitude / 0.5) == pytest.approx(0.0, abs=0.05)
        assert below_db > 100


@pytest.mark.parametrize("frequency", [23500.0, 23950.0])
def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_something_else(frequency: float) -> None:
    y = pulled(RateConverter(48000, 44100, 1, 512), sine(frequency, 48000, level=1.0), 256)[1000:]
    assert np.abs(y).max() < 10 ** (-95 / 20)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(RATES),
    st.sampled_from(["pull", "push"]),
    st.lists(st.integers(1, 900), min_size=1, max_size=40),
)
def test_any_sequence_of_block_lengths_gives_the_same_stream(
    rates: tuple[int, int], direction: str, blocks: list[int]
) -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, (60000, 2)).astype(np.float32)
    whole = pulled(RateConverter(*rates, 2, 64), noise[:30000], 64)
    converter, pieces, at = RateConverter(*rates, 2, 900), [], 0
    for block in blocks:
        n_in = converter.needed(block) if direction == "pull" else block
        n_out = block if direction == "pull" else converter.given(block)
        if at + n_in > 30000:
            break
        pieces.append(np.zeros((n_out, 2), np.float32))
        converter.convert(noise[at : at + n_in], pieces[-1])
        at += n_in
    y = np.concatenate([np.zeros((0, 2), np.float32), *pieces])
    n = min(len(y), len(whole))
    assert np.allclose(y[:n], whole[:n], atol=1e-6)
    assert abs(len(y) - at * rates[1] / rates[0]) <= 1.0 + rates[1] / rates[0]


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_the_stated_delay_is_the_delay(rate_in: int, rate_out: int) -> None:
    """A slow sine's phase tells where it is, to a hundredth of a sample."""
    frequency, converter = 100.0, RateConverter(rate_in, rate_out, 1, 512)
    y = pulled(converter, sine(frequency, rate_in), 128)[2000:, 0].astype(np.float64)
    t = np.arange(2000, 2000 + len(y)) / rate_out
    basis = np.stack([np.sin(2 * np.pi * frequency * t), np.cos(2 * np.pi * frequency * t)], axis=1)
    a, b = np.linalg.lstsq(basis, y, rcond=None)[0]
    assert -np.arctan2(b, a) / (2 * np.pi * frequency) == pytest.approx(converter.latency_s, abs=0.01 / rate_in)


def test_silence_stays_exactly_silent_after_sound_has_passed() -> None:
    x = np.concatenate([np.ones((2000, 2), np.float32), np.zeros((2000, 2), np.float32)])
    y = pulled(RateConverter(48000, 44100, 2, 512), x, 64)
    assert not y[2000:].any()


def test_a_call_takes_no_memory() -> None:
    converter, out = RateConverter(48000, 44100, 2, 512), np.zeros((147, 2), np.float32)
    x = np.zeros((160, 2), np.float32)
    converter.convert(x, out)
    tracemalloc.start()
    for _ in range(20):
        converter.convert(x, out)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4096, f"{peak} bytes: views and counters only, no samples"
    assert kept < 2048
