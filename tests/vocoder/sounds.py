"""Sounds whose physics is known, and their mels, for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from distill_live.audio.mel import MelConfig, log_mel

Floats = npt.NDArray[np.float32]

RATE = 48000
HOP = 512
MEL = MelConfig()
RECORDINGS = Path(__file__).parents[2].parent / "shared" / "data"


def sine(frequency_hz: float, seconds: float = 1.5, level: float = 0.3) -> Floats:
    turns = frequency_hz * np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2.0 * np.pi * turns)).astype(np.float32)


def noise(seconds: float = 1.5, level: float = 0.1, seed: int = 0) -> Floats:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def music(seconds: float = 2.0) -> Floats:
    """Three bells that ring into each other over a little noise."""
    sound = noise(seconds, 0.002)
    for start, frequency_hz in ((0.2, 330.0), (0.7, 523.0), (1.1, 784.0)):
        bell = sine(frequency_hz, seconds - start) + sine(2.76 * frequency_hz, seconds - start, 0.1)
        bell *= np.exp(-np.arange(len(bell)) / (0.4 * RATE)).astype(np.float32)
        sound[len(sound) - len(bell) :] += bell
    return sound


def mel_of(sound: Floats) -> Floats:
    return log_mel(sound, MEL)


def level_db(sound: Floats) -> float:
    return float(10.0 * np.log10(np.mean(sound.astype(np.float64) ** 2)))


def centroid_hz(sound: Floats) -> float:
    """Power-weighted mean frequency."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    return float((power * np.fft.rfftfreq(len(sound), 1.0 / RATE)).sum() / power.sum())


def mel_distance_db(sound: Floats, other: Floats) -> float:
    frames = min(len(sound), len(other)) // HOP
    return float(np.abs(mel_of(sound)[:, :frames] - mel_of(other)[:, :frames]).mean())
