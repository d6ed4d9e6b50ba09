"""The ConvNeXt vocoder as it learns (torch): mels of a batch to sound, differentiable through every frame.

The drawing is in ``convnext_plan.py``; what plays is ``convnext_live.py``, numpy built from the same plan (a test holds
both together). Knows nothing of losses or files. Any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_live.audio.overlap import synthesis_window
from distill_live.streaming import Streaming
from distill_live.vocoder import convnext_plan as plan
from distill_live.vocoder.convnext_plan import ConvNextConfig
from distill_live.vocoder.istft import first_look_window, hann
from distill_live.vocoder.magnitude import MelToMagnitude


@dataclass(frozen=True)
class BatchState:
    """What the vocoder remembers of a batch; its tensors are never modified.

    Attributes:
        pasts: the last inputs of each convolution, ``[B, C, 6]``.
        magnitudes: ``[B, look_ahead, bins]``: frames that have come in and not yet sounded.
        tail: ``[B, n_fft - hop]``: what earlier frames leave over the next one.
    """

    pasts: tuple[Tensor, ...]
    magnitudes: Tensor
    tail: Tensor


class CausalConv1d(nn.Module):
    """A convolution over ``KERNEL`` frames, the newest one last; ``groups`` as torch means it."""

    def __init__(self, channels_in: int, channels_out: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, plan.KERNEL, groups=groups)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``x [B, C, n]`` after its past ``[B, C, 6]``: ``[B, C', n]``, and the past of what follows."""
        window = torch.cat((past.expand(len(x), -1, -1), x), dim=-1)
        return self.conv(window), window[..., window.shape[-1] - plan.KERNEL + 1 :]


class Block(nn.Module):
    """``x + scale * down(gelu(up(norm(depthwise(x)))))``."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.depthwise = CausalConv1d(width, width, groups=width)
        self.norm = nn.LayerNorm(width, eps=plan.EPSILON)
        self.up = nn.Linear(width, plan.EXPANSION * width)
        self.down = nn.Linear(plan.EXPANSION * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``x [B, C, n]`` and its past."""
        y, after = self.depthwise(x, past)
        y = self.down(functional.gelu(self.up(self.norm(y.transpose(1, 2)))))
        return x + (self.scale * y).transpose(1, 2), after


