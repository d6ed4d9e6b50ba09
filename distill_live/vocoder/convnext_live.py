"""The ConvNeXt vocoder as it plays: plain numpy, frame by frame, without torch.

The network of ``convnext.py``, built from the same plan and the same weights; the drawing is in ``convnext_plan.py``.
Every product has one fixed shape, that of a single frame, so steps of any number of frames give the same bits.

The state is a value and the instance holds constants alone; called by the render loop or offline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distill_live.activation import gelu
from distill_live.streaming import Streaming
from distill_live.vocoder import convnext_plan as plan
from distill_live.vocoder.convnext_plan import ConvNextConfig
from distill_live.vocoder.fft import Floats, Spectra, rfft_rows
from distill_live.vocoder.istft import FrameTransform, first_look_window
from distill_live.vocoder.magnitude import MelToMagnitude
from distill_live.weights import Arrays, Weights


@dataclass(frozen=True)
class ConvNextState:
    """Everything the vocoder remembers; its arrays are never modified.

    Attributes:
        pasts: the last inputs of each convolution, float32 ``[6, C]``, oldest first.
        magnitudes: float32 ``[look_ahead, bins]``: frames that have come in and not yet sounded.
        tail: float32 ``[n_fft - hop]``: what earlier frames leave over the next one.
    """

    pasts: tuple[Floats, ...]
    magnitudes: Floats
    tail: Floats


class LiveConvNext(Streaming[Floats, Floats, ConvNextState]):
    """Log-mel frames in, as many hops of sound out, under contract S.

    ``step`` lags ``latency`` samples behind ``forward``, whose sample ``j * hop`` is the centre of frame ``j``.
    Step by step, in steps of any number of frames, and ``forward`` are bit-identical.

    Args:
        config: what it is made of.
        weights: by the names of ``ConvNextVocoder``, float32.

    Raises:
        ModelFileError: when the weights do not fit the configuration.
    """

    def __init__(self, config: ConvNextConfig, weights: Arrays) -> None:
        self.config = config
        self.block = 1
        self.latency = config.latency_samples
        taken = Weights(weights, "vocoder")
        self._embed = _Conv(taken, config.n_mels, config.width)
        self._first_norm = _Norm(taken, "first_norm", config.width)
        self._blocks = [_Block(taken, f"blocks.{n}", config.width) for n in range(config.depth)]
        self._norm = _Norm(taken, "norm", config.width)
        self._head = _Linear(taken, "head", config.width, plan.PARTS * config.bins)
        taken.done()
        self._magnitude = MelToMagnitude(config.mel)
        self._transform = FrameTransform(config.n_fft, config.hop)
        self._look_window = first_look_window(config.n_fft, config.hop)
        self._warm_up()

    def initial_state(self) -> ConvNextState:
        config = self.config
        widths = (config.n_mels, *(config.width for _ in self._blocks))
        return ConvNextState(
            tuple(np.zeros((plan.KERNEL - 1, width), np.float32) for width in widths),
            np.zeros((config.look_ahead, config.bins), np.float32),
            np.zeros(config.n_fft - config.hop, np.float32),
        )

    def step(self, x: Floats, state: ConvNextState) -> tuple[Floats, ConvNextState]:
        """Take frames in and give as many hops.

        Args:
            x: log-mel dB ``[n_mels, n]``; what is not finite counts as the floor.
            state: after the frame before.

        Returns:
            Sound float32 ``[n * hop]``, and the state after it.
        """
        rows = np.ascontiguousarray(x.T, np.float32)
        found = self._magnitude.rows(rows)
        heard = np.where(np.isfinite(rows), rows, np.float32(self.config.floor_db))
        heard -= np.float32(self.config.floor_db)
        heard /= np.float32(plan.DB_PER_UNIT)
        hops = np.empty((len(rows), self.config.hop), np.float32)
        for frame in range(len(rows)):
            said, pasts = self._network(heard[frame : frame + 1], state.pasts)
            magnitudes = np.concatenate([state.magnitudes, found[frame : frame + 1]])
            hops[frame], tail = self._sound(magnitudes, said, state.tail)
            state = ConvNextState(pasts, magnitudes[1:], tail)
        return hops.reshape(-1), state

    def forward(self, x: Floats) -> Floats:
        """A whole log-mel ``[n_mels, n]`` to sound float32 ``[n * hop]`` without delay; after its end is silence."""
        late = self.latency // self.config.hop
        silence = np.full((len(x), late), self.config.floor_db, np.float32)
        sound, _ = self.step(np.concatenate([x, silence], axis=1), self.initial_state())
        return sound[self.latency :]

    def _network(self, x: Floats, pasts: tuple[Floats, ...]) -> tuple[Floats, tuple[Floats, ...]]:
        """One frame ``[1, n_mels]``, scaled, to what the head says ``[3, bins]``."""
        y, first = self._embed(x, pasts[0])
        y, after = self._first_norm(y), [first]
        for block, past in zip(self._blocks, pasts[1:], strict=True):
            y, new = block(y, past)
            after.append(new)
        return self._head(self._norm(y)).reshape(plan.PARTS, -1), tuple(after)

    def _sound(self, magnitudes: Floats, said: Floats, tail: Floats) -> tuple[Floats, Floats]:
        """The oldest of the frames ``[1 + look_ahead, bins]``: its hop, and what it leaves over the next one."""
        residual, real, imaginary = said
        wanted = magnitudes[:1] * np.exp(np.clip(residual, *plan.RESIDUAL_RANGE))
        pull = np.empty(wanted.shape, np.complex64)
        np.multiply(wanted, real, out=pull.real)
        np.multiply(wanted, imaginary, out=pull.imag)
        frame = self._frame(self._look(tail), pull, wanted)
        for _ in range(self.config.rounds):
            again = self._transform.laid(frame, tail)
            after = self._frame(self._look(again[self.config.hop :]), np.complex64(0.0), magnitudes[1:2])
            again[self.config.hop :] += after[0, : -self.config.hop]
            frame = self._frame(self._transform.analyse(again[None]), pull, wanted)
        return self._transform.finish(frame, tail)

    def _look(self, tail: Floats) -> Spectra:
        """What a tail says of the frame that begins where it begins, ``[1, bins]``."""
        begun = np.zeros((1, self.config.n_fft), np.float32)
        np.multiply(tail, self._look_window, out=begun[0, : len(tail)])
        return rfft_rows(begun, np.empty((1, self.config.bins), np.complex64))

    def _frame(self, spectrum: Spectra, pull: Spectra | np.complex64, wanted: Floats) -> Floats:
        """A spectrum ``[1, bins]``, pulled, with these magnitudes: a windowed frame ``[1, n_fft]``."""
        spectrum += pull
        spectrum *= wanted / _lengths(spectrum, wanted)
        return self._transform.synthesise(spectrum)

    def _warm_up(self) -> None:
        """The first step of a life must not be slower than the others: plans and pages are taken here."""
        self.forward(np.zeros((self.config.n_mels, 2), np.float32))


def _lengths(spectrum: Spectra, wanted: Floats) -> Floats:
    """Lengths ``[1, bins]``, and never less than a small part of what is wanted."""
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    power += np.square(np.float32(plan.SOFT) * wanted)
    power += np.float32(plan.TINY_POWER)
    return np.sqrt(power, out=power)


class _Conv:
    """All channels to all, over the past and one frame."""

    def __init__(self, weights: Weights, channels_in: int, channels_out: int) -> None:
        weight = weights.take("embed.conv.weight", channels_out, channels_in, plan.KERNEL)
        self._weight = np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, channels_out))
        self._bias = weights.take("embed.conv.bias", channels_out)

    def __call__(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        window = np.concatenate([past, x])
        y = window.reshape(1, -1) @ self._weight
        y += self._bias
        return y, window[1:]


class _Block:
    """A ConvNeXt block; its scale is folded into its last layer."""

    def __init__(self, weights: Weights, name: str, width: int) -> None:
        depthwise = weights.take(f"{name}.depthwise.conv.weight", width, 1, plan.KERNEL)
        self._depthwise = np.ascontiguousarray(depthwise[:, 0].T)
        self._bias = weights.take(f"{name}.depthwise.conv.bias", width)
        self._norm = _Norm(weights, f"{name}.norm", width)
        self._up = _Linear(weights, f"{name}.up", width, plan.EXPANSION * width)
        self._down = _Linear(weights, f"{name}.down", plan.EXPANSION * width, width)
        self._down.scale(weights.take(f"{name}.scale", width))

    def __call__(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        window = np.concatenate([past, x])
        y = np.add.reduce(window * self._depthwise, axis=0, keepdims=True)
        y += self._bias
        y = self._down(gelu(self._up(self._norm(y))))
        y += x
        return y, window[1:]


class _Norm:
    """LayerNorm of one frame ``[1, C]``."""

    def __init__(self, weights: Weights, name: str, width: int) -> None:
        self._weight, self._bias = weights.take(f"{name}.weight", width), weights.take(f"{name}.bias", width)
        self._mean = np.full(width, 1.0 / width, np.float32)  # a product takes a third of the time of ``mean``

    def __call__(self, x: Floats) -> Floats:
        centred = x - x @ self._mean
        centred *= np.float32(1.0) / np.sqrt(np.square(centred) @ self._mean + np.float32(plan.EPSILON))
        centred *= self._weight
        centred += self._bias
        return centred


class _Linear:
    """A linear map of one frame ``[1, C]``."""

    def __init__(self, weights: Weights, name: str, channels_in: int, channels_out: int) -> None:
        self._weight = np.ascontiguousarray(weights.take(f"{name}.weight", channels_out, channels_in).T)
        self._bias = weights.take(f"{name}.bias", channels_out)

    def scale(self, by: Floats) -> None:
        """Multiply every output, once and for all."""
        self._weight, self._bias = self._weight * by, self._bias * by

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self._weight
        y += self._bias
        return y
