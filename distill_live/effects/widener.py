"""Stereo width: narrows the side, or widens it with a side made from the middle. Render thread.

The instrument's own music is mono, and a side that is not there cannot be turned up; so beyond a width of 1 the side
gets, besides itself, the middle through eight echoes of alternating sign within 15 ms. Left gets what right loses: the
sum to mono never changes. Nothing below 150 Hz is widened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import History, glide_state, load_glide
from distill_live.effects.statevariable import StateVariable, make_tables
from distill_live.params import Param

WIDTH: Final = Param(
    "fx.widener.width",
    "Width",
    "fx.widener",
    high=2.0,
    default=1.0,
    smoothing_ms=20.0,
    help="From mono (0) through the sound as it is (1) to twice as wide (2); the low end stays in the middle.",
)
LOWEST_HZ: Final = 150.0
_DAMPING: Final = 2.0**0.5
_ECHOES_MS: Final = np.array([1.3, 2.9, 4.3, 6.1, 7.9, 10.1, 12.1, 14.7])
_ECHO_LEVEL: Final = np.float32(0.25)


class Widener(SplitEffect):
    """Works on the first two channels; the others, and a single one, pass as they are.

    >>> untouched = Widener()
    >>> block = np.ones((2, 4), np.float32)
    >>> untouched.process(block) is block
    True
    """

    name: ClassVar[str] = "widener"
    params = (WIDTH,)

    def build(self) -> None:
        self._width = OnePoleGlide(self.number(WIDTH), WIDTH.smoothing_ms, self.sample_rate)
        self._taps = np.rint(_ECHOES_MS * 1e-3 * self.sample_rate).astype(int)
        self._middle = History(1, int(self._taps.max()) + self.max_block, self.max_block)
        self._above = StateVariable()
        g = np.tan(np.pi * LOWEST_HZ / self.sample_rate)
        self._tables = make_tables(np.array([g]), np.array([_DAMPING]))

    def changed(self) -> None:
        self._width.set(self.number(WIDTH))

    def render(self, block: Block) -> Block:
        middle = block[:1] + block[1:2] if len(block) > 1 else block
        middle = middle * np.float32(1.0 / min(len(block), 2))
        self._middle.append(middle)
        if len(block) < 2 or (self._width.settled and self._width.value == 1.0):
            self._above.clear()
            return block
        width = self._width.block(block.shape[1])
        side = block[:1] - middle
        extra = np.maximum(width - np.float32(1.0), np.float32(0.0)) * (side + self._made_side(block.shape[1]))
        band, low = self._above.run(extra, self._tables)
        side = np.minimum(width, np.float32(1.0)) * side + (extra - _DAMPING * band - low).astype(np.float32)
        return np.concatenate([middle + side, middle - side, block[2:]])

    def reset(self) -> None:
        self._middle.clear()
        self._above.clear()
        self._width.jump(self.number(WIDTH))

    def state(self) -> State:
        own = {"middle": self._middle.state(), "above": self._above.past.copy()}
        return {**super().state(), **own, "width": glide_state(self._width)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._middle.load_state(state["middle"])
        self._above.past = np.array(state["above"])
        load_glide(self._width, state["width"])

    def _made_side(self, samples: int) -> Block:
        made = np.zeros((1, samples), np.float32)
        for n, tap in enumerate(self._taps):
            echo = self._middle.back(0, int(tap) + samples, samples)
            made[0] += echo if n % 2 else -echo
        return made * _ECHO_LEVEL
