"""A tremolo for distill-live: the loudness swings. Copy this file, and change its names and ``render``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distill_live.audio.smoothing import OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import glide_state, load_glide
from distill_live.params import Param

DEPTH = Param(
    "fx.tremolo.depth",  # fx.<name of the effect>.<what>
    "Tremolo depth",
    "fx.tremolo",
    default=0.0,  # at its defaults an effect leaves the sound alone: it is in the chain as soon as it is installed
    smoothing_ms=20.0,
    help="How far the loudness swings.",
)
RATE = Param(
    "fx.tremolo.rate",
    "Tremolo rate",
    "fx.tremolo",
    low=0.1,
    high=20.0,
    default=5.0,
    unit="Hz",
    curve="log",
    help="How often the loudness swings in a second.",
)


class Tremolo(SplitEffect):
    """Turns the sound down and up again, ``rate`` times a second."""

    name = "tremolo"
    params = (DEPTH, RATE)

    def build(self) -> None:
        """Called by ``prepare``: take buffers for ``self.sample_rate`` and ``self.max_block``, say the latency."""
        self.latency = 0
        self._depth = OnePoleGlide(self.number(DEPTH), DEPTH.smoothing_ms, self.sample_rate)
        self._turns = 0.0  # where in its swing it is, 0 to 1

    def changed(self) -> None:
        """A parameter has a new value: glide to it, a jump would click."""
        self._depth.set(self.number(DEPTH))

    def render(self, block: Block) -> Block:
        """The sound of ``[C, T]`` samples; nothing is turned meanwhile. ``block`` is not to be written to."""
        if self._depth.settled and self._depth.value == 0.0:
            return block
        samples = block.shape[1]
        turns = self._turns + self.number(RATE) / self.sample_rate * np.arange(samples + 1)
        self._turns = float(turns[-1]) % 1.0
        swing = 0.5 - 0.5 * np.cos(2.0 * np.pi * turns[:-1])
        return block * (1.0 - self._depth.block(samples) * swing).astype(np.float32)

    def reset(self) -> None:
        """Forget the sound; parameters stay, and what glides arrives at once."""
        self._turns = 0.0
        self._depth.jump(self.number(DEPTH))

    def state(self) -> State:
        """Everything the next samples depend on, or a replay would not be the same music."""
        return {**super().state(), "turns": self._turns, "depth": glide_state(self._depth)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._turns = state["turns"]
        load_glide(self._depth, state["depth"])
