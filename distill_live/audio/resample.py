"""Another sample rate, as a stream: polyphase filtering that hands over every sample after less than a millisecond.

Written for the audio callback of a device that does not run at 48 kHz: all buffers are taken before, each call costs
the same, and the delay is constant. soxr, which ``files.py`` uses for whole recordings, gives its streams in lumps of
up to 19 ms (quality HQ) and takes memory while it does. Knows nothing of devices; one thread per converter.

The filter is a windowed sinc (Kaiser, 100 dB) at the lower of the two rates, one set of coefficients for every place
that an output sample can have between two input samples (Crochiere and Rabiner, *Multirate Digital Signal
Processing*, 1983).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_HALF: Final = 40  # half the filter's length, in samples of the lower rate: 0.83 ms at 48 kHz
_BETA: Final = 10.06  # Kaiser's window for 100 dB
_CUTOFF: Final = 0.49  # of the lower rate: flat up to 0.45, down by 100 dB from 0.53 on
_PIECE: Final = 256  # output samples computed together: small enough for the processor's cache


@lru_cache(maxsize=4)
def polyphase_filter(rate_in_hz: int, rate_out_hz: int) -> Floats:
    """Coefficients ``[phases, taps]``: row ``p`` gives the signal ``p / phases`` of a sample after the middle one.

    Every row adds up to 1, so a constant stays what it is. Gain within 0.01 dB up to 0.45 of the lower rate; what lies
    beyond 0.53 of it comes out at -100 dB.
    """
    phases = rate_out_hz // math.gcd(rate_in_hz, rate_out_hz)
    stretch = max(1.0, rate_in_hz / rate_out_hz)  # the lower rate counts: fewer outputs than inputs, a longer filter
    half = math.ceil(_HALF * stretch)
    places = np.arange(-half + 1, half + 1)[None, :] - np.arange(phases)[:, None] / phases
    t = places / stretch
    window = np.i0(_BETA * np.sqrt(np.clip(1.0 - (t / _HALF) ** 2, 0.0, None))) * (np.abs(t) < _HALF)
    rows = np.sinc(2.0 * _CUTOFF * t) * window
    coefficients: Floats = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return coefficients


class RateConverter:
    """A stream ``[n, C]`` at one rate in, the same at another rate out; nothing is allocated per call.

    Either ask how much goes in (:meth:`needed`, to get exactly so many frames out) or how much comes out
    (:meth:`given`, to put exactly so many in), then :meth:`convert`. Rates that do not divide are exact: over time
    ``frames out / frames in`` is ``rate_out_hz / rate_in_hz``.

    Args:
        rate_in_hz, rate_out_hz: whole numbers.
        channels: C.
        most: the largest number of frames of one call, on either side.

    >>> converter = RateConverter(48000, 44100, channels=1, most=512)
    >>> converter.needed(441), converter.given(480)
    (480, 441)
    >>> out = np.zeros((441, 1), np.float32)
    >>> converter.convert(np.ones((480, 1), np.float32), out)
    >>> bool(out[100:].min() > 0.999999)
    True
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int, channels: int, most: int) -> None:
        assert min(rate_in_hz, rate_out_hz, channels, most) > 0, (rate_in_hz, rate_out_hz, channels, most)
        self.rate_in_hz, self.rate_out_hz = rate_in_hz, rate_out_hz
        coefficients = polyphase_filter(rate_in_hz, rate_out_hz)
        self._phases, self._taps = (int(size) for size in coefficients.shape)
        self._step = rate_in_hz // math.gcd(rate_in_hz, rate_out_hz)  # between two outputs, in phases
        self._place = 0  # of the next output, in phases after the first new input

        # After `phases` outputs all comes again: which inputs they need, and with which weights, lies in tables.
        outputs = np.arange(self._phases + _PIECE) * self._step
        self._at = (outputs // self._phases).tolist()
        self._index = (outputs // self._phases)[:, None] + np.arange(self._taps)[None, :]
        self._weights = coefficients[outputs % self._phases]
        self._output_at = pow(self._step, -1, self._phases)  # phase 1 is that of output number so much

        self._lead = self._at[-1]  # so that every piece can use the tables where they are
        most_in = most * max(1, math.ceil(rate_in_hz / rate_out_hz)) + 2
        self._past: Floats = np.zeros((channels, self._lead + self._taps + most_in), np.float32)
        self._kept: Floats = np.zeros((channels, self._taps), np.float32)
        self._inputs: Floats = np.zeros((_PIECE, self._taps), np.float32)
        self._outputs: Floats = np.zeros(_PIECE, np.float32)

    @property
    def latency_s(self) -> float:
        """How much later everything comes out."""
        return (self._taps // 2 + 1) / self.rate_in_hz

    def needed(self, frames_out: int) -> int:
        """How many frames must go in for the next ``frames_out``."""
        return (self._place + frames_out * self._step) // self._phases

    def given(self, frames_in: int) -> int:
        """How many frames the next ``frames_in`` give."""
        return max(0, -((self._place - frames_in * self._phases) // self._step))

    def convert(self, x: Floats, out: Floats) -> None:
        """``x`` ``[needed(n), C]`` to ``out`` ``[n, C]``, or ``x`` ``[n, C]`` to ``out`` ``[given(n), C]``."""
        frames_in, frames_out = len(x), len(out)
        new = self._lead + self._taps
        self._past[:, new : new + frames_in] = x.T
        for start in range(0, frames_out, _PIECE):
            self._convert_piece(out[start : start + _PIECE], self._place + start * self._step)
        self._place += frames_out * self._step - frames_in * self._phases
        self._kept[:] = self._past[:, new + frames_in - self._taps : new + frames_in]  # they may overlap
        self._past[:, self._lead : new] = self._kept

    def _convert_piece(self, out: Floats, place: int) -> None:
        frames = len(out)
        first, phase = divmod(place, self._phases)
        number = phase * self._output_at % self._phases  # of the first output in the tables
        index, weights = self._index[number : number + frames], self._weights[number : number + frames]
        inputs, outputs = self._inputs[:frames], self._outputs[:frames]
        for channel, past in enumerate(self._past):
            np.take(past[self._lead + first - self._at[number] :], index, out=inputs, mode="clip")
            np.einsum("jt,jt->j", inputs, weights, out=outputs)
            out[:, channel] = outputs
