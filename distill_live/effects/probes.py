"""What the checks of contract X hold an effect with: sounds, random hands, and a wrapper that names every fault.

Knows no check beyond its name. Any thread, before the music.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent, State
from distill_live.params import Param, Value

MakeEffect = Callable[[], Effect]


class FaultError(Exception):
    """What is wrong with an effect, and the check it belongs to."""

    def __init__(self, check: str, text: str) -> None:
        super().__init__(f"{check}: {text}")
        self.check, self.text = check, text


class Watched:
    """An effect whose faults are told by the name of the check they belong to.

    Attributes:
        wrote_to_input: whether it has written to a block it was given.

    Raises:
        FaultError: from every method, of the kind ``raising``, ``shape`` or ``nan``.
    """

    def __init__(self, make: MakeEffect) -> None:
        self.effect: Effect = self._call("its constructor", make)
        self.params = self.effect.params
        self.wrote_to_input = False

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self._call("prepare", self.effect.prepare, sample_rate, max_block)

    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        given = block.copy()
        out = self._call("process", self.effect.process, given, events)
        self.wrote_to_input = self.wrote_to_input or not np.array_equal(given, block)
        if not isinstance(out, np.ndarray) or (out.shape, out.dtype) != (block.shape, np.float32):
            shape = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise FaultError("shape", f"it gives back {shape} for float32 {block.shape}")
        if not np.isfinite(out).all():
            raise FaultError("nan", "it gives back a number that is not finite")
        return out

    def reset(self) -> None:
        self._call("reset", self.effect.reset)

    def state(self) -> State:
        stored: State = self._call("state", self.effect.state)
        return stored

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._call("load_state", self.effect.load_state, state)

    def _call(self, name: str, method: Callable[..., Any], *args: object) -> Any:
        try:
            return method(*args)
        except Exception as error:
            raise FaultError("raising", f"{name} raised {type(error).__name__}: {error}") from error


def resident_bytes() -> int:
    """Memory of this process that lies in the machine's; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:  # not Linux
        return 0


def noise(channels: int, samples: int, level: float = 0.2, seed: int = 0) -> Block:
    """White noise, float32 ``[channels, samples]``, of that root mean square."""
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def swelling_sine(sample_rate: int, samples: int) -> Block:
    """220 Hz on two channels at a quarter of full scale; it begins softly, or its beginning would be echoed."""
    turns = 220.0 * np.arange(samples) / sample_rate
    swell = np.minimum(np.arange(samples) / 2560, 1.0)
    return np.repeat((0.25 * swell * np.sin(2.0 * np.pi * turns)).astype(np.float32)[None], 2, axis=0)


def sharpest_bend(sound: Block) -> float:
    """Largest second difference of ``[C, T]``: small for anything smooth, large at a click.

    >>> sharpest_bend(np.array([[0.0, 1.0, 2.0, 3.0]], np.float32))
    0.0
    """
    return float(np.abs(np.diff(sound, 2, axis=1)).max())


def random_value(param: Param, rng: np.random.Generator) -> Value:
    """A legal value, one in five times an end of the range."""
    return param.from_position(float(rng.choice([0.0, 1.0, rng.random()], p=[0.1, 0.1, 0.8])))


def random_events(params: Iterable[Param], samples: int, rng: np.random.Generator) -> list[ParamEvent]:
    """Every parameter turned once, anywhere in a block of ``samples``."""
    events = [ParamEvent(int(rng.integers(samples)), p.id, random_value(p, rng)) for p in params if p.settable]
    return sorted(events, key=lambda event: event.offset)
