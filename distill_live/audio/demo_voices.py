"""The instruments of the demo corpus: strings, bells, bars, bows and a drum machine, made of sums and noise.

What rings is a bank of decaying partials (:func:`ring`), what is bowed reads band-limited wavetables, what hisses is
noise shaped in the frequency domain. Knows nothing of notes, keys or files. Pure functions; chance comes from the
generator that is passed in. All signals are float64 ``[T]`` at 48 kHz and start and end without a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
Voice = Callable[[float, float, float, np.random.Generator], Signal]  # hz, velocity 0..1, seconds, chance
Hit = Callable[[float, np.random.Generator], Signal]  # velocity 0..1, chance

RATE: Final = 48000
TOP_HZ: Final = 17000.0
_CHUNK: Final = 256
_TABLE: Final = 4096
_TOUCH: Final = 3200  # samples of the noise of a plectrum or a mallet


def ring(hz: Signal, gains: Signal, t60_s: Signal, samples: int) -> Signal:
    """A sum of partials that all start at phase 0 and fall by 60 dB in ``t60_s``.

    A decaying partial is a power series, and a power series over ``a * 256 + b`` is a product of two shorter ones:
    the whole bank is one matrix product, a hundred times faster than as many sines.
    """
    audible = hz < TOP_HZ
    rate = 2j * np.pi * hz[audible] / RATE - np.log(1000.0) / (t60_s[audible] * RATE)
    chunks = -(-samples // _CHUNK)
    coarse = gains[audible] * np.exp(np.outer(np.arange(chunks) * _CHUNK, rate))
    fine = np.exp(np.outer(rate, np.arange(_CHUNK)))
    # in float64, so that the order of summation, which depends on the number of threads, stays far below a 24-bit step
    left = np.concatenate([coarse.real, coarse.imag], axis=1)
    right = np.concatenate([fine.imag, fine.real], axis=0)
    line: Signal = (left @ right).reshape(-1)[:samples]
    return line


def shaped_noise(samples: int, shape: Callable[[Signal], Signal], rng: np.random.Generator) -> Signal:
    """White noise of RMS 1 whose spectrum is multiplied by ``shape(hz)``."""
    size = fast_size(samples)
    hz: Signal = np.fft.rfftfreq(size, 1 / RATE).astype(np.float64)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * shape(hz), size)[:samples]


def fast_size(samples: int) -> int:
    """A little more than ``samples``, with small prime factors only: a transform of a prime length takes ages."""
    step = max(1, 1 << max(0, samples.bit_length() - 5))
    return -(-samples // step) * step


def band(low_hz: float, high_hz: float) -> Callable[[Signal], Signal]:
    """A soft band: second order at both ends."""
    return lambda hz: 1.0 / np.sqrt((1.0 + (low_hz / np.maximum(hz, 1.0)) ** 4) * (1.0 + (hz / high_hz) ** 4))


def envelope(samples: int, attack_s: float, t60_s: float, release_s: float = 0.02) -> Signal:
    """A rounded rise, a fall by 60 dB in ``t60_s``, and a rounded end at zero."""
    curve: Signal = np.exp(np.arange(samples) * (-np.log(1000.0) / (t60_s * RATE)))
    rise, end = min(round(attack_s * RATE), samples), min(round(release_s * RATE), samples)
    curve[:rise] *= np.sin(np.arange(rise) / rise * np.pi / 2) ** 2
    curve[samples - end :] *= np.cos(np.arange(end) / end * np.pi / 2) ** 2
    return curve


@dataclass(frozen=True)
class String:
    """A plucked string.

    Attributes:
        pick: where it is plucked, as a part of its length.
        brightness: how slowly the partials weaken upwards, 0 to 1.
        ring_s: seconds in which the lowest partial of a middle D falls by 60 dB.
        stiffness: how far the partials are stretched.
    """

    pick: float = 0.18
    brightness: float = 0.5
    ring_s: float = 4.0
    stiffness: float = 8e-5

    def __call__(self, hz: float, velocity: float, seconds: float, rng: np.random.Generator) -> Signal:
        samples = round(seconds * RATE)
        number = np.arange(1.0, min(48.0, TOP_HZ / hz) + 1.0)
        partials_hz = number * hz * np.sqrt(1.0 + self.stiffness * number**2)
        softness = (1.1 - self.brightness * (0.4 + 0.6 * velocity)) * 3.2
        gains = np.sin(np.pi * number * self.pick) / number * np.exp(-softness * (partials_hz / 4000.0))
        t60_s = self.ring_s * (294.0 / hz) ** 0.4 / (1.0 + 0.06 * number + (partials_hz / 3500.0) ** 1.5)
        # two polarisations: a string turns while it rings, one direction a little off in pitch and much longer
        beat = 1.0 + rng.uniform(0.0002, 0.0006)
        both_hz = np.concatenate([partials_hz, partials_hz * beat])
        body = ring(both_hz, np.concatenate([gains, 0.35 * gains]), np.concatenate([t60_s, 1.8 * t60_s]), samples)
        sound = body * envelope(samples, 0.0015, 1e3, 0.06)
        treble_hz = 1500.0 + 6000.0 * velocity * self.brightness
        pick = shaped_noise(_TOUCH, band(700.0, treble_hz), rng) * envelope(_TOUCH, 0.002, 0.03)
        sound[:_TOUCH] += 0.08 * velocity * self.brightness * pick[:samples]
        sound *= velocity**1.3
        return sound


@dataclass(frozen=True)
class Bar:
    """Anything struck that rings with its own partials: bells, bars, glasses.

    Attributes:
        ratios, gains, lengths: of the partials: frequency, strength, decay relative to ``ring_s``.
        ring_s: seconds in which a partial of length 1 falls by 60 dB at a middle D.
        knock: strength of the mallet's noise.
        warble: greatest split of a partial into two that beat.
    """

    ratios: tuple[float, ...]
    gains: tuple[float, ...]
    lengths: tuple[float, ...]
    ring_s: float
    knock: float = 0.02
    warble: float = 0.0008

    def __call__(self, hz: float, velocity: float, seconds: float, rng: np.random.Generator) -> Signal:
        samples = round(seconds * RATE)
        ratios, gains = np.array(self.ratios), np.array(self.gains)
        gains = gains * np.maximum(ratios, 1.0) ** (
            -1.4 * (1.0 - velocity)
        )  # a softer mallet wakes fewer high partials
        t60_s = self.ring_s * (294.0 / hz) ** 0.5 * np.array(self.lengths)
        split = 1.0 + rng.uniform(0.2, 1.0, len(ratios)) * self.warble
        body = ring(np.concatenate([ratios, ratios * split]) * hz, np.tile(gains, 2) * 0.5, np.tile(t60_s, 2), samples)
        sound = body * envelope(samples, 0.002, 1e3, 0.08)
        knock = shaped_noise(_TOUCH, band(300.0, 2500.0), rng) * envelope(_TOUCH, 0.001, 0.05)
        sound[:_TOUCH] += self.knock * knock[:samples]
        sound *= velocity**1.3
        return sound


# A bell's partials after the tuning that founders aim at: hum, prime, minor tierce, quint, nominal and above.
BELL: Final = Bar(
    (0.5, 1.0, 1.19, 1.5, 2.0, 2.52, 2.66, 3.01, 4.17, 5.43),
    (0.35, 0.5, 0.42, 0.15, 0.6, 0.2, 0.18, 0.2, 0.14, 0.07),
    (1.6, 1.0, 0.8, 0.5, 0.6, 0.3, 0.3, 0.25, 0.18, 0.12),
    ring_s=5.0,
    warble=0.0015,
)
MARIMBA: Final = Bar((1.0, 3.98, 9.9), (1.0, 0.22, 0.06), (1.0, 0.35, 0.15), ring_s=1.3, knock=0.05)
CELESTA: Final = Bar((1.0, 2.0, 4.1, 6.8), (1.0, 0.12, 0.18, 0.06), (1.0, 0.7, 0.35, 0.2), ring_s=2.6, knock=0.015)
GLASS: Final = Bar((1.0, 2.32, 4.25, 6.63), (1.0, 0.3, 0.16, 0.05), (1.0, 0.7, 0.5, 0.3), ring_s=4.5, knock=0.006)


def wander(samples: int, rate_hz: float, rng: np.random.Generator) -> Signal:
    """A smooth random curve between -1 and 1 that turns about ``rate_hz`` times a second."""
    place = np.arange(samples) / RATE * rate_hz
    knots = rng.uniform(-1.0, 1.0, int(place[-1]) + 2)
    index = place.astype(int)
    part = (1.0 - np.cos(np.pi * (place - index))) / 2.0
    curve: Signal = knots[index] * (1.0 - part) + knots[index + 1] * part
    return curve


def bowed(hz: Signal, loudness: Signal, rng: np.random.Generator, vibrato_cents: float = 9.0) -> Signal:
    """Three detuned bowed strings that follow ``hz`` and ``loudness`` (0 to 1), both ``[T]``; louder is brighter."""
    samples = len(hz)
    number = np.arange(1.0, min(70.0, 15000.0 / float(hz.max())) + 1.0)
    dark = _wavetable(number**-1.3 * np.exp(-number / 7.0))
    bright = _wavetable(number**-1.0 * np.exp(-number / 28.0))
    mix = 0.15 + 0.85 * loudness**1.5
    sound = np.zeros(samples)
    for detune_cents in (-5.0, 0.5, 4.0):
        shake = np.sin(2 * np.pi * np.cumsum(5.1 + 0.5 * wander(samples, 0.7, rng)) / RATE)
        cents = detune_cents + 3.0 * wander(samples, 0.8, rng) + vibrato_cents * loudness * shake
        phase = rng.uniform() + np.cumsum(hz * 2.0 ** (cents / 1200.0)) / RATE
        sound += _look_up(dark, phase) * (1.0 - mix) + _look_up(bright, phase) * mix
    hair = shaped_noise(samples, band(1500.0, 6000.0), rng) * (0.6 + 0.4 * wander(samples, 9.0, rng))
    return loudness * (sound / 3.0 + 0.012 * hair)


def formants(signal: Signal, centres_hz: tuple[float, ...], floor: float = 0.12) -> Signal:
    """``signal`` through a body or a mouth: resonances of a sixth of their frequency, ``floor`` between them."""
    size = fast_size(len(signal) + RATE // 4)  # room for the resonances to die away in
    hz = np.fft.rfftfreq(size, 1 / RATE)
    gain = np.full(len(hz), floor)
    for order, centre_hz in enumerate(centres_hz):
        gain += 0.75**order * np.exp(-0.5 * ((hz - centre_hz) / (centre_hz / 6.0 + 40.0)) ** 2)
    return np.fft.irfft(np.fft.rfft(signal, size) * gain, size)[: len(signal)]


def _wavetable(gains: Signal) -> Signal:
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=complex)
    spectrum[1 : len(gains) + 1] = -1j * gains
    table = np.fft.irfft(spectrum)
    scaled: Signal = table / np.abs(table).max()
    return scaled


def _look_up(table: Signal, phase: Signal) -> Signal:
    place = (phase % 1.0) * _TABLE
    index = place.astype(int)
    part = place - index
    values: Signal = table[index % _TABLE] * (1.0 - part) + table[(index + 1) % _TABLE] * part
    return values


def kick(velocity: float, rng: np.random.Generator) -> Signal:
    samples = RATE // 2
    seconds = np.arange(samples) / RATE
    hz = 49.0 + 120.0 * np.exp(-seconds / 0.025) + 60.0 * velocity * np.exp(-seconds / 0.006)
    body = np.tanh(1.6 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)) * envelope(samples, 0.002, 0.42)
    knock = shaped_noise(samples, band(800.0, 4000.0), rng) * envelope(samples, 0.001, 0.02)
    return velocity * (body + 0.08 * velocity * knock)


def snare(velocity: float, rng: np.random.Generator) -> Signal:
    samples = RATE * 2 // 5
    skin = ring(np.array([184.0, 331.0, 412.0]), np.array([0.6, 0.35, 0.15]), np.array([0.25, 0.18, 0.12]), samples)
    wires = shaped_noise(samples, band(1400.0, 5000.0 + 4500.0 * velocity), rng) * envelope(samples, 0.0015, 0.3)
    return velocity * (0.7 * skin * envelope(samples, 0.0015, 1.0) + 0.42 * wires)


def hat(velocity: float, rng: np.random.Generator, t60_s: float = 0.12) -> Signal:
    samples = round((t60_s + 0.03) * RATE)
    metal_hz = np.array([3117.0, 4178.0, 5325.0, 6451.0, 7832.0, 9241.0, 11103.0]) * rng.uniform(0.997, 1.003)
    metal = ring(metal_hz, np.full(7, 0.16), np.full(7, t60_s * 1.3), samples)
    hiss = shaped_noise(samples, band(7000.0, 15000.0), rng)
    return velocity * 0.5 * (0.7 * metal + 0.6 * hiss) * envelope(samples, 0.001, t60_s)


def open_hat(velocity: float, rng: np.random.Generator) -> Signal:
    return hat(velocity, rng, t60_s=0.55)


def shaker(velocity: float, rng: np.random.Generator) -> Signal:
    samples = RATE // 8
    return velocity * 0.4 * shaped_noise(samples, band(4500.0, 11000.0), rng) * envelope(samples, 0.03, 0.16, 0.04)


def clap(velocity: float, rng: np.random.Generator) -> Signal:
    sound = np.zeros(RATE // 3)
    for start_s, gain, t60_s in ((0.0, 0.6, 0.03), (0.011, 0.7, 0.03), (0.023, 1.0, 0.22)):
        burst = shaped_noise(len(sound), band(900.0, 4200.0), rng) * envelope(len(sound), 0.001, t60_s)
        at = round(start_s * RATE)
        sound[at:] += gain * burst[: len(sound) - at]
    return velocity * 0.5 * sound * envelope(len(sound), 0.001, 1e3)


def rim(velocity: float, rng: np.random.Generator) -> Signal:
    samples = RATE // 8
    wood = ring(np.array([432.0, 1130.0, 1745.0, 2980.0]), np.array([0.4, 0.5, 0.6, 0.2]), np.full(4, 0.06), samples)
    return velocity * 0.7 * wood * envelope(samples, 0.001, 1.0) * rng.uniform(0.95, 1.0)


def tom(hz: float) -> Hit:
    """A tom tuned to ``hz``."""

    def hit(velocity: float, rng: np.random.Generator) -> Signal:
        samples = RATE * 7 // 10
        seconds = np.arange(samples) / RATE
        bend = hz * (1.0 + 0.35 * velocity * np.exp(-seconds / 0.05))
        body = np.sin(2 * np.pi * np.cumsum(bend) / RATE) + 0.25 * np.sin(2 * np.pi * 1.59 * np.cumsum(bend) / RATE)
        stick = shaped_noise(samples, band(400.0, 2500.0), rng) * envelope(samples, 0.003, 0.06)
        return velocity * (0.8 * body * envelope(samples, 0.004, 0.6) + 0.08 * stick)

    return hit
