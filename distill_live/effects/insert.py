"""One effect in its place in the chain, and the hand that catches it when it falls.

An effect that raises, gives back another shape or a number that is none is out from that block on, and, where
``patience_s`` says so, one that takes too long twice in succession: in its place stands a delay of its own latency, so
that the chain's stays what it was, and the sound is led over without a click. ``prepare`` gives it another chance.
Render thread.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent, State
from distill_live.effects.buffers import FixedDelay

_SLOW_BLOCKS: Final = 2  # in succession: one alone may be the machine's fault
_BRIDGE_MS: Final = 5.0
_SLOPE_SAMPLES: Final = 48.0  # how soon the bridge gives its first direction up
_STEEPEST: Final = 0.02  # per sample; a steeper direction is noise, and following it would be a thump


class Insert:
    """Runs ``effect`` guarded; sentences about its failures are appended to ``messages``.

    Attributes:
        patience_s: the longest that a block may take; None where the clock must not decide (offline, in a replay).
    """

    def __init__(self, effect: Effect, messages: list[str]) -> None:
        self.effect = effect
        self.failed = self._retired = False
        self.latency = 0
        self._ids = frozenset(p.id for p in effect.params)
        self.patience_s: float | None = None
        self._slow_blocks = 0
        self._messages = messages
        self._dry = FixedDelay(0)
        self._apart: Block = np.zeros((2, 2), np.float32)  # output minus dry, at the last two samples
        self._bridge_samples = 0

    def own(self, events: Sequence[ParamEvent]) -> list[ParamEvent]:
        """Those events that are for this effect."""
        return [event for event in events if event.id in self._ids]

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self.failed = self._retired = False
        self.latency = self._slow_blocks = 0
        self._bridge_samples = round(_BRIDGE_MS * 1e-3 * sample_rate)
        try:
            self.effect.prepare(sample_rate, max_block)
            self.latency = int(self.effect.latency)
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, the music goes on without it
            self._fail(f"raised {type(error).__name__} in prepare: {error}")
        self._dry = FixedDelay(self.latency)

    def process(self, block: Block, events: Sequence[ParamEvent]) -> Block:
        """The effect's sound, or the delayed input once it has failed."""
        if len(self._apart) != len(block):
            self._apart = np.zeros((len(block), 2), np.float32)
        dry = self._dry.push(block) if self.latency else block
        out = dry if self.failed else self._guarded(block, events)
        if out is None or self._retired:
            out, self._retired = self._bridged(dry), False
        self._apart = np.concatenate([self._apart, out[:, -2:] - dry[:, -2:]], axis=1)[:, -2:]
        return out

    def retire(self, why: str) -> None:
        """Out from the next block on, as if it had failed; nothing happens where it is out already."""
        if not self.failed:
            self._fail(why)
            self._retired = True

    def reset(self) -> None:
        self._dry.clear()
        self._apart = np.zeros_like(self._apart)
        try:
            if not self.failed:
                self.effect.reset()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"raised {type(error).__name__} in reset: {error}")

    def state(self) -> State:
        own: State = {
            "failed": self.failed,
            "dry": self._dry.past.copy(),
            "apart": self._apart.copy(),
            "retired": self._retired,
        }
        return own if self.failed else {**own, "effect": self.effect.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.failed, self._retired = state["failed"], state["retired"]
        self._dry.past, self._apart = np.array(state["dry"]), np.array(state["apart"])
        if not self.failed:
            self.effect.load_state(state["effect"])

    def _guarded(self, block: Block, events: Sequence[ParamEvent]) -> Block | None:
        """The effect's sound, or None when that was its last."""
        begun = time.perf_counter()
        try:
            out = self.effect.process(block, events)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"raised {type(error).__name__}: {error}")
            return None
        if not isinstance(out, np.ndarray) or out.shape != block.shape:
            self._fail(f"gave back {getattr(out, 'shape', type(out).__name__)} for {block.shape}")
        elif not np.isfinite(out).all():
            self._fail("gave back a number that is not finite")
        else:
            self._watch(time.perf_counter() - begun)
        return None if self.failed else out.astype(np.float32, copy=False)

    def _watch(self, took_s: float) -> None:
        if self.patience_s is None or took_s <= self.patience_s:
            self._slow_blocks = 0
            return
        self._slow_blocks += 1
        if self._slow_blocks == _SLOW_BLOCKS:
            self._fail(f"took {1e3 * took_s:.0f} ms for a block, twice in succession")

    def _fail(self, why: str) -> None:
        self.failed = True
        self._messages.append(f"effect {self.effect.name} {why}; it is bypassed.")

    def _bridged(self, dry: Block) -> Block:
        """The dry sound, led to from the last good samples without a jump or a kink."""
        samples = min(dry.shape[1], self._bridge_samples)
        ages = np.arange(1, samples + 1, dtype=np.float32)
        fall = np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(np.pi / samples) * ages)
        slope = np.clip(self._apart[:, 1:] - self._apart[:, :1], -_STEEPEST, _STEEPEST)
        out = dry.copy()
        onward = slope * ages * np.exp(-ages / np.float32(_SLOPE_SAMPLES))
        out[:, :samples] += (self._apart[:, 1:] + onward) * fall
        return out