class ConvNextVocoder(nn.Module, Streaming[Tensor, Tensor, BatchState]):
    """Log-mels ``[B, n_mels, n]`` in dB to sound ``[B, n * hop]``, under contract S.

    ``step`` lags ``latency`` samples behind ``forward``, whose sample ``j * hop`` is the centre of frame ``j``.
    Phases of noise magnify rounding errors two to three times a frame, and a product of many frames is rounded
    otherwise than one of few: the contract's tolerance is kept in double precision for some twenty frames, and after
    that the same noise has other phases. It is meant for segments; the form that plays takes frames one by one and
    keeps every bit.

    >>> vocoder = ConvNextVocoder(ConvNextConfig(width=8, depth=1))
    >>> vocoder(torch.full((2, 128, 3), -100.0)).shape
    torch.Size([2, 1536])
    """

    look_window: Tensor
    whole_window: Tensor
    frame_window: Tensor

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        self.config = config
        self.block = 1
        self.latency = config.latency_samples
        self.embed = CausalConv1d(config.n_mels, config.width)
        self.first_norm = nn.LayerNorm(config.width, eps=plan.EPSILON)
        self.blocks = nn.ModuleList(Block(config.width, 1.0 / config.depth) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=plan.EPSILON)
        self.head = nn.Linear(config.width, plan.PARTS * config.bins)
        with torch.no_grad():
            for parameter, first in zip(self.head.parameters(), plan.first_head(config), strict=True):
                parameter.copy_(torch.from_numpy(first))
        self._magnitude = MelToMagnitude(config.mel)
        for name, window in _windows(config).items():
            self.register_buffer(name, window, persistent=False)

    def initial_state(self) -> BatchState:
        """The state before the first frame; of batch 1, which serves every batch."""
        config, like = self.config, self.head.weight
        widths = (config.n_mels, *(config.width for _ in self.blocks))
        return BatchState(
            tuple(like.new_zeros(1, width, plan.KERNEL - 1) for width in widths),
            like.new_zeros(1, config.look_ahead, config.bins),
            like.new_zeros(1, config.n_fft - config.hop),
        )

    def step(self, x: Tensor, state: BatchState) -> tuple[Tensor, BatchState]:
        said, pasts = self._network(x, state.pasts)
        magnitudes = torch.cat((state.magnitudes.expand(len(x), -1, -1), self._magnitudes(x)), dim=1)
        sound, tail = self._sound(magnitudes, said, state.tail.expand(len(x), -1))
        return sound, BatchState(pasts, magnitudes[:, x.shape[-1] :], tail)

    def forward(self, x: Tensor) -> Tensor:
        """A whole batch without delay; after its end is silence."""
        late = self.config.look_ahead + self.config.n_fft // (2 * self.config.hop)
        sound, _ = self.step(functional.pad(x, (0, late), value=self.config.floor_db), self.initial_state())
        return sound[:, self.latency :]

    def _network(self, x: Tensor, pasts: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Mels ``[B, n_mels, n]`` to what the head says, ``[B, n, 3 * bins]``."""
        y, first = self.embed((x - self.config.floor_db) / plan.DB_PER_UNIT, pasts[0])
        y, after = self.first_norm(y.transpose(1, 2)).transpose(1, 2), [first]
        for block, past in zip(self.blocks, pasts[1:], strict=True):
            y, new = block(y, past)
            after.append(new)
        return self.head(self.norm(y.transpose(1, 2))), tuple(after)

    def _magnitudes(self, x: Tensor) -> Tensor:
        """Mels ``[B, n_mels, n]`` to magnitudes ``[B, n, bins]``: nothing that learns."""
        rows = x.detach().transpose(1, 2).reshape(-1, x.shape[1]).float().cpu().numpy()
        found = torch.from_numpy(self._magnitude.rows(np.ascontiguousarray(rows)))
        return found.reshape(len(x), x.shape[-1], -1).to(x)

    def _sound(self, magnitudes: Tensor, said: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Frame after frame, since each begins with what the ones before it say: sound ``[B, n * hop]`` and tail.

        What is learned of a frame is learned of that frame: gradients do not go back through the looks, where phases of
        noise magnify them (measured: the same loss in half of the steps).

        Args:
            magnitudes: ``[B, n, bins]`` of the frames to be made, and ``[B, look_ahead, bins]`` of those after them.
            said: ``[B, n, 3 * bins]``.
            tail: ``[B, n_fft - hop]``.
        """
        residual, real, imaginary = said.chunk(plan.PARTS, dim=-1)
        wanted = magnitudes[:, : said.shape[1]] * residual.clamp(*plan.RESIDUAL_RANGE).exp()
        pulls = wanted * torch.complex(real, imaginary)
        hops = []
        for frame in range(said.shape[1]):
            next_one = magnitudes[:, frame + 1] if self.config.rounds else None
            line = self._line(wanted[:, frame], pulls[:, frame], next_one, tail)
            hops.append(line[:, : self.config.hop])
            tail = line[:, self.config.hop :]
        return torch.cat(hops, dim=1), tail

    def _line(self, wanted: Tensor, pull: Tensor, next_one: Tensor | None, tail: Tensor) -> Tensor:
        """One frame on top of the tail, ``[B, n_fft]``, of magnitudes ``wanted [B, bins]``."""
        under = functional.pad(tail, (0, self.config.hop))
        with torch.no_grad():
            look = torch.fft.rfft(tail * self.look_window, self.config.n_fft)
            for _ in range(self.config.rounds):
                assert next_one is not None
                look = self._second_look(under + self._frame(look + pull, wanted), next_one)
        return under + self._frame(look + pull, wanted)

    def _second_look(self, line: Tensor, next_one: Tensor) -> Tensor:
        """What a frame's place ``[B, n_fft]`` says of it when the next frame has answered: a spectrum ``[B, bins]``."""
        hop = self.config.hop
        after = self._frame(torch.fft.rfft(line[:, hop:] * self.look_window, self.config.n_fft), next_one)
        return torch.fft.rfft((line + functional.pad(after[:, :-hop], (hop, 0))) * self.whole_window)

    def _frame(self, spectrum: Tensor, wanted: Tensor) -> Tensor:
        """A spectrum with these magnitudes as a windowed frame ``[B, n_fft]``."""
        power = spectrum.real.square() + spectrum.imag.square() + (plan.SOFT * wanted).square() + plan.TINY_POWER
        return torch.fft.irfft(spectrum * (wanted * torch.rsqrt(power)), self.config.n_fft) * self.frame_window


def _windows(config: ConvNextConfig) -> dict[str, Tensor]:
    """Of first looks, whole frames and their synthesis; 1.0 is the peak of a full-scale sine."""
    peak = np.float32(config.n_fft / 4.0)
    look = first_look_window(config.n_fft, config.hop) / np.float32(config.n_fft)
    whole = hann(config.n_fft) / peak
    frame = synthesis_window(hann(config.n_fft), config.hop) * peak
    windows = {"look_window": look, "whole_window": whole, "frame_window": frame}
    return {name: torch.from_numpy(window) for name, window in windows.items()}


def vocoder_arrays(vocoder: ConvNextVocoder) -> dict[str, np.ndarray[Any, Any]]:
    """The weights by name, as the live form takes them."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in vocoder.state_dict().items()}
