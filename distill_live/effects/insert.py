"""One effect in its place in the chain: guarded, and with a switch that puts it into the path and takes it out.

::

    in -+- effect - share -+- out          share: 0 to 1 in 20 ms, or back
        +- delay ----------+               the delay is the effect's own latency, so the sum never is late or early

While it is off, and has faded, the effect is not called at all; what it is told meanwhile is kept for it. When it is
switched on it begins anew, and is given as much sound as it is late before any of it is heard. Render thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from distill_live.audio.smoothing import LinearGlide
from distill_live.effects.base import Block, Effect, ParamEvent, State, stretches
from distill_live.effects.buffers import glide_state, load_glide
from distill_live.effects.guard import Guard
from distill_live.params import Param, Value

FADE_MS: Final = 20.0


def switch_of(name: str) -> Param:
    """The switch that the chain gives to the effect of that name.

    >>> switch_of("delay").id, switch_of("delay").default_value
    ('fx.delay.on', True)
    """
    return Param(
        f"fx.{name}.on",
        f"{name.replace('-', ' ').capitalize()} on",
        f"fx.{name}",
        kind="bool",
        default=1.0,
        smoothing_ms=FADE_MS,
        help="Puts this effect into the path or takes it out; off it costs nothing.",
    )


class Insert:
    """Runs ``effect``, which says with ``tell`` why it is out."""

    def __init__(self, effect: Effect, tell: Callable[[str], None]) -> None:
        self.guard = Guard(effect, tell)
        self.name = effect.name
        self._switch_id = f"fx.{effect.name}.on"
        self._ids = frozenset(p.id for p in effect.params)
        self.ids = self._ids | {self._switch_id}  # of all the parameters that it heeds
        self._switch = _Switch()
        self._told: dict[str, Value] = {}  # while it sleeps

    @property
    def latency(self) -> int:
        return self.guard.latency

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self.guard.prepare(sample_rate, max_block)
        self._switch.prepare(sample_rate, self.guard.latency)

    def process(self, block: Block, events: Sequence[ParamEvent]) -> Block:
        """The next sound ``[C, T]``; of ``events`` it takes those that are for it."""
        own: Sequence[ParamEvent] = ()
        turns: Sequence[ParamEvent] = ()
        if events:
            own = [event for event in events if event.id in self._ids]
            turns = [event for event in events if event.id == self._switch_id]
        dry = self.guard.delayed(block)
        if self._switch.resting:
            self._told |= {event.id: event.value for event in own}
            if not any(event.value for event in turns):
                self.guard.sleep()
                return dry
            self._wake(len(block))
            own = ()
        return self._switch.mix(dry, self.guard.wet(block, dry, own), turns)

    def reset(self) -> None:
        self._switch.arrive()
        self.guard.forget(effect_too=not self._switch.resting)

    def state(self) -> State:
        return {"guard": self.guard.state(), "switch": self._switch.state(), "told": dict(self._told)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.guard.load_state(state["guard"])
        self._switch.load_state(state["switch"])
        self._told = dict(state["told"])

    def _wake(self, channels: int) -> None:
        self.guard.wake(channels, [ParamEvent(0, param_id, value) for param_id, value in self._told.items()])
        self._told = {}
        self._switch.wake()


class _Switch:
    """How much of an effect is heard, 0 to 1."""

    def __init__(self) -> None:
        self._on = True
        self.prepare(48000, 0)

    def prepare(self, sample_rate: int, latency: int) -> None:
        self._latency = latency
        self._wait_samples = 0  # until the effect has caught up and may be faded in
        self._glide = LinearGlide(float(self._on), FADE_MS, sample_rate)

    @property
    def resting(self) -> bool:
        """Off, and faded: the effect need not be called."""
        return not self._on and self._glide.settled

    def wake(self) -> None:
        """The effect has begun anew: its first ``latency`` samples are none."""
        self._wait_samples = self._latency

    def mix(self, dry: Block, wet: Block, turns: Sequence[ParamEvent]) -> Block:
        if not turns and self._glide.settled:
            return wet if self._on else dry
        share = np.empty(dry.shape[1], np.float32)
        for start, stop, due in stretches(dry.shape[1], turns):
            for event in due:
                self._turn(bool(event.value))
            share[start:stop] = self._share(stop - start)
        mixed: Block = dry + share * (wet - dry)
        return mixed

    def arrive(self) -> None:
        """Where it was going to, at once."""
        self._wait_samples = 0
        self._glide.jump(float(self._on))

    def state(self) -> State:
        return {"on": self._on, "wait": self._wait_samples, "glide": glide_state(self._glide)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._on, self._wait_samples = state["on"], state["wait"]
        load_glide(self._glide, state["glide"])

    def _turn(self, on: bool) -> None:
        self._on = on
        self._glide.set(float(on))

    def _share(self, samples: int) -> Block:
        waited = min(self._wait_samples, samples)
        self._wait_samples -= waited
        still: Block = np.full(waited, self._glide.value, np.float32)
        return np.concatenate([still, self._glide.block(samples - waited)])
