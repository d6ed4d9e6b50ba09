"""Broad sound that our own code makes, for what must learn from all kinds of sound: a vocoder that anybody may use.

A scene is one to three layers, each of one instrument: strings, bells and bars, bows, plucked delay lines, harmonic
tones with vibrato, chirps, FM, chords, hiss, crackle, drums; some scenes are filtered, some stand in a room. Scene
``number`` is a pure function of the number and the seed. Knows nothing of mels or of learning. Any thread; a second of
sound takes some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio import demo_voices as voices
from distill_live.audio.demo_voices import RATE, Signal

Floats = NDArray[np.float32]
Layer = Callable[[int, np.random.Generator], Signal]  # samples, chance -> a whole layer [T]

_PEAK_DB: Final = (-18.0, -1.0)
_LEAST_PEAK: Final = 1e-6


def broad_sound(number: int, seconds: float = 4.0, seed: int = 0) -> Floats:
    """Scene ``number``, 0 and up: mono float32 ``[T]`` at 48 kHz with a peak of -18 to -1 dBFS.

    >>> scene = broad_sound(3, seconds=0.5)
    >>> scene.shape, bool((scene == broad_sound(3, seconds=0.5)).all()), bool(0.1 < abs(scene).max() < 1.0)
    ((24000,), True, True)
    """
    rng = np.random.default_rng((seed, number))
    samples = round(seconds * RATE)
    line = np.zeros(samples)
    for _ in range(int(rng.integers(1, 4))):
        layer = _LAYERS[int(rng.integers(len(_LAYERS)))](samples, rng)
        line += layer / max(float(np.abs(layer).max()), _LEAST_PEAK) * 10 ** (rng.uniform(-18.0, 0.0) / 20)
    if rng.random() < 0.3:
        line = _filtered(line, rng)
    if rng.random() < 0.4:
        line = _in_room(line, rng)
    line *= 10 ** (rng.uniform(*_PEAK_DB) / 20) / max(float(np.abs(line).max()), _LEAST_PEAK)
    return line.astype(np.float32)


def harmonic_tone(samples: int, rng: np.random.Generator) -> Signal:
    """A tone of harmonics with vibrato, whose loudness and pitch wander."""
    hz = _pitch(rng) * 2.0 ** (rng.uniform(0.0, 0.05) * voices.wander(samples, 0.5, rng))
    vibrato = rng.uniform(0.0, 0.012) * np.sin(2 * np.pi * rng.uniform(3.0, 8.0) * np.arange(samples) / RATE)
    phase = 2 * np.pi * np.cumsum(hz * (1.0 + vibrato)) / RATE
    count = int(min(rng.integers(1, 40), voices.TOP_HZ / hz.max()))
    slope, odd = rng.uniform(0.5, 2.5), rng.random() < 0.3
    sound = np.zeros(samples)
    for harmonic in range(1, max(2, count + 1), 2 if odd else 1):
        sound += harmonic**-slope * np.sin(harmonic * phase + rng.uniform(0.0, 2 * np.pi))
    return sound * _swelling(samples, rng)


def chord(samples: int, rng: np.random.Generator) -> Signal:
    """Three to six tones of one colour at once."""
    ratios = 2.0 ** (rng.choice(np.arange(0, 25), int(rng.integers(3, 7)), replace=False) / 12.0)
    time_s, hz, slope = np.arange(samples) / RATE, _pitch(rng, 60.0, 500.0), rng.uniform(0.8, 2.5)
    number = np.arange(1, 13)
    partials = np.outer(ratios * rng.normal(1.0, 0.0005, len(ratios)), number).ravel() * hz
    gains = np.tile(number**-slope, len(ratios))
    sound = np.zeros(samples)
    for partial_hz, gain in zip(partials, gains, strict=True):
        if partial_hz < voices.TOP_HZ:
            sound += gain * np.sin(2 * np.pi * (partial_hz * time_s + rng.random()))
    return sound * _swelling(samples, rng)


def chirps(samples: int, rng: np.random.Generator) -> Signal:
    """Tones that glide up or down, some of them in a hurry."""

    def one(length: int) -> Signal:
        low, high = np.log(rng.uniform(40.0, 12000.0, 2))
        hz = np.exp(low + (high - low) * np.arange(length) / length)
        return np.sin(2 * np.pi * np.cumsum(hz) / RATE) * _shape(length, rng)

    return _events(samples, rng, one, rate_hz=rng.uniform(0.5, 4.0), length_s=(0.05, 2.0))


def frequency_modulation(samples: int, rng: np.random.Generator) -> Signal:
    """Struck tones of two operators: clangs, pianos of the eighties, noise."""

    def one(length: int) -> Signal:
        time_s, hz = np.arange(length) / RATE, _pitch(rng)
        ratio = float(rng.choice((0.5, 1.0, 1.41, 2.0, 3.0, 3.5, 7.0))) * rng.uniform(0.99, 1.01)
        index = rng.uniform(0.2, 8.0) * np.exp(-time_s * rng.uniform(0.5, 8.0))
        phase = 2 * np.pi * hz * time_s + index * np.sin(2 * np.pi * hz * ratio * time_s)
        return np.sin(phase) * _shape(length, rng)

    return _events(samples, rng, one, rate_hz=rng.uniform(0.5, 6.0), length_s=(0.2, 2.5))


def plucked(samples: int, rng: np.random.Generator) -> Signal:
    """Strings as a delay line that loses its treble (Karplus and Strong, Computer Music Journal 7(2), 1983)."""
    loss = rng.uniform(0.9, 0.999)

    def one(length: int) -> Signal:
        period = max(8, round(RATE / _pitch(rng, 50.0, 1200.0)))
        line = rng.uniform(-1.0, 1.0, period)
        turns = []
        for _ in range(-(-length // period)):
            turns.append(line)
            line = loss * 0.5 * (line + np.roll(line, 1))
        return np.concatenate(turns)[:length] * _shape(length, rng, sharp=True)

    return _events(samples, rng, one, rate_hz=rng.uniform(1.0, 8.0), length_s=(0.3, 2.0))


def hiss(samples: int, rng: np.random.Generator) -> Signal:
    """Steady noise of one colour that swells: wind, tape, breath, rain from afar."""
    low_hz = 10 ** rng.uniform(1.3, 3.8)
    colour = voices.band(low_hz, low_hz * 2 ** rng.uniform(0.5, 8.0))
    return voices.shaped_noise(samples, colour, rng) * _swelling(samples, rng)


def bursts(samples: int, rng: np.random.Generator) -> Signal:
    """Strokes of noise of many colours and lengths."""

    def one(length: int) -> Signal:
        low_hz = 10 ** rng.uniform(1.5, 3.9)
        colour = voices.band(low_hz, low_hz * 2 ** rng.uniform(0.5, 6.0))
        return voices.shaped_noise(length, colour, rng) * _shape(length, rng, sharp=True)

    return _events(samples, rng, one, rate_hz=rng.uniform(1.0, 16.0), length_s=(0.005, 0.4))


def crackle(samples: int, rng: np.random.Generator) -> Signal:
    """Clicks at random moments, dull or sharp: fire, vinyl, rain on a window."""
    clicks = rng.random(samples) < 10 ** rng.uniform(0.5, 3.5) / RATE
    line = clicks * rng.exponential(1.0, samples) * rng.choice((-1.0, 1.0), samples)
    return _filtered(line, rng) if rng.random() < 0.7 else line


def struck(samples: int, rng: np.random.Generator) -> Signal:
    """Bells, bars, glasses and strings of the demo corpus, and bars that nobody has built."""
    made_up = voices.Bar(
        tuple(np.sort(rng.uniform(0.5, 12.0, 8))),
        tuple(rng.uniform(0.05, 1.0, 8)),
        tuple(rng.uniform(0.1, 1.5, 8)),
        ring_s=rng.uniform(0.2, 4.0),
    )
    kinds: tuple[voices.Voice, ...] = (
        voices.BELL,
        voices.MARIMBA,
        voices.CELESTA,
        voices.GLASS,
        voices.String(),
        made_up,
    )
    voice = kinds[int(rng.integers(len(kinds)))]

    def one(length: int) -> Signal:
        return voice(_pitch(rng, 60.0, 1500.0), rng.uniform(0.3, 1.0), length / RATE, rng)

    return _events(samples, rng, one, rate_hz=rng.uniform(0.5, 5.0), length_s=(0.5, 3.0))


def bows(samples: int, rng: np.random.Generator) -> Signal:
    """Bowed strings through a body or a mouth."""
    hz = np.full(samples, _pitch(rng, 60.0, 900.0))
    sound = voices.bowed(hz, np.clip(_swelling(samples, rng), 0.0, 1.0), rng, rng.uniform(0.0, 20.0))
    return voices.formants(sound, tuple(np.sort(rng.uniform(200.0, 3500.0, 3))), floor=rng.uniform(0.05, 0.6))


def drums(samples: int, rng: np.random.Generator) -> Signal:
    """A drum machine that nobody has programmed."""
    hits: tuple[voices.Hit, ...] = (
        voices.kick,
        voices.snare,
        voices.hat,
        voices.open_hat,
        voices.shaker,
        voices.clap,
        voices.rim,
        voices.tom(rng.uniform(60.0, 250.0)),
    )
    line, step = np.zeros(samples), round(rng.uniform(0.08, 0.25) * RATE)
    for hit in rng.choice(len(hits), int(rng.integers(1, 5))):
        every = int(rng.integers(1, 9))
        for at in range(int(rng.integers(step)), samples, every * step):
            stroke = hits[hit](rng.uniform(0.3, 1.0), rng)[: samples - at]
            line[at : at + len(stroke)] += stroke
    return line


_LAYERS: Final[tuple[Layer, ...]] = (
    harmonic_tone,
    chord,
    chirps,
    frequency_modulation,
    plucked,
    hiss,
    bursts,
    crackle,
    struck,
    bows,
    drums,
    drums,
    bursts,
)


def _pitch(rng: np.random.Generator, low_hz: float = 35.0, high_hz: float = 2500.0) -> float:
    return float(np.exp(rng.uniform(np.log(low_hz), np.log(high_hz))))


def _swelling(samples: int, rng: np.random.Generator) -> Signal:
    """Loudness that wanders between next to nothing and 1, at any pace."""
    return np.clip(0.62 + 0.6 * voices.wander(samples, 10 ** rng.uniform(-0.7, 1.0), rng), 0.0, 1.0) ** 1.5


def _shape(samples: int, rng: np.random.Generator, sharp: bool = False) -> Signal:
    """An attack and a decay."""
    attack_s = rng.uniform(0.0005, 0.003) if sharp or rng.random() < 0.5 else rng.uniform(0.003, 0.1)
    return voices.envelope(samples, attack_s, samples / RATE * rng.uniform(0.5, 4.0), min(0.01, samples / RATE / 3))


def _events(
    samples: int, rng: np.random.Generator, one: Callable[[int], Signal], rate_hz: float, length_s: tuple[float, float]
) -> Signal:
    """Events at random moments, ``rate_hz`` a second on average and at least one."""
    line = np.zeros(samples)
    for _ in range(max(1, int(rng.poisson(rate_hz * samples / RATE)))):
        at = int(rng.integers(samples))
        length = round(np.exp(rng.uniform(*np.log(length_s))) * RATE)
        event = one(length)[: samples - at]
        line[at : at + len(event)] += event * rng.uniform(0.2, 1.0)
    return line


def _filtered(line: Signal, rng: np.random.Generator) -> Signal:
    """Through one soft band."""
    low_hz = 10 ** rng.uniform(1.3, 3.0)
    size = voices.fast_size(len(line))
    hz: Signal = np.fft.rfftfreq(size, 1 / RATE).astype(np.float64)
    shape = voices.band(low_hz, low_hz * 2 ** rng.uniform(2.0, 8.0))(hz)
    return np.fft.irfft(np.fft.rfft(line, size) * shape, size)[: len(line)]


def _in_room(line: Signal, rng: np.random.Generator) -> Signal:
    """With the echo of a plain room: noise that dies away."""
    t60_s = rng.uniform(0.2, 2.0)
    echo = voices.shaped_noise(round(t60_s * RATE), voices.band(150.0, 10 ** rng.uniform(3.3, 4.1)), rng)
    echo *= voices.envelope(len(echo), 0.004, t60_s)
    echo /= np.sqrt(np.square(echo).sum())
    size = voices.fast_size(len(line) + len(echo))
    return (
        line
        + rng.uniform(0.05, 0.5) * np.fft.irfft(np.fft.rfft(line, size) * np.fft.rfft(echo, size), size)[: len(line)]
    )
