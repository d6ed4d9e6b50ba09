"""Small memories that effects share: a fixed delay, and what a glide needs to be stored. One thread each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distill_live.audio.smoothing import Glide
from distill_live.effects.base import Block, State


class FixedDelay:
    """Delays ``[C, T]`` by a fixed number of samples; the channels are those of the first block.

    >>> delay = FixedDelay(2)
    >>> delay.push(np.array([[1, 2, 3]], np.float32)).tolist(), delay.push(np.array([[4]], np.float32)).tolist()
    ([[0.0, 0.0, 1.0]], [[2.0]])
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.past: Block = np.zeros((0, samples), np.float32)

    def push(self, block: Block) -> Block:
        """The same number of samples, ``self.samples`` late."""
        joined = self.joined(block)
        self.past = joined[:, block.shape[1] :].copy()
        return joined[:, : block.shape[1]]

    def joined(self, block: Block) -> Block:
        """What is remembered and ``block`` behind it, ``[C, samples + T]``; remembers nothing."""
        if len(self.past) != len(block):
            self.past = np.zeros((len(block), self.samples), np.float32)
        return np.concatenate([self.past, block], axis=1)

    def clear(self) -> None:
        self.past = np.zeros_like(self.past)


def glide_state(glide: Glide) -> State:
    """All numbers of a glide, to go on exactly where it is."""
    return dict(vars(glide))


def load_glide(glide: Glide, state: Mapping[str, Any]) -> None:
    vars(glide).update(state)
