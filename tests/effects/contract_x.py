"""Contract X, proved for one effect: whatever is turned, finite sound of the right shape; honest delay, honest state.

Every concrete effect of the package is walked by ``test_contract_x.py``; one that is not registered fails there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent
from distill_live.params import Param, Value

MakeEffect = Callable[[], Effect]
_STATE_TYPES = (bool, int, float, str, tuple, list, np.ndarray, np.generic)


def effect_classes(root: type[Effect] = Effect) -> list[type[Effect]]:
    """Every concrete effect that has been imported."""
    found = []
    for cls in root.__subclasses__():
        found += [] if inspect.isabstract(cls) else [cls]
        found += effect_classes(cls)
    return found


def unregistered(classes: Iterable[type[Effect]], registered: Mapping[str, type[Effect]]) -> list[str]:
    """Names of the package's own effects that nobody can ask for by name."""
    ours = [cls for cls in classes if cls.__module__.startswith("distill_live.")]
    return sorted(cls.__name__ for cls in ours if cls not in registered.values())


def noise(channels: int, samples: int, level: float = 0.2, seed: int = 0) -> Block:
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def random_value(param: Param, rng: np.random.Generator) -> Value:
    return param.from_position(float(rng.choice([0.0, 1.0, rng.random()], p=[0.1, 0.1, 0.8])))


def random_events(params: Iterable[Param], samples: int, rng: np.random.Generator) -> list[ParamEvent]:
    events = [ParamEvent(int(rng.integers(samples)), p.id, random_value(p, rng)) for p in params]
    return sorted(events, key=lambda event: event.offset)


def check_declarations(effect: Effect) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", effect.name), effect.name
    ids = [p.id for p in effect.params]
    assert len(set(ids)) == len(ids), ids
    for param in effect.params:
        assert param.help.endswith("."), f"{param.id} has no sentence"
        assert param.id.startswith((f"fx.{effect.name}.", f"{effect.name}.")), param.id


def check_random_params(effect: Effect, sample_rate: int, block: int, turns: int = 50, blocks: int = 5) -> None:
    """Everything is turned at once ``turns`` times, ``blocks`` blocks each; the input is left alone."""
    effect.prepare(sample_rate, block)
    latency, rng = effect.latency, np.random.default_rng(block)
    for turn in range(turns):
        events = random_events(effect.params, block, rng)
        for number in range(blocks):
            sound = noise(2, block, level=10.0 ** rng.uniform(-3, 2), seed=turn * blocks + number)
            before = sound.copy()
            out = effect.process(sound, events if number == 0 else ())
            assert np.array_equal(sound, before), "the input was written to"
            assert isinstance(out, np.ndarray)
            assert (out.shape, out.dtype) == (sound.shape, np.float32)
            assert np.isfinite(out).all(), events
    assert effect.latency == latency, "the latency changed after prepare"


def check_latency(effect: Effect, sample_rate: int, block: int) -> None:
    """An impulse comes out where the effect says, loudest."""
    effect.prepare(sample_rate, block)
    samples = (effect.latency // block + 4) * block
    sound = np.zeros((2, samples), np.float32)
    sound[:, block // 2] = 0.5
    out = np.concatenate([effect.process(sound[:, n : n + block]) for n in range(0, samples, block)], axis=1)
    assert int(np.abs(out[0]).argmax()) == block // 2 + effect.latency


def check_state(make: MakeEffect, sample_rate: int, block: int) -> None:
    """Another effect that loads a state in the middle of everything gives the same bits from there on."""
    first, second = make(), make()
    first.prepare(sample_rate, block)
    second.prepare(sample_rate, block)
    rng = np.random.default_rng(3)
    for number in range(6):
        first.process(noise(2, block, seed=number), random_events(first.params, block, rng))
    stored = first.state()
    check_storable(stored)
    second.load_state(stored)
    for number in range(6, 12):
        events = random_events(first.params, block, rng)
        sound = noise(2, block, seed=number)
        assert np.array_equal(first.process(sound, events), second.process(sound, events))
    third = make()
    third.prepare(sample_rate, block)
    third.load_state(stored)  # what was stored has not moved with the effect it came from
    again = third.process(noise(2, block, seed=6))
    second.load_state(stored)
    assert np.array_equal(again, second.process(noise(2, block, seed=6)))


def check_storable(state: Any) -> None:
    """Only what a file without pickle can hold."""
    if isinstance(state, dict):
        for key, value in state.items():
            assert isinstance(key, str)
            check_storable(value)
    else:
        assert isinstance(state, _STATE_TYPES), type(state)


def check_reset(make: MakeEffect, sample_rate: int, block: int) -> None:
    """After a reset nothing of the sound before is left: silence in, silence out."""
    effect = make()
    effect.prepare(sample_rate, block)
    effect.process(noise(2, block), random_events(effect.params, block, np.random.default_rng(1)))
    effect.reset()
    silence = np.zeros((2, block), np.float32)
    assert not np.concatenate([effect.process(silence) for _ in range(20)], axis=1).any()


def sharpest_bend(sound: Block) -> float:
    """Largest second difference: small for anything smooth, large at a click."""
    return float(np.abs(np.diff(sound, 2, axis=1)).max())


def check_no_click(make: MakeEffect, param: Param, sample_rate: int = 48000, block: int = 512) -> None:
    """Turning one parameter across its whole range bends a sine hardly more than resting at either end does.

    A switched gain would bend it by the jump itself: a hundred times more.
    """
    turns = 220.0 * np.arange(120 * block) / sample_rate
    swell = np.minimum(np.arange(120 * block) / (5 * block), 1.0)  # or its own beginning would be echoed
    sine = np.repeat((0.25 * swell * np.sin(2.0 * np.pi * turns)).astype(np.float32)[None], 2, axis=0)
    for low, high in ((0.0, 1.0), (1.0, 0.0), (0.3, 0.6)):
        effect = make()
        effect.prepare(sample_rate, block)
        sharpest = []
        for n in range(120):
            position = {20: low, 60: high}.get(n)
            events = [] if position is None else [ParamEvent(100, param.id, param.from_position(position))]
            sharpest.append(sharpest_bend(effect.process(sine[:, n * block : (n + 1) * block], events)))
        resting = max(*sharpest[:20], *sharpest[50:60], *sharpest[110:])
        assert max(sharpest) < 3.0 * resting + 0.002, (param.id, low, high, max(sharpest), resting)
