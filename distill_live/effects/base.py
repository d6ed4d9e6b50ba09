"""Contract X, said once: what an effect is, for our own and for everybody's.

An effect knows its sound, its parameters and its delay; nothing of the engine, of OSC or of the other effects.
``prepare`` and ``load_state`` run before the music or between two blocks, ``process`` and ``reset`` on the render
thread: they take no locks, read no files and keep their memory flat.

``Effect`` is the whole contract. ``SplitEffect`` is a comfortable base for most: it cuts a block where a parameter
changes, so that ``render`` only ever sees stretches during which nothing is turned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from distill_live.params import Param, Value

Block = npt.NDArray[np.float32]
State = dict[str, Any]
"""Numbers, texts, numpy arrays, and dicts of them: what a snapshot file can hold without pickle."""


@dataclass(frozen=True)
class ParamEvent:
    """A parameter takes a value (legal, in its own unit) from sample ``offset`` of the block on."""

    offset: int
    id: str
    value: Value


class Effect(ABC):
    """One effect, playing one stream of sound.

    Attributes:
        name: what it is found by; lower-case letters, digits and dashes.
        params: its parameters, ids ``fx.<name>.<what>``; a class attribute, or set in ``__init__``.
        latency: samples that the output lags behind the input; fixed once ``prepare`` has run.
        most_channels: how many it can be given; the chain has two.
        copies_exactly: whether ``state`` really holds everything; False for plugins that keep some of it to themselves.
    """

    name: ClassVar[str]
    most_channels: ClassVar[int] = 64
    copies_exactly: ClassVar[bool] = True
    params: tuple[Param, ...] = ()
    latency: int = 0

    @abstractmethod
    def prepare(self, sample_rate: int, max_block: int) -> None:
        """Take all buffers for blocks of up to ``max_block`` samples; parameters stay, no sound is inside."""

    @abstractmethod
    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        """The next stretch of sound.

        Args:
            block: float32 ``[C, T]``, T from 1 to ``max_block``, C the same from block to block; not to be written to.
            events: what changes in this block, by rising offset.

        Returns:
            float32 ``[C, T]``, finite.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all sound; parameters stay where they are, and whatever glides arrives at once."""

    @abstractmethod
    def state(self) -> State:
        """Everything that the next output depends on, as a copy."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where ``state`` (of an effect prepared alike) was taken."""


class SplitEffect(Effect):
    """An effect that hears of its parameters between two stretches of sound.

    A subclass gives ``build`` and ``render`` and, where it remembers anything, both halves of the state.
    ``self.values`` holds the parameters' values by id.
    """

    def __init__(self) -> None:
        self.values: dict[str, Value] = {p.id: p.default_value for p in self.params}
        self.prepare(48000, 512)

    def number(self, param: Param) -> float:
        """The present value of a numeric parameter."""
        return float(self.values[param.id])

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self.sample_rate, self.max_block = sample_rate, max_block
        self.build()

    @abstractmethod
    def build(self) -> None:
        """Take buffers for ``self.sample_rate`` and ``self.max_block``, set ``self.latency``.

        Called by ``__init__`` too, before anything that a subclass's own ``__init__`` does after ``super()``'s.
        """

    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        if not events:
            return self.render(block)
        parts = []
        for start, stop, due in stretches(block.shape[1], events):
            for event in due:
                self.values[event.id] = event.value
            if due:
                self.changed()
            if stop > start:
                parts.append(self.render(block[:, start:stop]))
        return np.concatenate(parts, axis=1)

    def changed(self) -> None:
        """Called after ``self.values`` has changed; effects that glide set their targets here."""

    @abstractmethod
    def render(self, block: Block) -> Block:
        """The sound of ``[C, T]`` samples during which no parameter is turned, T at least 1."""

    def state(self) -> State:
        return {"values": dict(self.values)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.values = dict(state["values"])


def stretches(samples: int, events: Sequence[ParamEvent]) -> Iterator[tuple[int, int, list[ParamEvent]]]:
    """Where a block is to be cut: ``(start, stop, events due at start)``, covering all its samples.

    >>> at = ParamEvent(100, "volume", -6.0)
    >>> [(start, stop, len(due)) for start, stop, due in stretches(512, [at])]
    [(0, 100, 0), (100, 512, 1)]
    """
    by_start: dict[int, list[ParamEvent]] = {0: []}
    for event in events:
        by_start.setdefault(min(max(event.offset, 0), samples - 1), []).append(event)
    starts = sorted(by_start)
    for start, stop in zip(starts, [*starts[1:], samples], strict=True):
        yield start, stop, by_start[start]
