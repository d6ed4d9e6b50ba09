"""The hand that catches an effect when it falls.

An effect that raises, gives back another shape, a number that is none or one that no music has is out from that block
on, and, where ``patience_s`` says so, one that takes too long twice in succession: in its place stands a delay of its
own latency, so that the chain's stays what it was, and the sound is led over without a click. ``prepare`` gives it
another chance. Render thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent, State
from distill_live.effects.buffers import FixedDelay
from distill_live.errors import DistillError

_SLOW_BLOCKS: Final = 2  # in succession: one alone may be the machine's fault
_BRIDGE_MS: Final = 5.0
_SLOPE_SAMPLES: Final = 48.0  # how soon the bridge gives its first direction up
_LOUDEST: Final = 1e4  # 80 dB above full scale: something that runs away
_STEEPEST: Final = 0.02  # per sample; a steeper direction is noise, and following it would be a thump


class Guard:
    """Runs ``effect`` and says with ``tell`` why it is out, once.

    Attributes:
        failed: it is out; ``wet`` gives the dry sound.
        patience_s: the longest that a block may take; None where the clock must not decide (offline, in a replay).
    """

    def __init__(self, effect: Effect, tell: Callable[[str], None]) -> None:
        self.effect = effect
        self.failed = self._leaving = self._unfit = False
        self.latency = 0
        self.patience_s: float | None = None
        self._tell = tell
        self._slow_blocks = 0
        self._dry = FixedDelay(0)
        self._apart: Block = np.zeros((2, 2), np.float32)  # output minus dry, at the last two samples
        self._bridge_samples = 0

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self.failed = self._leaving = False
        self.latency = self._slow_blocks = 0
        self._bridge_samples = round(_BRIDGE_MS * 1e-3 * sample_rate)
        try:
            self.effect.prepare(sample_rate, max_block)
            latency = int(self.effect.latency)
            if latency < 0:
                raise ValueError(f"its latency is {latency} samples")
            self.latency = latency
        except DistillError as error:  # a plugin that is gone, say: its own sentence says it best
            self._fail(f"cannot play: {f'{error.what} ({error.fix})' if error.fix else error.what}")
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, the music goes on without it
            self._fail(f"raised {type(error).__name__} in prepare: {error}")
        self._unfit = self.failed
        self._dry = FixedDelay(self.latency)

    def delayed(self, block: Block) -> Block:
        """The input ``[C, T]``, as late as the effect is; once for every block."""
        return self._dry.push(block) if self.latency else block

    def wet(self, block: Block, dry: Block, events: Sequence[ParamEvent]) -> Block:
        """The effect's sound ``[C, T]``, or ``dry`` (what ``delayed`` gave) once it is out."""
        if len(self._apart) != len(block):
            self._apart = np.zeros((len(block), 2), np.float32)
        leaving, self._leaving = self._leaving, False
        out = dry if self.failed else self._guarded(block, events)
        if out is None or leaving:
            out = self._bridged(dry)
        if out is dry and block.shape[1] > 1:
            self._apart = np.zeros((len(block), 2), np.float32)
        else:
            self._apart = np.concatenate([self._apart, out[:, -2:] - dry[:, -2:]], axis=1)[:, -2:]
        return out

    def retire(self) -> bool:
        """Out from the next block on, as if it had failed; False where it is out already."""
        if self.failed:
            return False
        self.failed = self._leaving = True
        return True

    def sleep(self) -> None:
        """The effect is not heard now, and the dry sound is: there is nothing to be led over."""
        self._leaving = False
        self._slow_blocks = 0
        self._apart = np.zeros_like(self._apart)

    def wake(self, channels: int, events: Sequence[ParamEvent]) -> None:
        """Begin anew after a sleep: no old sound is inside, and the parameters stand where ``events`` put them."""
        if self.failed:
            return
        try:
            self.effect.process(np.zeros((channels, 1), np.float32), events)
            self.effect.reset()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"raised {type(error).__name__} when it was switched on: {error}")

    def forget(self, effect_too: bool = True) -> None:
        """Forget all sound; the effect's own too, unless it sleeps (it will when it wakes)."""
        self._dry.clear()
        self._apart = np.zeros_like(self._apart)
        if self.failed or not effect_too:
            return
        try:
            self.effect.reset()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"raised {type(error).__name__} in reset: {error}")

    def state(self) -> State:
        own: State = {
            "failed": self.failed,
            "dry": self._dry.past.copy(),
            "apart": self._apart.copy(),
            "leaving": self._leaving,
        }
        if self.failed:
            return own
        try:
            return {**own, "effect": self.effect.state()}
        except Exception as error:  # noqa: BLE001 - as above
            self._fail_between_blocks(f"raised {type(error).__name__} when its state was asked for: {error}")
            return {**own, "failed": True, "leaving": True}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on as ``state`` says; an effect that could not be prepared, or cannot load its part, is out."""
        self.failed, self._leaving = state["failed"] or self._unfit, state["leaving"]
        self._dry.past, self._apart = np.array(state["dry"]), np.array(state["apart"])
        if self.failed:
            return
        try:
            self.effect.load_state(state["effect"])
        except Exception as error:  # noqa: BLE001 - as above
            self._fail_between_blocks(f"raised {type(error).__name__} when a state was loaded: {error}")

    def _guarded(self, block: Block, events: Sequence[ParamEvent]) -> Block | None:
        """The effect's sound, or None when there is none any more."""
        begun = time.perf_counter()
        given = block.view()
        given.flags.writeable = False  # it is the dry sound, too
        try:
            out = self.effect.process(given, events)
            if out is given:  # it leaves the sound alone, and so it is sound
                self._watch(time.perf_counter() - begun)
                return None if self.failed else block
            if not isinstance(out, np.ndarray) or out.shape != block.shape:
                self._fail(f"gave back {getattr(out, 'shape', type(out).__name__)} for {block.shape}")
                return None
            if out.dtype != np.float32:
                with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
                    out = out.astype(np.float32)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"raised {type(error).__name__}: {error}")
            return None
        if not float(np.abs(out).max()) <= _LOUDEST:
            finite = np.isfinite(out).all()
            self._fail("gave back a number that is " + ("louder than any music" if finite else "not finite"))
            return None
        self._watch(time.perf_counter() - begun)
        return None if self.failed else out

    def _watch(self, took_s: float) -> None:
        if self.patience_s is None or took_s <= self.patience_s:
            self._slow_blocks = 0
            return
        self._slow_blocks += 1
        if self._slow_blocks == _SLOW_BLOCKS:
            self._fail(f"took {1e3 * took_s:.0f} ms for a block, twice in succession")

    def _fail_between_blocks(self, why: str) -> None:
        """Its sound has been heard: the next block leads over from it."""
        self._leaving = True
        self._fail(why)

    def _fail(self, why: str) -> None:
        self.failed = True
        self._tell(why)

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
