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


class History:
    """The last samples of several rows, read as plain slices.

    The buffer is longer than its reach, and moved back when it is full: cheaper than a ring, whose reads come in two.

    Args:
        rows: R.
        reach: how many samples back can be read.
        max_block: the most samples that are appended at once.

    >>> past = History(1, 4, 2)
    >>> past.append(np.array([[1, 2]], np.float32))
    >>> past.back(0, 3, 2).tolist()  # the stretch of two samples that began three ago
    [0.0, 1.0]
    """

    def __init__(self, rows: int, reach: int, max_block: int) -> None:
        self.reach = reach
        self._data: Block = np.zeros((rows, 2 * reach + 2 * max_block), np.float32)
        self._at = reach

    def append(self, block: Block) -> None:
        """Take ``[R, T]`` in; it is then the newest."""
        samples = block.shape[1]
        if self._at + samples > self._data.shape[1]:
            self._data[:, : self.reach] = self._data[:, self._at - self.reach : self._at]
            self._at = self.reach
        self._data[:, self._at : self._at + samples] = block
        self._at += samples

    def back(self, row: int, start: int, samples: int) -> Block:
        """``samples`` of one row, from ``start`` samples ago on (at least ``samples``, at most the reach): a view."""
        return self._data[row, self._at - start : self._at - start + samples]

    def all_back(self, start: int, samples: int) -> Block:
        """The same of every row, ``[R, samples]``: a view."""
        return self._data[:, self._at - start : self._at - start + samples]

    @property
    def rows(self) -> int:
        return len(self._data)

    def clear(self) -> None:
        self._data[:] = 0.0
        self._at = self.reach

    def state(self) -> Block:
        """What can still be read, ``[R, reach]``, as a copy."""
        return self._data[:, self._at - self.reach : self._at].copy()

    def load_state(self, past: Block) -> None:
        self._data[:, : self.reach] = past
        self._at = self.reach
