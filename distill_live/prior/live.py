"""The priors' live arithmetic: one column at a time, in plain numpy.

Measured on one thread, 2 x 256 GRU and depth 128, a column of 1x3 codes without sampling: numpy 0.094 ms, torch
0.148 ms (8x3: 0.33 and 0.55 ms). So single steps are numpy matrix-vector products over views of the torch weights, and
never ``nn.GRU``/``nn.LSTM`` calls, which oneDNN makes ten times slower. Every product has one fixed shape, so a column
has the same bits in every run. The products are too small for OpenBLAS to gain from a second thread, and one thread or
two give the same bits (tested).

Knows nothing of torch or of sampling. Called from the engine's render thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.base import PriorConfig
from distill_live.prior.order import places
from distill_live.prior.sampling import Choose
from distill_live.weights import Weights

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """``weight [out, in] @ x + bias``."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        y = self.weight @ x
        y += self.bias
        return y


@dataclass(frozen=True)
class GruCell:
    """One GRU layer, gates in the order reset, update, new (as torch stores them).

    ``r, z = sigmoid(..)``, ``n = tanh(W_n x + r * (U_n h))``, ``h' = n + z * (h - n)``.
    Source: Cho et al., 2014, in the variant of cuDNN and torch.
    """

    of_input: Affine
    of_hidden: Affine

    def __call__(self, x: Floats, hidden: Floats) -> Floats:
        size = len(hidden)
        given, kept = self.of_input(x), self.of_hidden(hidden)
        gates = given[: 2 * size] + kept[: 2 * size]
        gates *= 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2, which cannot overflow
        np.tanh(gates, out=gates)
        gates += 1.0
        gates *= 0.5
        new = kept[2 * size :]
        new *= gates[:size]
        new += given[2 * size :]
        np.tanh(new, out=new)
        result = hidden - new
        result *= gates[size:]
        result += new
        return result


@dataclass(frozen=True)
class LiveSpeller:
    """The weights of a ``SpellingPrior`` that have nothing to do with time, ready for single steps.

    Attributes:
        entries: ``[Q * (K + 1), E]`` all embedding tables under each other; the last entry of each is the begin token.
        first: int64 ``[H * Q]`` where each place's table starts in ``entries``.
        sorts: the (row, level) of each place.
        codes: ``[Q, K, E]`` the vectors of the codes, without the begin tokens.
    """

    entries: Floats
    first: NDArray[np.int64]
    sorts: tuple[tuple[int, int], ...]
    codebook_size: int
    start: Affine
    context: Affine
    echo: Floats
    place: Floats
    depth: GruCell
    query: Affine
    gain: Floats
    codes: Floats
    biases: Floats

    def embed(self, column: NDArray[np.int16]) -> Floats:
        """int16 ``[H, Q]``, -1 for the begin token -> ``[H * Q, E]``."""
        codes = column.ravel().astype(np.int64)
        codes[codes < 0] = self.codebook_size
        codes += self.first
        return self.entries[codes]

    def spell(self, embedded: Floats, hidden: Floats, choose: Choose) -> NDArray[np.int16]:
        """One column, code after code: ``embedded`` is the column before it, ``hidden`` what time says."""
        inputs = embedded @ self.echo
        inputs += self.place
        inputs += self.context(hidden)
        same = embedded * self.gain
        state = np.tanh(self.start(hidden))
        column = np.empty(len(self.sorts), np.int16)
        for n, (row, level) in enumerate(self.sorts):
            state = self.depth(inputs[n], state)
            logits = self.codes[level] @ (self.query(state) + same[n])
            logits += self.biases[n]
            code = choose(logits, row, level)
            assert 0 <= code < self.codebook_size, code
            column[n] = code
            if n + 1 < len(inputs):
                inputs[n + 1] += self.entries[self.first[n] + code]
        return column


def spelling(taken: Weights, c: PriorConfig, hidden: int, embedding: int, depth: int) -> LiveSpeller:
    """The speller's weights, taken from a model file's.

    Raises:
        ModelFileError: when they do not fit.
    """
    order, N = places(c.rows, c.levels), c.rows * c.levels
    tables = taken.take("embedding.tables", c.levels, c.codebook_size + 1, embedding)
    return LiveSpeller(
        entries=tables.reshape(-1, embedding),
        first=np.array([level * (c.codebook_size + 1) for _, level in order]),
        sorts=order,
        codebook_size=c.codebook_size,
        start=affine(taken, "start", hidden, depth),
        context=affine(taken, "context", hidden, embedding),
        echo=taken.take("echo", embedding, embedding),
        place=taken.take("place", N, embedding),
        depth=gru_cell(taken, "depth", 0, embedding, depth),
        query=affine(taken, "query", depth, embedding),
        gain=taken.take("gain", N, embedding),
        codes=tables[:, :-1],
        biases=taken.take("biases", N, c.codebook_size),
    )


def affine(taken: Weights, name: str, size_in: int, size_out: int) -> Affine:
    """An ``nn.Linear``."""
    return Affine(taken.take(f"{name}.weight", size_out, size_in), taken.take(f"{name}.bias", size_out))


def gru_cell(taken: Weights, name: str, layer: int, size_in: int, size: int) -> GruCell:
    """One layer of an ``nn.GRU``."""

    def gates(which: str, width: int) -> Affine:
        weight = taken.take(f"{name}.weight_{which}_l{layer}", 3 * size, width)
        return Affine(weight, taken.take(f"{name}.bias_{which}_l{layer}", 3 * size))

    return GruCell(gates("ih", size_in), gates("hh", size))
