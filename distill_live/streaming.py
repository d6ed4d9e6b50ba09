"""Contract S, said once: what it means to run a sound process step by step.

Knows nothing of torch, numpy or hardware: inputs, outputs and states are type variables.
Every concrete subclass is found by :func:`streaming_classes`, and ``tests/test_contract_s.py`` proves
the contract for each; a subclass without a registered test case fails that test.

The promise, for a signal cut into pieces ``x_1 .. x_n`` of a multiple of ``block`` steps::

    whole          = f.forward(x)
    y_i, state_i   = f.step(x_i, state_{i-1}),   state_0 = f.initial_state()
    concat(y)      = whole delayed by f.latency (1e-4 relative; bit-identical at the live step size)

History lives in the state alone. A state is a value: ``step`` never changes the one it is given, so a
kept state is a freeze, an old one a rewind, a second one another voice.
Called from any thread; holds no locks.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, TypeVar

X = TypeVar("X")
Y = TypeVar("Y")
S = TypeVar("S")


class Streaming(ABC, Generic[X, Y, S]):
    """A causal process that can run on a whole signal or step by step.

    ``block`` is the smallest number of input steps ``step`` accepts (and every multiple of it);
    ``latency`` is the number of *output* steps that ``step`` lags behind ``forward``.
    """

    block: int = 1
    latency: int = 0
    abstract_streaming: ClassVar[bool] = False  # set True on a base class that is not itself a process

    @abstractmethod
    def initial_state(self) -> S:
        """The state before the first step."""

    @abstractmethod
    def step(self, x: X, state: S) -> tuple[Y, S]:
        """Process one piece; returns the output piece and the state after it."""

    @abstractmethod
    def forward(self, x: X) -> Y:
        """Process a whole signal at once."""


def streaming_classes(root: type[Any] = Streaming) -> Iterator[type[Any]]:
    """Every concrete class below ``root`` that has been imported.

    >>> class Delay(Streaming[float, float, float]):
    ...     abstract_streaming = True
    >>> any(c is Delay for c in streaming_classes())
    False
    """
    for cls in root.__subclasses__():
        own_flag = cls.__dict__.get("abstract_streaming", False)
        if not inspect.isabstract(cls) and not own_flag:
            yield cls
        yield from streaming_classes(cls)
