"""A short-time Fourier transform and its inverse: frames analysed and synthesised with Hann windows.

``irfft`` of a frame is windowed once more, frames are added, and the sum of squared windows (a constant where four or
more whole hops make a window) is divided out. Magnitude 1.0 is the spectral peak of a full-scale sine: the
transform's own scale, ``n_fft / 4``, is folded into the two windows. Knows nothing of mels or phases.
Immutable after construction: any thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from distill_live.audio.overlap import OverlapAdd, synthesis_window
from distill_live.errors import DistillError
from distill_live.vocoder.fft import Floats, Spectra, irfft_rows, rfft_rows

LEAST_OVERLAP: Final = 4  # hops to a window; with fewer, Hann squared does not add up to a constant


def check_frames(n_fft: int, hop: int) -> None:
    """Raise DistillError unless windows of ``n_fft`` samples, ``hop`` apart, can be taken apart and put together."""
    if hop < 1 or n_fft % (2 * hop) or n_fft < LEAST_OVERLAP * hop:
        fix = f"n_fft must be an even number of hops, at least {LEAST_OVERLAP}"
        raise DistillError(f"n_fft {n_fft} does not suit a hop of {hop}", fix=fix)


def hann(length: int) -> Floats:
    """Periodic Hann window, float32 ``[length]``.

    >>> hann(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    turns = np.arange(length) / length
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * turns)).astype(np.float32)


def first_look_window(n_fft: int, hop: int) -> Floats:
    """Hann over the part of a new frame that earlier frames reach into, float32 ``[n_fft - hop]``.

    The frame's last hop is nobody's yet. ``rfft_rows`` divides by n_fft: 1.0 is then a full-scale sine.
    """
    return hann(n_fft - hop) * np.float32(4.0)


