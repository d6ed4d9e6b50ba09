"""Mel bands to linear magnitudes: a smooth guess through the bands, then a few multiplicative corrections.

The guess interpolates each band's power density over frequency in the logarithm, so it is positive and has no
ripples; each correction measures what the bands of the guess would be and scales every bin by the geometric mean of
the errors of the bands it lies in, weighted as the filterbank weights it. Measured with ``quality.py`` after 32
rounds of Griffin-Lim against a clamped pseudo-inverse: mel 0.70 dB for 0.83 on beats and 0.63 for 1.96 on drones,
log-spectral distance 4.5 for 5.0 and 3.0 for 4.1.

Every frame's numbers depend on that frame alone, so a spectrogram at once equals its frames one by one bit for bit (a
few at once cost little more than one); no BLAS, whose threads would fight for the cores of the render loop. Knows
nothing of phases. Immutable after construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.mel import MelConfig, mel_filterbank

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

CORRECTIONS: Final = 4  # 30 of them win 0.02 more in mrstft
LOUDEST_DB: Final = 24.0  # a decoder gone wild stays finite; the limiter does the rest
_TINY_POWER: Final = np.float32(1e-14)  # -140 dB


@dataclass(frozen=True)
class _Grouped:
    """The filterbank's weights sorted by what they are summed over: ``values[take] * weights`` added up per group."""

    take: Indices
    weights: Floats
    starts: Indices

    def sums(self, values: Floats) -> Floats:
        """Values ``[n, V]`` to sums ``[n, G]``."""
        taken = np.take(values, self.take, axis=1, mode="clip")
        taken *= self.weights
        total: Floats = np.add.reduceat(taken, self.starts, axis=1)
        return total


@dataclass(frozen=True)
class _Pairs:
    """The same where every group has at most two members, in a third of the time."""

    first: Indices
    second: Indices
    share: Floats
    other: Floats

    def sums(self, values: Floats) -> Floats:
        """Values ``[n, V]`` to sums ``[n, G]``."""
        total = np.take(values, self.first, axis=1, mode="clip")
        total *= self.share
        other = np.take(values, self.second, axis=1, mode="clip")
        other *= self.other
        total += other
        return total


class MelToMagnitude:
    """Log-mel in dB to linear magnitudes, 1.0 for the peak of a full-scale sine.

    Args:
        config: of the mel.
        corrections: how often the guess is corrected.

    >>> to_magnitude = MelToMagnitude(MelConfig())
    >>> to_magnitude(np.full((128, 2), -100, np.float32)).shape
    (1025, 2)
    """

    def __init__(self, config: MelConfig, corrections: int = CORRECTIONS) -> None:
        self.config = config
        self.corrections = corrections
        bank = mel_filterbank(config)
        self.bins = bank.shape[1]
        self._floor_power = np.float32(10.0 ** (config.floor_db / 10.0))
        self._heard = np.flatnonzero(bank.sum(axis=0) > 0.0)  # 0 Hz and half the sample rate are in no band
        bank = bank[:, self._heard]
        self._log_width = np.log(bank.sum(axis=1))
        self._bands, self._spread = _grouped(bank), _by_bin(bank)
        self._left, self._toward_right = _places(bank)

    def __call__(self, log_mel_db: Floats) -> Floats:
        """Log-mel dB ``[n_mels, n]`` to magnitudes float32 ``[bins, n]``; what is not finite counts as the floor."""
        return self.rows(np.ascontiguousarray(log_mel_db.T)).T

    def rows(self, log_mel_db: Floats) -> Floats:
        """The same with one frame a row: ``[n, n_mels]`` to ``[n, bins]``, contiguous both."""
        magnitude = np.zeros((len(log_mel_db), self.bins), np.float32)
        floor = np.float32(self.config.floor_db)
        decibels = np.where(np.isfinite(log_mel_db), log_mel_db, floor)
        np.clip(decibels, floor, np.float32(LOUDEST_DB), out=decibels)
        decibels *= np.float32(0.1)
        power = np.power(np.float32(10.0), decibels, out=decibels)
        power -= self._floor_power
        heard = (power > 0.0).any(axis=1)
        if heard.all():
            magnitude[:, self._heard] = self._guess(power)
        elif heard.any():
            magnitude[np.ix_(heard, self._heard)] = self._guess(power[heard])
        return magnitude

    def _guess(self, power: Floats) -> Floats:
        """Bands' power ``[n, n_mels]`` to the magnitudes of the bins that are in bands."""
        wanted = np.log(np.maximum(power, _TINY_POWER))
        guess = self._interpolate(wanted - self._log_width)
        np.exp(guess, out=guess)
        for _ in range(self.corrections):
            error = np.maximum(self._bands.sums(guess), _TINY_POWER)
            np.log(error, out=error)
            np.subtract(wanted, error, out=error)
            scale = self._spread.sums(error)
            guess *= np.exp(scale, out=scale)
        return np.sqrt(guess, out=guess)

    def _interpolate(self, bands: Floats) -> Floats:
        left = np.take(bands, self._left, axis=1, mode="clip")
        right = np.take(bands, self._left + 1, axis=1, mode="clip")
        right -= left
        right *= self._toward_right
        left += right
        return left


def _grouped(weights: Floats) -> _Grouped:
    """Weights ``[G, V]``, most of them 0 and none of the groups empty."""
    group, value = np.nonzero(weights)
    starts = np.searchsorted(group, np.arange(len(weights))).astype(np.intp)
    return _Grouped(value, weights[group, value], starts)


def _by_bin(bank: Floats) -> _Pairs | _Grouped:
    """Weights that average over the bands of a bin: each bin's add up to one."""
    shares = bank / bank.sum(axis=0)
    bins = np.arange(bank.shape[1])
    first, second = (shares > 0.0).argmax(axis=0), len(bank) - 1 - (shares > 0.0)[::-1].argmax(axis=0)
    if (second - first > 1).any():  # very narrow bands borrow a bin that is in two others already
        return _grouped(shares.T)
    other = np.where(second > first, shares[second, bins], np.float32(0.0))
    return _Pairs(first, second, shares[first, bins], other)


def _places(bank: Floats) -> tuple[Indices, Floats]:
    """For every bin the band whose centre of gravity is left of it, and how far it lies toward the next, 0..1."""
    bins = np.arange(bank.shape[1])
    centres = (bank * bins).sum(axis=1) / bank.sum(axis=1)
    left = np.clip(np.searchsorted(centres, bins) - 1, 0, len(centres) - 2).astype(np.intp)
    gap = np.maximum(centres[left + 1] - centres[left], 1e-6)
    return left, np.clip((bins - centres[left]) / gap, 0.0, 1.0).astype(np.float32)
