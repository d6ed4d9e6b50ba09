"""A level in dB that glides. The master volume is one of these. Render thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import glide_state, load_glide
from distill_live.params import Param

GAIN: Final = Param(
    "fx.gain.level",
    "Gain",
    "fx.gain",
    low=-60.0,
    high=24.0,
    default=0.0,
    unit="dB",
    smoothing_ms=20.0,
    help="Level of the sound at this place of the chain; the lowest is silence.",
)


class Gain(SplitEffect):
    """Multiplies by a gliding level.

    Args:
        param: the level in dB; its lowest value is silence, its ``smoothing_ms`` the glide's time constant.

    >>> half = Gain()
    >>> half.prepare(48000, 512)
    >>> bool((half.process(np.ones((2, 4), np.float32)) == 1.0).all())
    True
    """

    name: ClassVar[str] = "gain"
    params = (GAIN,)

    def __init__(self, param: Param = GAIN) -> None:
        self.params = (param,)
        super().__init__()

    def build(self) -> None:
        self._glide = OnePoleGlide(self._target(), self.params[0].smoothing_ms, self.sample_rate)

    def changed(self) -> None:
        self._glide.set(self._target())

    def render(self, block: Block) -> Block:
        if self._glide.settled:
            return block if self._glide.value == 1.0 else block * np.float32(self._glide.value)
        return block * self._glide.block(block.shape[1])

    def reset(self) -> None:
        self._glide.jump(self._target())

    def state(self) -> State:
        return {**super().state(), "glide": glide_state(self._glide)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        load_glide(self._glide, state["glide"])

    def _target(self) -> float:
        level_db = self.number(self.params[0])
        return 0.0 if level_db <= self.params[0].low else 10.0 ** (level_db / 20.0)