class FrameTransform:
    """Overlapping frames to spectra and back, for one window length and hop.

    Args:
        n_fft: window length in samples: a whole number of hops, at least four.
        hop: samples between frames.

    >>> t = FrameTransform(2048, 512)
    >>> sine = np.sin(2 * np.pi * 64 * np.arange(2048) / 2048).astype(np.float32)
    >>> round(float(np.abs(t.analyse(sine[None])).max()), 4)
    1.0
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        assert n_fft % hop == 0, f"{n_fft} samples are not whole hops of {hop}"
        assert n_fft >= LEAST_OVERLAP * hop, f"{n_fft} samples are less than {LEAST_OVERLAP} hops of {hop}"
        self.n_fft = n_fft
        self.hop = hop
        self.bins = n_fft // 2 + 1
        self.peak = np.float32(n_fft / 4.0)  # spectral peak of a full-scale sine
        # the transform divides by n_fft
        self._analysis = hann(n_fft) * np.float32(n_fft) / self.peak
        self._synthesis = synthesis_window(hann(n_fft), hop) * self.peak
        self._overlap_add = OverlapAdd(n_fft, hop)

    def analyse(self, frames: Floats) -> Spectra:
        """Frames ``[N, n_fft]`` of a signal to spectra complex64 ``[N, bins]``."""
        return self._transformed(frames * self._analysis)

    def analyse_signal(self, signal: Floats) -> Spectra:
        """All frames, one hop apart, of ``signal`` ``[n_fft + (N - 1) * hop]`` to spectra complex64 ``[N, bins]``."""
        return self.analyse(self._framed(signal))

    def synthesise(self, spectra: Spectra) -> Floats:
        """Spectra ``[N, bins]`` to windowed frames float32 ``[N, n_fft]``, ready to be added up at every hop."""
        frames = irfft_rows(spectra, np.empty((len(spectra), self.n_fft), np.float32))
        frames *= self._synthesis
        return frames

    def finish(self, frame: Floats, before: Floats) -> tuple[Floats, Floats]:
        """Add one synthesised frame ``[1, n_fft]`` onto what earlier frames left, float32 ``[n_fft - hop]``.

        Returns:
            The hop ``[hop]`` that no later frame reaches, and what is left over the frames to come.
        """
        return self._overlap_add.step(frame, before)

    def signal(self, spectra: Spectra, before: Floats) -> Floats:
        """What earlier frames add up to, and frames ``[N, bins]`` a hop apart after them, float32 ``[T + N * hop]``.

        Args:
            spectra: the first begins a hop after the last of the earlier ones.
            before: float32 ``[T]`` to the end of the last earlier frame, at least ``n_fft - hop``.
        """
        return self.laid(self.synthesise(spectra), before)

    def laid(self, frames: Floats, before: Floats) -> Floats:
        """The same of synthesised frames ``[N, n_fft]``."""
        line = np.zeros(len(before) + len(frames) * self.hop, np.float32)
        line[: len(before)] = before
        first = len(before) + self.hop - self.n_fft
        for start, frame in enumerate(frames):  # oldest first, as they are finished one by one
            line[first + start * self.hop : first + start * self.hop + self.n_fft] += frame
        return line

    def projection(self, frames: int, before: Floats) -> ConsistencyProjection:
        """For ``frames`` frames that follow what earlier ones left, float32 ``[n_fft - hop]``."""
        return ConsistencyProjection(self, frames, before)

    def _framed(self, signal: Floats) -> Floats:
        """All frames ``[N, n_fft]`` of a contiguous signal, one hop apart; a view."""
        assert signal.dtype == np.float32 and signal.flags.c_contiguous, signal.dtype
        count, size = 1 + (len(signal) - self.n_fft) // self.hop, signal.itemsize
        return np.ndarray((count, self.n_fft), np.float32, signal, 0, (self.hop * size, size))

    def _transformed(self, windowed: Floats) -> Spectra:
        return rfft_rows(windowed, np.empty((len(windowed), self.bins), np.complex64))


class ConsistencyProjection:
    """Spectra of frames -> the signal they add up to -> its spectra, time and again in the same buffers.

    Their magnitudes and phases then fit each other, as those of any real signal do. The numbers are those of
    ``signal`` and ``analyse_signal``, in half of their time: no memory is taken, and frames are laid out so that one
    sum adds them up::

        [ before | 0 ............ ]
        [ frame 0          | 0 .. ]        each row begins a hop later than the one above
        [ 0 | frame 1          | 0 ]

    One thread.

    >>> t = FrameTransform(8, 2)
    >>> spectra = np.ones((2, 5), np.complex64)
    >>> project = t.projection(2, np.zeros(6, np.float32))
    >>> slowly = t.analyse_signal(t.signal(spectra, np.zeros(6, np.float32)))
    >>> bool((project(spectra, np.empty_like(spectra)) == slowly).all())
    True
    """

    def __init__(self, transform: FrameTransform, frames: int, before: Floats) -> None:
        assert before.shape == (transform.n_fft - transform.hop,), before.shape
        self._transform = transform
        length = len(before) + frames * transform.hop
        rows: Floats = np.zeros((frames + 1, length), np.float32)
        rows[0, : len(before)] = before
        size = rows.itemsize
        shape, strides = (frames, transform.n_fft), ((length + transform.hop) * size, size)
        self._rows = rows
        self._placed: Floats = np.ndarray(shape, np.float32, rows, length * size, strides)
        self._line: Floats = np.empty(length, np.float32)
        self._framed = transform._framed(self._line)
        self._frames: Floats = np.empty(shape, np.float32)

    def __call__(self, spectra: Spectra, out: Spectra) -> Spectra:
        """Spectra ``[N, bins]`` to consistent ones, written to ``out`` (which may be ``spectra``)."""
        transform, frames = self._transform, self._frames
        irfft_rows(spectra, frames)
        np.multiply(frames, transform._synthesis, out=self._placed)
        np.add.reduce(self._rows, axis=0, out=self._line)
        np.multiply(self._framed, transform._analysis, out=frames)
        return rfft_rows(frames, out)
