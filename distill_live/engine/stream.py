"""The prior's stream of columns: generated when they are needed, with the prior's state kept before each.

The stream is what the prior would play undisturbed. Edits colour it later, column by column; only a level whose
``feedback`` is on hands its edited codes to the prior's memory. A sampling change calls ``rewind`` to the first column
that is not decoded yet, and the dice there are the same as before: noise is a pure function of
(seed, column, row, level). Belongs to the render thread.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from distill_live.codes.grid import Codes
from distill_live.engine.watch import Watch
from distill_live.prior.guard import GuardState

Logits = npt.NDArray[np.float32]

MEMORY_COLUMNS: Final = 64


class Dice(Protocol):
    """How one code is drawn, and what the prior shall remember instead of it."""

    @property
    def seed(self) -> int: ...

    def draw(
        self,
        logits: Logits,
        column: int,
        row: int,
        level: int,
        before: int,
        coarser: int,
        stayed: int,
        recent: Codes | None,
    ) -> int: ...

    def remembered(self, drawn: int, column: int, row: int, level: int) -> int: ...


@dataclass(frozen=True)
class Drawn:
    """One column of the stream.

    Attributes:
        codes: int16 ``[H, Q]``, as drawn.
        entropy_bits: float32 ``[Q]``, of the prior's own distribution (temperature 1), mean over rows.
    """

    codes: Codes
    entropy_bits: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Before:
    """What must be kept to go back to before a column."""

    prior: Any
    guard: GuardState
    stayed: npt.NDArray[np.int64]  # [H]: for how many columns the coarsest code of each row has been there
    recent: Codes  # [window, H]: the coarsest codes of the last columns, newest first, -1 where there were none


class PriorStream:
    """Columns 0, 1, 2 ... of one prior under one set of dice.

    Args:
        prior: a ``prior.base.LivePrior``.
        watch: notices a stream that loops or has fallen silent, and says what to start again from.
        column: the first there will be.
        memory: columns ``[W, H, Q]`` the prior has heard before it.

    Attributes:
        thrifty: draw every other column from what was known one column ago (cheaper).
        recent: the last columns the prior remembers, oldest first: what a resumed stream is to be primed with.
    """

    def __init__(self, prior: Any, watch: Watch, dice: Dice, column: int = 0, memory: Codes | None = None) -> None:
        self.prior = prior
        self.watch = watch
        self.dice = dice
        self.reprimed = 0
        self.thrifty = False
        self.recent: deque[Codes] = deque(() if memory is None else memory, maxlen=MEMORY_COLUMNS)
        state = prior.initial_state() if memory is None else prior.prefill(memory, prior.initial_state())
        self._before: dict[int, _Before] = {column: self._anew(state)}
        self._drawn: dict[int, Drawn] = {}

    def column(self, column: int) -> Drawn:
        """The column asked for; generates what is missing before it."""
        for c in range(max(self._before) - 1, column):
            self._generate(c + 1)
        return self._drawn[column]

    def rewind(self, column: int) -> None:
        """Drop what was drawn from ``column`` on."""
        for c in [c for c in self._drawn if c >= column]:
            del self._drawn[c], self._before[c + 1]

    def forget_before(self, column: int) -> None:
        """Forget the past: the stream will not be rewound to before ``column``."""
        for c in sorted(c for c in self._drawn if c < column):
            self.recent.append(self._before[c + 1].prior.last)
            del self._drawn[c], self._before[c]

    def fork(self, dice: Dice) -> PriorStream:
        """An independent copy under other dice; what it holds are values, so copying the tables is enough."""
        twin = PriorStream(self.prior, self.watch, dice)
        twin.reprimed, twin.thrifty, twin.recent = self.reprimed, self.thrifty, self.recent.copy()
        twin._before, twin._drawn = dict(self._before), dict(self._drawn)
        return twin

    def _generate(self, column: int) -> None:
        before = self._before[column]
        drawn: list[tuple[int, int, int]] = []
        entropy = np.zeros(self.prior.config.levels, np.float32)
        last = before.prior.last
        coarser = -1

        def choose(logits: Logits, row: int, level: int) -> int:
            nonlocal coarser
            above, recent = (coarser, None) if level else (-1, before.recent[:, row])
            stayed = int(before.stayed[row])
            code = self.dice.draw(logits, column, row, level, int(last[row, level]), above, stayed, recent)
            drawn.append((row, level, code))
            entropy[level] += entropy_bits(logits)
            coarser = self.dice.remembered(code, column, row, level)
            return coarser

        step = self.prior.skim if self.thrifty and column % 2 else self.prior.step
        _, after = step(before.prior, choose)
        codes = np.zeros((self.prior.config.rows, self.prior.config.levels), np.int16)
        for row, level, code in drawn:
            codes[row, level] = code
        guard_state, alarm = self.watch.update(before.guard, codes)
        self._drawn[column] = Drawn(codes, (entropy / self.prior.config.rows).astype(np.float32))
        if alarm is None:
            stayed = np.where(after.last[:, 0] == last[:, 0], before.stayed + 1, 1)
            recent = np.concatenate([after.last[None, :, 0], before.recent[:-1]])
            self._before[column + 1] = _Before(after, guard_state, stayed, recent)
        else:
            self.reprimed += 1
            excerpt = self.watch.excerpt(self.dice.seed, column)
            self._before[column + 1] = self._anew(self.prior.prefill(excerpt, self.prior.initial_state()))

    def _anew(self, state: Any) -> _Before:
        """Before a column that nothing of this stream came before."""
        rows, window = self.prior.config.rows, self.watch.limits.window
        none = np.full((window, rows), -1, np.int16)
        return _Before(state, self.watch.guard.initial_state(), np.ones(rows, np.int64), none)


def entropy_bits(logits: Logits) -> float:
    """Entropy of softmax(logits) in bits.

    >>> entropy_bits(np.zeros(8, np.float32))
    3.0
    """
    below = np.subtract(logits, logits.max(), dtype=np.float64)
    p = np.exp(below)
    total = float(p.sum())
    return (math.log(total) - float(np.dot(p, below)) / total) / math.log(2.0)
