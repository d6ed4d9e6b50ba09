"""Encoder and decoder as they are played: plain numpy, column by column, without torch.

The networks of ``model.py``, built from the same plan and the same weights (a test holds both together), with every
convolution written as one matrix product over the neighbours of each place::

    rows [F * T + 1, C] --take--> [places, taps * C] @ [taps * C, outputs]        the last row is the padding, zeros

Measured on one thread, a column of 42.7 ms through the decoder: 0.4 ms here, 2.5 ms in torch, whose every small
convolution costs more to set up than to do. And a process that plays needs neither torch's 1.4 s nor its 400 MB.

Arrays inside are ``[F, T, C]``: bands, steps, channels. Every product of a live step has one fixed shape, so a column
has the same bits in every run. States are tuples of arrays and are never modified. Knows nothing of codes or sound.
The render thread, or offline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.activation import gelu
from distill_live.codec import plan
from distill_live.codec.ceiling import Ceiling
from distill_live.codec.config import VQVAEConfig
from distill_live.codec.plan import DB_PER_UNIT
from distill_live.streaming import Streaming
from distill_live.weights import Arrays, Weights

Floats = npt.NDArray[np.float32]
State = tuple[Floats, ...]

_EPSILON: Final = np.float32(1e-5)  # of torch's LayerNorm
_SETTLED_AFTER: Final = 256  # columns: no network of ours remembers as long


class LiveDecoder(Streaming[Floats, Floats, State]):
    """Latents ``[n, H, D]`` to mels ``[n_mels, frames_per_column * n]`` in dB; no latency.

    Args:
        config, weights: of the network.
        ceiling: what mels are kept below; None for no limit (training, and files from before there was one).

    Raises:
        ModelFileError: when the weights do not fit the configuration.
    """

    def __init__(self, config: VQVAEConfig, weights: Arrays, ceiling: Ceiling | None = None) -> None:
        self.config, self.ceiling = config, ceiling
        taken = Weights(weights, "decoder")
        self._chain = _Chain(plan.decoder_plan(config), taken)
        bands, frames = plan.patch_shape(config)
        self._patch = taken.take("patch.weight", config.codebook_dim, 1, bands, frames).reshape(config.codebook_dim, -1)
        taken.done()
        self._silence = _settled(self, np.zeros((1, config.grid.rows, config.codebook_dim), np.float32), self._chain)

    def initial_state(self) -> State:
        """The state after endless silence (latents of zeros)."""
        return self._silence

    def step(self, x: Floats, state: State) -> tuple[Floats, State]:
        latents = x.transpose(1, 0, 2)  # [H, n, D]
        mel, after = self._chain.step(latents, state)
        rows, columns, _ = latents.shape
        bands, frames = plan.patch_shape(self.config)
        patch = (latents @ self._patch).reshape(rows, columns, bands, frames).transpose(0, 2, 1, 3)
        mel = mel[:, :, 0] + patch.reshape(rows * bands, columns * frames)
        in_db = mel * np.float32(DB_PER_UNIT) + np.float32(self.config.floor_db)
        return in_db if self.ceiling is None else self.ceiling(in_db), after

    def forward(self, x: Floats) -> Floats:
        return self.step(x, self.initial_state())[0]


class LiveEncoder(Streaming[Floats, Floats, State]):
    """Mels ``[n_mels, frames_per_column * n]`` in dB to latents ``[n, H, D]``; one block is one column, no latency.

    Raises:
        ModelFileError: when the weights do not fit the configuration.
    """

    def __init__(self, config: VQVAEConfig, weights: Arrays) -> None:
        self.config = config
        self.block = config.grid.frames_per_column
        taken = Weights(weights, "encoder")
        self._chain = _Chain(plan.encoder_plan(config), taken)
        shape = (config.codebook_dim, 1, *plan.patch_shape(config))
        self._patch = np.ascontiguousarray(taken.take("patch.weight", *shape).reshape(config.codebook_dim, -1).T)
        taken.done()
        silence = np.full((config.n_mels, self.block), config.floor_db, np.float32)
        self._answer = np.zeros((1, config.grid.rows, config.codebook_dim), np.float32)
        self._silence = _settled(self, silence, self._chain)
        self._answer += self.step(silence, self._silence)[0]  # what the network says to silence; silence is to be zero

    def initial_state(self) -> State:
        """The state after endless silence."""
        return self._silence

    def step(self, x: Floats, state: State) -> tuple[Floats, State]:
        assert x.shape[1] % self.block == 0, f"{x.shape[1]} frames are no whole columns of {self.block}: pad them"
        above_silence = (x - np.float32(self.config.floor_db)) / np.float32(DB_PER_UNIT)
        latents, after = self._chain.step(above_silence[:, :, None], state)
        bands, frames = plan.patch_shape(self.config)
        rows, columns = self.config.grid.rows, x.shape[1] // self.block
        patches = above_silence.reshape(rows, bands, columns, frames).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
        latents += patches @ self._patch
        found: Floats = np.ascontiguousarray(latents.transpose(1, 0, 2)) - self._answer
        return found, after

    def forward(self, x: Floats) -> Floats:
        return self.step(x, self.initial_state())[0]


class _Layer(ABC):
    """One layer of ``[F, T, C]``; ``past``: the shape of what it remembers, None when it remembers nothing."""

    past: tuple[int, int, int] | None = None

    @abstractmethod
    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]: ...


class _Chain:
    """Layers one after the other; the state holds one array for each that remembers."""

    def __init__(self, layers: tuple[plan.Layer, ...], weights: Weights) -> None:
        self._layers = [_built(layer, weights, f"net.layers.{n}") for n, layer in enumerate(layers)]

    def zeros(self) -> State:
        return tuple(np.zeros(layer.past, np.float32) for layer in self._layers if layer.past is not None)

    def step(self, x: Floats, state: State) -> tuple[Floats, State]:
        after: list[Floats] = []
        for layer in self._layers:
            if layer.past is None:
                x, _ = layer.step(x, x)
            else:
                x, past = layer.step(x, state[len(after)])
                after.append(past)
        return x, tuple(after)


def _built(layer: plan.Layer, weights: Weights, name: str) -> _Layer:
    match layer:
        case plan.Conv():
            return _Conv(layer, weights, f"{name}.conv")
        case plan.Upsample():
            return _Upsample(layer, weights, f"{name}.conv")
        case plan.Residual():
            return _Residual(layer, weights, name)
        case plan.Norm():
            return _Norm(layer.channels, weights, f"{name}.norm")
        case plan.Point():
            return _Point(layer.channels_in, layer.channels_out, weights, name)


class _Taps:
    """Which neighbours each place looks at, as rows of ``[F * T + 1, C]``; worked out once per number of steps."""

    def __init__(self, bands: int, stride: tuple[int, int], offsets_f: list[int], taps_t: int) -> None:
        self.bands, self.stride, self.offsets_f, self.taps_t = bands, stride, offsets_f, taps_t
        self._known: dict[int, npt.NDArray[np.intp]] = {}

    def __call__(self, steps: int) -> npt.NDArray[np.intp]:
        """For a window of ``steps`` steps: ``[F_out * T_out, taps]``."""
        if steps not in self._known:
            self._known[steps] = self._index(steps)
        return self._known[steps]

    def _index(self, steps: int) -> npt.NDArray[np.intp]:
        bands = np.arange(0, self.bands, self.stride[0])[:, None] + np.array(self.offsets_f)  # [F_out, taps_f]
        times = np.arange(0, steps - self.taps_t + 1, self.stride[1])[:, None] + np.arange(self.taps_t)
        inside = ((bands >= 0) & (bands < self.bands))[:, None, :, None]
        row = bands[:, None, :, None] * steps + times[None, :, None, :]
        return np.where(inside, row, self.bands * steps).reshape(-1, len(self.offsets_f) * self.taps_t)


def _window(x: Floats, past: Floats) -> tuple[Floats, Floats]:
    """``[F, T, C]`` behind its past, as rows with a row of zeros at the end; and the same as ``[F, T, C]``, a view."""
    bands, steps, channels = x.shape
    before = past.shape[1]
    rows = np.zeros((bands * (before + steps) + 1, channels), np.float32)
    grid = rows[:-1].reshape(bands, before + steps, channels)
    grid[:, :before] = past
    grid[:, before:] = x
    return rows, grid


class _Conv(_Layer):
    def __init__(self, layer: plan.Conv, weights: Weights, name: str) -> None:
        kernel_f, kernel_t = layer.kernel
        first = -(-(kernel_f - layer.stride[0]) // 2)  # rows of padding below
        offsets = [n - first for n in range(kernel_f)]
        kept = [n for n, offset in enumerate(offsets) if layer.bands > 1 or offset == 0]
        weight = weights.take(f"{name}.weight", layer.channels_out, layer.channels_in, *layer.kernel)
        self._weight = np.ascontiguousarray(weight[:, :, kept].transpose(2, 3, 1, 0).reshape(-1, layer.channels_out))
        self._bias = weights.take(f"{name}.bias", layer.channels_out)
        self._taps = _Taps(layer.bands, layer.stride, [offsets[n] for n in kept], kernel_t)
        self._bands_out = layer.bands // layer.stride[0]
        self.past = (layer.bands, kernel_t - layer.stride[1], layer.channels_in)

    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        rows, grid = _window(x, past)
        index = self._taps(grid.shape[1])
        y = rows[index].reshape(len(index), -1) @ self._weight
        y += self._bias
        return y.reshape(self._bands_out, -1, y.shape[1]), grid[:, grid.shape[1] - past.shape[1] :].copy()


class _Upsample(_Layer):
    """Output ``r`` of a place hears input ``i + offset`` through tap ``r + pad - ratio * offset`` of the kernel."""

    def __init__(self, layer: plan.Upsample, weights: Weights, name: str) -> None:
        up_f, up_t = layer.ratio
        kernel_f, pad = (2 * up_f, up_f // 2) if up_f > 1 else (3, 1)
        if layer.bands == 1 and up_f == 1:
            kernel_f, pad = 1, 0
        offsets = [-1, 0, 1] if layer.bands > 1 else [0]
        weight = weights.take(f"{name}.weight", layer.channels_in, layer.channels_out, kernel_f, 2 * up_t)
        spread = np.zeros((len(offsets), 2, layer.channels_in, up_f, up_t, layer.channels_out), np.float32)
        for n, offset in enumerate(offsets):
            for r in range(up_f):
                tap = r + pad - up_f * offset
                if 0 <= tap < kernel_f:
                    by_time = weight[:, :, tap].reshape(layer.channels_in, layer.channels_out, 2, up_t)
                    spread[n, :, :, r] = by_time[:, :, ::-1].transpose(2, 0, 3, 1)  # the step before, then this one
        self._weight = np.ascontiguousarray(spread.reshape(-1, up_f * up_t * layer.channels_out))
        self._bias = np.tile(weights.take(f"{name}.bias", layer.channels_out), up_f * up_t)
        self._taps = _Taps(layer.bands, (1, 1), offsets, 2)
        self._shape = (up_f, up_t, layer.channels_out)
        self.past = (layer.bands, 1, layer.channels_in)

    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        rows, grid = _window(x, past)
        index = self._taps(grid.shape[1])
        y = rows[index].reshape(len(index), -1) @ self._weight
        y += self._bias
        bands, steps = x.shape[:2]
        up_f, up_t, channels = self._shape
        y = y.reshape(bands, steps, up_f, up_t, channels).transpose(0, 2, 1, 3, 4)
        return y.reshape(bands * up_f, steps * up_t, channels), grid[:, -1:].copy()


class _Residual(_Layer):
    def __init__(self, layer: plan.Residual, weights: Weights, name: str) -> None:
        self._norm = _Norm(layer.channels, weights, f"{name}.norm.norm")
        self._conv = _Conv(layer.conv, weights, f"{name}.conv.conv")
        self._mix = _Point(layer.channels, layer.channels, weights, f"{name}.mix")
        self.past = self._conv.past

    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        y, after = self._conv.step(self._norm.step(x, past)[0], past)
        return x + self._mix.step(gelu(y), past)[0], after


class _Norm(_Layer):
    def __init__(self, channels: int, weights: Weights, name: str) -> None:
        self._weight, self._bias = weights.take(f"{name}.weight", channels), weights.take(f"{name}.bias", channels)
        self._mean = np.full(channels, 1.0 / channels, np.float32)

    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        centred = x - (x @ self._mean)[..., None]
        variance = np.square(centred) @ self._mean
        centred *= (np.float32(1.0) / np.sqrt(variance + _EPSILON))[..., None]
        centred *= self._weight
        centred += self._bias
        return centred, past


class _Point(_Layer):
    def __init__(self, channels_in: int, channels_out: int, weights: Weights, name: str) -> None:
        weight = weights.take(f"{name}.weight", channels_out, channels_in, 1, 1)
        self._weight = np.ascontiguousarray(weight[:, :, 0, 0].T)
        self._bias = weights.take(f"{name}.bias", channels_out)

    def step(self, x: Floats, past: Floats) -> tuple[Floats, Floats]:
        y = x.reshape(-1, x.shape[2]) @ self._weight
        y += self._bias
        return y.reshape(*x.shape[:2], -1), past


def _settled(network: LiveDecoder | LiveEncoder, silence: Floats, chain: _Chain) -> State:
    """The state that endless silence leads to: fed column by column until nothing changes any more."""
    state = chain.zeros()
    for _ in range(_SETTLED_AFTER):
        _, after = network.step(silence, state)
        if all(np.array_equal(a, b) for a, b in zip(state, after, strict=True)):
            break
        state = after
    return state
