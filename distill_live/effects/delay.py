"""A feedback echo whose time changes by cross-fading from one tap to another, without a click or a glide in pitch.

Works through a block in pieces no longer than the echo itself, so that what is fed back is always there already.
Render thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import LinearGlide, OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import History, glide_state, load_glide
from distill_live.params import Param

_LEVEL_MS: Final = 20.0
_TAP_FADE_MS: Final = 50.0

TIME: Final = Param(
    "fx.delay.time",
    "Echo time",
    "fx.delay",
    low=10.0,
    high=2000.0,
    default=375.0,
    unit="ms",
    curve="log",
    smoothing_ms=_TAP_FADE_MS,
    help="How long after the sound its echo comes.",
)
FEEDBACK: Final = Param(
    "fx.delay.feedback",
    "Echo feedback",
    "fx.delay",
    high=0.95,
    default=0.35,
    smoothing_ms=_LEVEL_MS,
    help="How much of the echo is echoed again.",
)
DAMPING: Final = Param(
    "fx.delay.damping",
    "Echo damping",
    "fx.delay",
    default=0.3,
    smoothing_ms=_LEVEL_MS,
    help="How much darker each repeat is than the one before.",
)
MIX: Final = Param(
    "fx.delay.mix",
    "Echo mix",
    "fx.delay",
    default=0.0,
    smoothing_ms=_LEVEL_MS,
    help="From the sound alone (0) to the echoes alone (1).",
)


class Delay(SplitEffect):
    """One echo per channel, with feedback.

    Its past holds, for every channel, the input plus what is fed back. A new echo time waits for a tap fade that is
    still going on.

    >>> echo = Delay()
    >>> echo.prepare(48000, 512)
    >>> bool((echo.process(np.ones((2, 4), np.float32)) == 1.0).all())
    True
    """

    name: ClassVar[str] = "delay"
    params = (TIME, FEEDBACK, DAMPING, MIX)

    def build(self) -> None:
        self._reach = self._samples(TIME.high) + 2
        self._past = History(2, self._reach, self.max_block)
        self._glides = {p.id: OnePoleGlide(self.number(p), p.smoothing_ms, self.sample_rate) for p in self.params[1:]}
        self._fade = LinearGlide(1.0, _TAP_FADE_MS, self.sample_rate)  # from the old tap to the new one
        self._old_tap = self._tap = self._samples(self.number(TIME))

    def changed(self) -> None:
        for param_id, glide in self._glides.items():
            glide.set(float(self.values[param_id]))

    def render(self, block: Block) -> Block:
        if self._past.rows != len(block):
            self._past = History(len(block), self._reach, self.max_block)
        pieces = []
        done = 0
        while done < block.shape[1]:
            self._turn_tap()
            stop = min(block.shape[1], done + min(self._tap, self._old_tap) - 1)
            pieces.append(self._piece(block[:, done:stop]))
            done = stop
        mix = self._glides[MIX.id]
        if mix.settled and mix.value == 0.0:
            return block
        wet: Block = np.concatenate(pieces, axis=1)
        wet -= block
        wet *= mix.factor(block.shape[1])
        wet += block
        return wet

    def reset(self) -> None:
        self._past.clear()
        for param_id, glide in self._glides.items():
            glide.jump(float(self.values[param_id]))
        self._fade.jump(1.0)
        self._old_tap = self._tap = self._samples(self.number(TIME))

    def state(self) -> State:
        own = {"past": self._past.state(), "tap": self._tap, "old_tap": self._old_tap}
        glides = {param_id: glide_state(glide) for param_id, glide in self._glides.items()}
        return {**super().state(), **own, "glides": glides, "fade": glide_state(self._fade)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        past = np.array(state["past"], np.float32)
        if self._past.rows != len(past):
            self._past = History(len(past), self._reach, self.max_block)
        self._past.load_state(past)
        self._tap, self._old_tap = state["tap"], state["old_tap"]
        for param_id, glide in self._glides.items():
            load_glide(glide, state["glides"][param_id])
        load_glide(self._fade, state["fade"])

    def _samples(self, time_ms: float) -> int:
        return round(time_ms * 1e-3 * self.sample_rate)

    def _turn_tap(self) -> None:
        wanted = self._samples(self.number(TIME))
        if self._fade.settled and wanted != self._tap:
            self._old_tap, self._tap = self._tap, wanted
            self._fade.jump(0.0)
            self._fade.set(1.0)

    def _piece(self, block: Block) -> Block:
        """Echo of a piece shorter than the echo time; the past takes the piece and the feedback in."""
        samples = block.shape[1]
        dark = np.float32(0.5) * self._glides[DAMPING.id].factor(samples)
        echo = self._read(self._tap, dark, samples)
        if not self._fade.settled:
            fade = self._fade.block(samples)
            old = self._read(self._old_tap, dark, samples)
            echo = old + fade * (echo - old)
        if self._fade.settled:
            self._old_tap = self._tap
        fed_back = echo * self._glides[FEEDBACK.id].factor(samples)
        fed_back += block
        self._past.append(fed_back)
        return echo

    def _read(self, tap: int, dark: Block | np.float32, samples: int) -> Block:
        """The past from ``tap`` samples ago on, each sample mixed with its own past neighbour (``dark`` 0 to 0.5)."""
        past = self._past.all_back(tap + 1, samples + 1)
        mixed: Block = past[:, :-1] - past[:, 1:]
        mixed *= dark
        mixed += past[:, 1:]
        return mixed
