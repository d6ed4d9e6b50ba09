"""The transformer prior as it is played: keys and values of the last columns are kept, each column is worked out once.

A column is one token. Attention reaches ``window`` columns back and knows distances, not places: every head forgets at
a rate of its own (ALiBi; Press, Smith and Lewis, 2022), so a stream may go on for ever. Render thread, or offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range
from distill_live.prior.live import Affine, Floats, affine, spelling
from distill_live.prior.order import BEGIN
from distill_live.prior.sampling import Choose
from distill_live.weights import Arrays, Weights

NORM_EPSILON: Final = 1e-5
_FAR: Final = np.float32(-1e30)  # what has not been yet is not heard
MOST_KEPT: Final = 2**20  # keys of a state: there is one for every column ahead


@dataclass(frozen=True)
class TransformerConfig(PriorConfig):
    """Sizes of a ``TransformerPrior``.

    Attributes:
        width, layers, heads: 8..2048, 1..12, 1..32; the width is a whole number of heads.
        window: columns that attention reaches back, 2..4096.
        embedding, depth: width of a code's vector and of the GRU over places, 4..1024.
        dropout: 0..0.9, in training only.
    """

    kind: ClassVar[str] = "transformer"

    width: int = 128
    layers: int = 4
    heads: int = 4
    window: int = 128
    embedding: int = 48
    depth: int = 128
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("width", self.width, 8, 2048)
        check_range("layers", self.layers, 1, 12)
        check_range("heads", self.heads, 1, 32)
        check_range("window", self.window, 2, 4096)
        check_range("embedding", self.embedding, 4, 1024)
        check_range("depth", self.depth, 4, 1024)
        check_range("dropout", self.dropout, 0.0, 0.9, float)
        if self.layers * self.width * self.window > MOST_KEPT:
            raise ValueError(
                f"{self.layers} layers of width {self.width} over {self.window} columns are too much to keep"
            )
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no whole number of {self.heads} heads")

    @property
    def slopes(self) -> Floats:
        """How fast each head forgets, per column ``[heads]``: a half, a quarter, ... of what the first does.

        >>> TransformerConfig(1, 3, 64, heads=2).slopes.tolist()
        [0.0625, 0.00390625]
        """
        powers = 8.0 * np.arange(1, self.heads + 1) / self.heads
        slopes: Floats = np.exp2(-powers).astype(np.float32)
        return slopes


@dataclass(frozen=True)
class TransformerState(PriorState):
    """What attention looks back on, oldest first, before ``last`` was taken in.

    Attributes:
        keys, values: float32 ``[layers, heads, window, width / heads]``, read-only.
        known: how many of the window's columns have been.
        top: what time said of the newest column, ``[width]``.
    """

    keys: Floats
    values: Floats
    known: int
    top: Floats


@dataclass(frozen=True)
class _Block:
    """One layer, norms first."""

    norm: Affine
    to_qkv: Affine
    out: Affine
    norm_2: Affine
    up: Affine
    down: Affine


class LiveTransformerPrior(LivePrior[TransformerState]):
    """Attention in time, a small GRU over the places of a column."""

    config_class = TransformerConfig

    def __init__(self, config: TransformerConfig, weights: Arrays) -> None:
        self.config: TransformerConfig = config
        c, taken = config, Weights(weights, "prior")
        self._speller = spelling(taken, c, c.width, c.embedding, c.depth)
        self._take_in = affine(taken, "take_in", c.rows * c.levels * c.embedding, c.width)
        self._blocks = tuple(_block(taken, layer, c.width) for layer in range(c.layers))
        self._norm = _norm(taken, "norm", c.width)
        taken.done()
        distance = np.arange(c.window - 1, -1, -1, dtype=np.float32)
        self._forgetting = -c.slopes[:, None] * distance  # [heads, window]

    def initial_state(self) -> TransformerState:
        c = self.config
        last = np.full((c.rows, c.levels), BEGIN, np.int16)
        past = np.zeros((c.layers, c.heads, c.window, c.width // c.heads), np.float32)
        return _state(last, past, past.copy(), 0, np.zeros(c.width, np.float32))

    def step(self, state: TransformerState, choose: Choose) -> tuple[Column, TransformerState]:
        embedded = self._speller.embed(state.last)
        keys, values, known, top = self._advanced(embedded, state)
        column = self._speller.spell(embedded, top, choose).reshape(state.last.shape)
        return column, _state(column, keys, values, known, top)

    def skim(self, state: TransformerState, choose: Choose) -> tuple[Column, TransformerState]:
        """Spell the next column without moving on in time."""
        column = self._speller.spell(self._speller.embed(state.last), state.top, choose).reshape(state.last.shape)
        return column, _state(column, state.keys, state.values, state.known, state.top)

    def prefill(self, columns: Column, state: TransformerState) -> TransformerState:
        for column in self.checked(columns):
            state = _state(column.copy(), *self._advanced(self._speller.embed(state.last), state))
        return state

    def _advanced(self, embedded: Floats, state: TransformerState) -> tuple[Floats, Floats, int, Floats]:
        """Time moves on by one column: keys, values, how many are known, and what the top layer says."""
        c = self.config
        known = min(state.known + 1, c.window)
        keys, values = np.empty_like(state.keys), np.empty_like(state.values)
        keys[:, :, :-1], values[:, :, :-1] = state.keys[:, :, 1:], state.values[:, :, 1:]
        x = self._take_in(embedded.ravel())
        for layer, block in enumerate(self._blocks):
            query, keys[layer, :, -1], values[layer, :, -1] = block.to_qkv(_normed(x, block.norm)).reshape(
                3, c.heads, -1
            )
            x = x + block.out(self._heard(query, keys[layer], values[layer], known))
            x = x + block.down(_gelu(block.up(_normed(x, block.norm_2))))
        return keys, values, known, _normed(x, self._norm)

    def _heard(self, query: Floats, keys: Floats, values: Floats, known: int) -> Floats:
        """Attention of one column: query ``[heads, d]`` over ``[heads, window, d]`` -> ``[width]``."""
        scores = (keys @ query[:, :, None])[:, :, 0] * np.float32(query.shape[1] ** -0.5) + self._forgetting
        scores[:, : self.config.window - known] = _FAR
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        heard: Floats = (scores[:, None, :] @ values).reshape(-1)
        return heard


def _block(taken: Weights, layer: int, width: int) -> _Block:
    name = f"blocks.{layer}"
    return _Block(
        norm=_norm(taken, f"{name}.norm", width),
        to_qkv=affine(taken, f"{name}.to_qkv", width, 3 * width),
        out=affine(taken, f"{name}.out", width, width),
        norm_2=_norm(taken, f"{name}.norm_2", width),
        up=affine(taken, f"{name}.up", width, 4 * width),
        down=affine(taken, f"{name}.down", 4 * width, width),
    )


def _norm(taken: Weights, name: str, width: int) -> Affine:
    return Affine(taken.take(f"{name}.weight", width), taken.take(f"{name}.bias", width))


def _normed(x: Floats, norm: Affine) -> Floats:
    """Layer norm with its scale and shift."""
    x = x - x.mean()
    x *= np.float32(1.0) / np.sqrt(np.square(x).mean() + np.float32(NORM_EPSILON))
    x *= norm.weight
    x += norm.bias
    return x


def _gelu(x: Floats) -> Floats:
    """The tanh form (Hendrycks and Gimpel, 2016), as the torch side uses it."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    upper = np.tanh(inner, out=inner)
    upper += np.float32(1.0)
    upper *= np.float32(0.5)
    return np.multiply(x, upper, out=upper)


def _state(last: Column, keys: Floats, values: Floats, known: int, top: Floats) -> TransformerState:
    for array in (last, keys, values, top):
        array.setflags(write=False)
    return TransformerState(last=last, keys=keys, values=values, known=known, top=top)
