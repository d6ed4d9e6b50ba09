"""Soft saturation. Not oversampled: what folds back lies below the distortion it makes. Render thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import glide_state, load_glide
from distill_live.params import Param

AMOUNT: Final = Param(
    "fx.drive.amount",
    "Drive",
    "fx.drive",
    low=0.0,
    high=36.0,
    default=0.0,
    unit="dB",
    smoothing_ms=20.0,
    help="How hard the sound is pushed into a soft saturation; 0 leaves it alone.",
)
_FADE_IN_DB: Final = np.float32(6.0)  # below this the saturated sound is mixed with the clean one


class Drive(SplitEffect):
    """``tanh`` of the louder sound, taken down again by half of the push in dB; at 0 dB the very input.

    >>> clean = Drive()
    >>> clean.prepare(48000, 512)
    >>> block = np.full((2, 4), 0.7, np.float32)
    >>> clean.process(block) is block
    True
    """

    name: ClassVar[str] = "drive"
    params = (AMOUNT,)

    def build(self) -> None:
        self._amount_db = OnePoleGlide(self.number(AMOUNT), AMOUNT.smoothing_ms, self.sample_rate)

    def changed(self) -> None:
        self._amount_db.set(self.number(AMOUNT))

    def render(self, block: Block) -> Block:
        if self._amount_db.settled and self._amount_db.value == 0.0:
            return block
        amount_db = self._amount_db.block(block.shape[1])
        push = np.float32(10.0) ** (amount_db * np.float32(0.05))
        saturated = np.tanh(block * push) / np.sqrt(push)
        share = np.minimum(amount_db / _FADE_IN_DB, np.float32(1.0))
        driven: Block = block + share * (saturated - block)
        return driven

    def reset(self) -> None:
        self._amount_db.jump(self.number(AMOUNT))

    def state(self) -> State:
        return {**super().state(), "amount": glide_state(self._amount_db)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        load_glide(self._amount_db, state["amount"])
