"""Log-mel spectrograms in dB: of a whole signal, or step by step as it arrives.

The definition is that of the project's quality measure: a periodic Hann window, frame ``j`` centred on sample
``j * hop``, power, triangles of height 1 on the HTK mel scale, 0 dB for the spectral peak of a full-scale sine, and a
floor at -100 dB. Knows nothing of files, codes or torch. Pure functions: any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.streaming import Streaming

Floats = NDArray[np.float32]

_TINY_POWER: Final = np.float32(1e-30)  # keeps log10 away from zero, far below any floor
_FRAMES_AT_ONCE: Final = 32  # 32 windows of 2048 floats are 256 KB and stay in the cache: twice as fast as all at once


@dataclass(frozen=True)
class MelConfig:
    """What a log-mel is made of.

    Attributes:
        sample_rate: Hz.
        n_fft: window and transform length in samples, a multiple of twice ``hop``.
        hop: samples between frames.
        n_mels: number of bands between 0 Hz and half the sample rate.
        floor_db: what silence is; nothing is below it.

    >>> MelConfig().frames_per_second
    93.75
    """

    sample_rate: int = 48000
    n_fft: int = 2048
    hop: int = 512
    n_mels: int = 128
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        assert min(self.sample_rate, self.n_mels, self.hop) > 0, self
        assert self.n_fft % (2 * self.hop) == 0, "the window must hold an even number of hops"
        assert -300.0 < self.floor_db < 0.0, self

    @property
    def frames_per_second(self) -> float:
        return self.sample_rate / self.hop

    def frames(self, samples: int) -> int:
        """Frames of a signal of ``samples`` samples: ``ceil(samples / hop)``; one second is 94.

        >>> MelConfig().frames(48000)
        94
        """
        return -(-samples // self.hop)


def mel_edges_hz(config: MelConfig) -> NDArray[np.float64]:
    """Corner frequencies ``[n_mels + 2]``: band ``b`` rises from edge ``b``, peaks at ``b + 1``, ends at ``b + 2``."""
    top_mel = 2595.0 * np.log10(1.0 + config.sample_rate / 2 / 700.0)
    edges: NDArray[np.float64] = 700.0 * (10 ** (np.linspace(0.0, top_mel, config.n_mels + 2) / 2595.0) - 1.0)
    return edges


def mel_filterbank(config: MelConfig) -> Floats:
    """Triangles of height 1 on power, ``float32 [n_mels, n_fft // 2 + 1]``.

    A band so narrow that it falls between two bins takes its nearest bin, so that no row is empty.

    >>> bank = mel_filterbank(MelConfig())
    >>> bank.shape, bool((bank.sum(axis=1) > 0).all())
    ((128, 1025), True)
    """
    edges = mel_edges_hz(config)
    bins_hz = np.linspace(0.0, config.sample_rate / 2, config.n_fft // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0.0, np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)))
    empty = np.flatnonzero(bank.sum(axis=1) == 0.0)
    nearest = np.rint(edges[1:-1][empty] / (config.sample_rate / config.n_fft)).astype(int)
    bank[empty, nearest] = 1.0
    return bank.astype(np.float32)


def log_mel(samples: Floats, config: MelConfig) -> Floats:
    """Log-mel of a whole signal.

    The signal is mirrored at both ends, so that a recording that begins in the middle of a sound does not get a
    broadband onset from it; one shorter than a window is followed by silence instead.

    Args:
        samples: float32 ``[T]``, full scale 1.0.
        config: what the mel is made of.

    Returns:
        float32 ``[n_mels, ceil(T / hop)]`` in dB, ``floor_db`` and up; frame ``j`` is centred on sample ``j * hop``.

    >>> one_second = np.zeros(48000, dtype=np.float32)
    >>> log_mel(one_second, MelConfig()).shape, float(log_mel(one_second, MelConfig()).max())
    ((128, 94), -100.0)
    """
    assert samples.ndim == 1, f"one channel [T] is wanted, not {samples.shape}"
    if not len(samples):
        return np.zeros((config.n_mels, 0), dtype=np.float32)
    signal = samples.astype(np.float32, copy=False)
    short_by = config.n_fft + 1 - len(signal)
    if short_by > 0:
        signal = np.pad(signal, (0, short_by))
    half = config.n_fft // 2
    return _mel_of_padded(np.pad(signal, half, mode="reflect"), config.frames(len(samples)), config)


class StreamingLogMel(Streaming[Floats, Floats, Floats]):
    """Log-mel of a signal that arrives in multiples of ``hop`` samples, under contract S.

    A frame is complete when the second half of its window has arrived, so ``step`` lags ``latency`` frames
    (``n_fft // (2 * hop) - 1``, one with the defaults) behind ``forward``. What lies before the beginning and after the
    end is silence here, not the mirrored signal: a stream cannot know its future. Away from the first and last two
    frames ``forward`` is bit-identical with :func:`log_mel`. The state is the last ``n_fft - hop`` samples.

    >>> mel = StreamingLogMel(MelConfig())
    >>> frames, state = mel.step(np.zeros(1024, dtype=np.float32), mel.initial_state())
    >>> frames.shape, mel.latency
    ((128, 2), 1)
    """

    def __init__(self, config: MelConfig) -> None:
        self.config = config
        self.block = config.hop
        self.latency = config.n_fft // (2 * config.hop) - 1

    def initial_state(self) -> Floats:
        return np.zeros(self.config.n_fft - self.config.hop, dtype=np.float32)

    def step(self, x: Floats, state: Floats) -> tuple[Floats, Floats]:
        """``x`` float32 ``[n * hop]`` in, float32 ``[n_mels, n]`` dB out, and the state after it."""
        frames = self._whole_frames(x)
        signal = np.concatenate([state, x])
        return _mel_of_padded(signal, frames, self.config), signal[len(x) :].copy()

    def forward(self, x: Floats) -> Floats:
        """``x`` float32 ``[n * hop]`` at once, float32 ``[n_mels, n]`` dB."""
        half = self.config.n_fft // 2
        return _mel_of_padded(np.pad(x, half), self._whole_frames(x), self.config)

    def _whole_frames(self, x: Floats) -> int:
        assert x.shape == (len(x) // self.block * self.block,), f"give a multiple of {self.block}, not {x.shape}"
        return len(x) // self.block


def _mel_of_padded(signal: Floats, frames: int, config: MelConfig) -> Floats:
    """Frames that begin at ``j * hop`` of ``signal``, to dB ``[n_mels, frames]``; each column is its frame's alone."""
    mel = np.empty((config.n_mels, frames), dtype=np.float32)
    if not frames:
        return mel
    windows = np.lib.stride_tricks.sliding_window_view(signal, config.n_fft)[:: config.hop]
    for start in range(0, frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, frames)
        mel[:, start:stop] = _kernel(windows[start:stop], config).T
    return mel


def _kernel(windows: Floats, config: MelConfig) -> Floats:
    """Windows ``[N, n_fft]`` to dB ``[N, n_mels]``, each row by the same arithmetic whatever ``N`` is.

    A matrix product would be summed in another order for another ``N``; the sum over each band's own bins is not.
    """
    hann, bins, weights, starts = _tables(config)
    spectrum = np.fft.rfft(windows * hann, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power[:, bins] * weights, starts, axis=-1)
    decibels: Floats = np.float32(10.0) * np.log10(np.maximum(bands, _TINY_POWER))
    return np.maximum(decibels, np.float32(config.floor_db))


@lru_cache(maxsize=8)
def _tables(config: MelConfig) -> tuple[Floats, NDArray[np.intp], Floats, NDArray[np.intp]]:
    """The window (scaled to 0 dB for a full-scale sine), and the filterbank's non-zero weights band after band."""
    angle = 2.0 * np.pi * np.arange(config.n_fft) / config.n_fft
    hann = (0.5 - 0.5 * np.cos(angle)) / (config.n_fft / 4.0)
    bank = mel_filterbank(config)
    band_of, bins = np.nonzero(bank)
    starts = np.searchsorted(band_of, np.arange(config.n_mels)).astype(np.intp)
    return hann.astype(np.float32), bins, bank[band_of, bins], starts
