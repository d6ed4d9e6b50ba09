"""Causal convolutions on ``[B, C, F, T]`` that run on a whole signal or step by step (contract S, no latency).

Time (the last axis) is causal: an output depends on its own inputs and earlier ones. Frequency is "same": padded
with zeros on both sides. A state is a flat tuple of tensors, the last inputs of each layer; it is never modified.
States of batch 1 (``initial_state``) serve any batch. Knows nothing of mels or codes. Any thread.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_live.streaming import Streaming

State = tuple[Tensor, ...]


class StreamingLayer(nn.Module, Streaming[Tensor, Tensor, State]):
    """A causal layer whose state is a tuple of ``state_size`` tensors.

    Attributes:
        block: input steps that ``step`` wants a multiple of.
        past: input steps before the current block that an output depends on.
        time_ratio: output steps per input step.
    """

    abstract_streaming = True
    state_size: int = 1
    past: int = 0
    time_ratio: float = 1.0

    @abstractmethod
    def initial_state(self) -> State:
        """The state whose past is zeros."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Process ``x [B, C, F, block * n]``."""

    def forward(self, x: Tensor) -> Tensor:
        """Process a whole signal ``[B, C, F, T]`` with zeros before it."""
        return self.step(x, self.initial_state())[0]

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros of batch 1, of the kind and on the device of the weights."""
        return next(self.parameters()).new_zeros((1, *shape))


def with_past(x: Tensor, past: Tensor) -> Tensor:
    """``x`` with its past before it; a past of batch 1 serves every batch."""
    return torch.cat((past.expand(x.shape[0], -1, -1, -1), x), dim=-1)


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of ``[B, C, F, T]``: each step on its own, the same in training and in use."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CausalConv2d(StreamingLayer):
    """A convolution, causal in time, "same" in frequency.

    Args:
        channels_in, channels_out: features before and after.
        bands: rows of the frequency axis of the input.
        kernel: ``(frequency, time)``.
        stride: ``(frequency, time)``; ``kernel - stride`` past steps make each block answer at once.

    >>> CausalConv2d(1, 4, bands=8, kernel=(4, 4), stride=(2, 2))(torch.zeros(1, 1, 8, 6)).shape
    torch.Size([1, 4, 4, 3])
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        bands: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        pad = kernel[0] - stride[0]
        assert min(pad, kernel[1] - stride[1], -(bands % stride[0])) >= 0, (kernel, stride, bands)
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=(math.ceil(pad / 2), 0))
        assert (bands + 2 * math.ceil(pad / 2) - kernel[0]) // stride[0] + 1 == bands // stride[0], "odd kernels only"
        self.past_shape = (channels_in, bands, kernel[1] - stride[1])
        self.past = kernel[1] - stride[1]
        self.block = stride[1]
        self.time_ratio = 1.0 / stride[1]

    def initial_state(self) -> State:
        return (self._zeros(*self.past_shape),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        window = with_past(x, state[0])
        return self.conv(window), (window[..., window.shape[-1] - self.past :],)


class CausalUpsample2d(StreamingLayer):
    """A transposed convolution whose kernel is twice its stride, causal in time.

    Every output is reached by the same number of kernel taps, so it leaves no checkerboard.

    Args:
        channels_in, channels_out: features before and after.
        bands: rows of the frequency axis of the input.
        ratio: ``(frequency, time)``: how many outputs for one input, each 1 or even.
    """

    past = 1

    def __init__(self, channels_in: int, channels_out: int, *, bands: int, ratio: tuple[int, int]) -> None:
        super().__init__()
        up_f, up_t = ratio
        assert up_f == 1 or up_f % 2 == 0, ratio
        # kernel 3 where frequency is not upsampled: a plain "same" convolution
        kernel_f, pad_f = (2 * up_f, up_f // 2) if up_f > 1 else (3, 1)
        if bands == 1 and up_f == 1:
            kernel_f, pad_f = 1, 0
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, (kernel_f, 2 * up_t), ratio, padding=(pad_f, 0))
        self.past_shape = (channels_in, bands, 1)
        self.up_t = up_t
        self.time_ratio = float(up_t)

    def initial_state(self) -> State:
        return (self._zeros(*self.past_shape),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        window = with_past(x, state[0])
        y = self.conv(window)[..., self.up_t : -self.up_t]
        return y, (window[..., -1:],)


class ResidualBlock(StreamingLayer):
    """``x + conv1x1(gelu(causal conv(norm(x))))``: the layer that does the work between changes of rate."""

    def __init__(self, channels: int, *, bands: int, kernel_time: int = 3) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv = CausalConv2d(channels, channels, bands=bands, kernel=(3 if bands > 1 else 1, kernel_time))
        self.mix = nn.Conv2d(channels, channels, 1)
        self.past = self.conv.past

    def initial_state(self) -> State:
        return self.conv.initial_state()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.conv.step(self.norm(x), state)
        return x + self.mix(functional.gelu(y)), state


class StreamingChain(StreamingLayer):
    """Layers one after the other; plain modules between them must treat each time step on its own."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        streaming = [layer for layer in self.layers if isinstance(layer, StreamingLayer)]
        self.state_size = sum(layer.state_size for layer in streaming)
        steps, past, block = 1.0, 0.0, 1.0
        for layer in streaming:  # steps: of this layer's input, per input step of the chain
            past += layer.past / steps
            block = max(block, layer.block / steps)
            steps *= layer.time_ratio
        self.time_ratio = steps
        self.past = math.ceil(past)
        self.block = round(block)

    def initial_state(self) -> State:
        states = [layer.initial_state() for layer in self.layers if isinstance(layer, StreamingLayer)]
        return tuple(tensor for state in states for tensor in state)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after: State = ()
        for layer in self.layers:
            if isinstance(layer, StreamingLayer):
                x, new = layer.step(x, state[: layer.state_size])
                state, after = state[layer.state_size :], after + new
            else:
                x = layer(x)
        return x, after
