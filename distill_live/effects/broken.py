"""One effect for each check of contract X that breaks it and nothing else: the proof that the checks can fail.

``distill-live check-plugin broken-nan`` finds them; nothing else does, and none of them can be put into a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent, SplitEffect
from distill_live.effects.buffers import FixedDelay
from distill_live.params import Param


def _amount(name: str, text: str = "What goes wrong, and from where on.") -> Param:
    return Param(f"fx.{name}.amount", "Amount", f"fx.{name}", default=0.5, help=text)


class _Right(SplitEffect):
    """Half as loud, and right in every respect; its kin below differ in one each."""

    def build(self) -> None:
        self.latency = 0

    def render(self, block: Block) -> Block:
        return block * np.float32(0.5)

    def reset(self) -> None:
        """Nothing is remembered."""


class BrokenDeclarations(_Right):
    """Has a parameter that says nothing about itself."""

    name: ClassVar[str] = "broken-declarations"
    params = (_amount(name, ""),)


class BrokenRaising(_Right):
    """Raises near the end of a range."""

    name: ClassVar[str] = "broken-raising"
    params = (_amount(name),)

    def render(self, block: Block) -> Block:
        if self.number(self.params[0]) > 0.9:
            raise ZeroDivisionError("a plugin's own fault")
        return super().render(block)


class BrokenShape(_Right):
    """Loses a sample near the end of a range."""

    name: ClassVar[str] = "broken-shape"
    params = (_amount(name),)

    def render(self, block: Block) -> Block:
        kept = -1 if self.number(self.params[0]) > 0.9 else None
        return super().render(block)[:, :kept]


class BrokenNan(_Right):
    """Takes the logarithm of nothing."""

    name: ClassVar[str] = "broken-nan"
    params = (_amount(name),)

    def render(self, block: Block) -> Block:
        with np.errstate(all="ignore"):
            nothing = np.float32(0.0) * np.log(np.float32(self.number(self.params[0])))
        return block * np.float32(0.5) + np.float32(nothing)


class BrokenInput(_Right):
    """Works in the place where others still read."""

    name: ClassVar[str] = "broken-input"

    def render(self, block: Block) -> Block:
        block *= np.float32(0.5)
        return block


class BrokenLevel(_Right):
    """Sixty decibels louder."""

    name: ClassVar[str] = "broken-level"

    def render(self, block: Block) -> Block:
        return block * np.float32(1000.0)


class BrokenClicks(_Right):
    """A gain without a glide, turned between two blocks."""

    name: ClassVar[str] = "broken-clicks"
    params = (_amount(name),)

    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        return super().process(block, [ParamEvent(0, event.id, event.value) for event in events])

    def render(self, block: Block) -> Block:
        return block * np.float32(self.number(self.params[0]))


class BrokenState(_Right):
    """Trembles, and forgets to store where in the trembling it is."""

    name: ClassVar[str] = "broken-state"

    def build(self) -> None:
        super().build()
        self._blocks = 0

    def render(self, block: Block) -> Block:
        self._blocks += 1
        return block * np.float32(0.75 + 0.25 * np.sin(self._blocks))


class BrokenLatency(_Right):
    """Says that it is late, and is not."""

    name: ClassVar[str] = "broken-latency"

    def build(self) -> None:
        self.latency = 7


class BrokenReset(_Right):
    """Lets what it held out after a reset."""

    name: ClassVar[str] = "broken-reset"

    def build(self) -> None:
        self.latency = 100
        self._line = FixedDelay(self.latency)

    def render(self, block: Block) -> Block:
        return self._line.push(block)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "line": self._line.past.copy()}

    def load_state(self, state: Any) -> None:
        super().load_state(state)
        self._line.past = np.array(state["line"])


class BrokenGrowth(_Right):
    """Keeps everything it ever heard."""

    name: ClassVar[str] = "broken-growth"

    def build(self) -> None:
        super().build()
        self._heard: list[Block] = []

    def render(self, block: Block) -> Block:
        self._heard.append(block.copy())
        return super().render(block)


BROKEN: Final[dict[str, type[Effect]]] = {
    cls.name: cls
    for cls in (
        BrokenDeclarations,
        BrokenRaising,
        BrokenShape,
        BrokenNan,
        BrokenInput,
        BrokenLevel,
        BrokenClicks,
        BrokenState,
        BrokenLatency,
        BrokenReset,
        BrokenGrowth,
    )
}
