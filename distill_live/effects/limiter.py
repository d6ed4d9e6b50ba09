"""A look-ahead true-peak limiter, all channels turned down together. The last stage of everything. Render thread.

The gain that each sample needs is held at its lowest over the look-ahead, let go at a steady rate in dB, and averaged
over the look-ahead::

    need      1 1 1 . 1 1 1 1 1 1          hold, release      1 1 1 . . . / 1 1 1
    average   1 1 \\ . . . / 1 1            sound, late        the peak meets the bottom of the dip

An average of values none of which is above what the sample needs is not above it either, so nothing gets through.
A need is that of the loudest of the sample and three points between it and the next (four times oversampling, after
ITU-R BS.1770-4, annex 2; the sample itself is looked at as it is). All of it is array arithmetic: the release is a
running minimum of ``need - rate * n``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import FixedDelay, glide_state, load_glide
from distill_live.params import Param

CEILING: Final = Param(
    "limiter.ceiling",
    "Ceiling",
    "master",
    low=-24.0,
    high=0.0,
    default=-1.0,
    unit="dB",
    smoothing_ms=20.0,
    help="No peak leaves the instrument louder than this, not even between two samples.",
)
LOOK_AHEAD_MS: Final = 1.5
RELEASE_DB_PER_S: Final = 120.0
_HALF_TAPS: Final = 6  # neighbours on either side that a point between two samples is made of
_LOUDEST: Final = np.float32(1e5)  # 100 dB above full scale; what is louder, or no number, is no sound
_DETECTING: Final = _HALF_TAPS + 1  # samples of the look-ahead that finding a peak takes


class Limiter(SplitEffect):
    """Keeps every sample at or under the ceiling; what stays under it passes unchanged, ``latency`` samples late.

    >>> limiter = Limiter()
    >>> limiter.prepare(48000, 512)
    >>> loud = limiter.process(np.full((2, 512), 100.0, np.float32))
    >>> limiter.latency, round(float(20 * np.log10(abs(loud).max())), 1)
    (72, -1.0)
    """

    name: ClassVar[str] = "limiter"
    params = (CEILING,)

    def build(self) -> None:
        self.latency = round(LOOK_AHEAD_MS * 1e-3 * self.sample_rate)
        spread = self.latency - _DETECTING
        average = np.hanning(spread + 3)[1:-1]
        self._average = (average / average.sum()).astype(np.float32)
        self._ages_db = RELEASE_DB_PER_S / self.sample_rate * np.arange(1, self.max_block + 1)
        self._ceiling_db = OnePoleGlide(self.number(CEILING), CEILING.smoothing_ms, self.sample_rate)
        weights = between_samples()
        self._most = float(np.abs(weights).sum(axis=0).max())  # a point between, against the samples round it
        self._between = weights[:, :, None]  # [12, 3, 1]: over the channels and samples of a block
        self._sound, self._heard = FixedDelay(self.latency), FixedDelay(2 * _HALF_TAPS - 1)
        self._needs_db, self._gains_db = FixedDelay(spread + 2), FixedDelay(spread)
        self._memories = {
            "sound": self._sound,
            "heard": self._heard,
            "needs": self._needs_db,
            "gains": self._gains_db,
        }
        self._released_db = 0.0

    def changed(self) -> None:
        self._ceiling_db.set(self.number(CEILING))

    def render(self, block: Block) -> Block:
        loudest = float(np.abs(block).max())
        if not loudest <= _LOUDEST:
            block = np.clip(np.nan_to_num(block, nan=0.0), -_LOUDEST, _LOUDEST)  # or its gain would be none for ever
            loudest = float(np.abs(block).max())
        late = self._sound.push(block)
        needed_db = self._need_db(block, loudest)
        if needed_db is None and self._at_rest:
            return late  # to the bit
        need_db = np.zeros((1, block.shape[1]), np.float32) if needed_db is None else needed_db[None]
        held_db = _lowest(self._needs_db.joined(need_db)[0], self._needs_db.samples + 1)
        self._needs_db.push(need_db)
        released_db = self._release(held_db)[None]
        gains_db = self._gains_db.joined(released_db)[0]
        self._gains_db.push(released_db)
        if not gains_db.any():
            return late  # to the bit
        gains = np.float32(10.0) ** (gains_db * np.float32(0.05))
        return late * np.convolve(gains, self._average, "valid").astype(np.float32, copy=False)

    def reset(self) -> None:
        for memory in self._memories.values():
            memory.clear()
        self._released_db = 0.0
        self._ceiling_db.jump(self.number(CEILING))

    def state(self) -> State:
        memories = {key: memory.past.copy() for key, memory in self._memories.items()}
        own = {"released_db": self._released_db, "ceiling": glide_state(self._ceiling_db)}
        return {**super().state(), **memories, **own}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        for key, memory in self._memories.items():
            memory.past = np.array(state[key], np.float32)
        self._released_db = state["released_db"]
        load_glide(self._ceiling_db, state["ceiling"])

    @property
    def _at_rest(self) -> bool:
        """Nothing that it remembers wants a gain other than 1."""
        return self._released_db == 0.0 and not self._needs_db.past.any() and not self._gains_db.past.any()

    def _need_db(self, block: Block, loudest: float) -> Block | None:
        """Gain in dB, 0 or less, that brings each sample's loudest peak to the ceiling, ``[T]``, six samples late.

        None is for all zeros: far below the ceiling no point between two samples can be above it either.
        """
        samples = block.shape[1]
        joined = self._heard.joined(block)
        loudest = max(loudest, float(np.abs(self._heard.past).max()))
        self._heard.push(block)
        settled, standing_db = self._ceiling_db.settled, self._ceiling_db.value
        ceilings_db = self._ceiling_db.block(samples)
        lowest_db = standing_db if settled else float(ceilings_db.min())
        if self._most * loudest < 10.0 ** (lowest_db / 20.0):
            return None
        peak_db = np.float32(20.0) * np.log10(np.maximum(self._peaks(joined, samples), np.float32(1e-6)))
        need_db: Block = np.minimum(ceilings_db - peak_db, np.float32(0.0))
        return need_db

    def _peaks(self, joined: Block, samples: int) -> Block:
        """Loudest of each sample and the three points behind it, over all channels, ``[T]``."""
        themselves = np.abs(joined[:, _HALF_TAPS - 1 : _HALF_TAPS - 1 + samples]).max(axis=0)
        between = joined[:, None, :samples] * self._between[0]
        tap = np.empty_like(between)
        for number, weights in enumerate(self._between[1:], 1):
            between += np.multiply(joined[:, None, number : number + samples], weights, out=tap)
        peaks: Block = np.maximum(themselves, np.abs(between, out=between).max(axis=(0, 1)))
        return peaks

    def _release(self, held_db: Block) -> Block:
        """At once down, up again at a steady rate: ``min`` over the past of ``held + rate * age``."""
        ages_db = self._ages_db[: len(held_db)]
        falls = np.concatenate([[self._released_db], held_db - ages_db])
        released: Block = np.minimum(np.minimum.accumulate(falls)[1:] + ages_db, 0.0).astype(np.float32)
        self._released_db = float(released[-1])
        return released


def between_samples() -> Block:
    """Weights ``[12, 3]`` that make the points a quarter, a half and three quarters behind the sixth of 12 samples.

    >>> [round(float(total), 3) for total in between_samples().sum(axis=0)]
    [1.0, 1.0, 1.0]
    """
    away = np.arange(2 * _HALF_TAPS)[:, None] - (_HALF_TAPS - 1) - np.array([0.25, 0.5, 0.75])
    weights = np.sinc(away) * np.cos(0.5 * np.pi * away / (_HALF_TAPS + 0.25)) ** 2
    scaled: Block = (weights / weights.sum(axis=0)).astype(np.float32)
    return scaled


def _lowest(values: Block, width: int) -> Block:
    """Lowest of every ``width`` neighbours, ``[T]`` to ``[T - width + 1]``, by doubling the width compared.

    >>> _lowest(np.array([3, 1, 2, 5, 4], np.float32), 3).tolist()
    [1.0, 1.0, 2.0]
    """
    lowest, reach = values, 1
    while 2 * reach <= width:
        lowest = np.minimum(lowest[reach:], lowest[:-reach])
        reach *= 2
    rest = width - reach
    both: Block = np.minimum(lowest[rest:], lowest[: len(lowest) - rest])
    return both
