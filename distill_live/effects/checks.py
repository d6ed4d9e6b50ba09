"""Contract X, proved for one effect: whatever is turned, finite sound of the right shape; honest delay, honest state.

``check_effect`` is what ``distill-live check-plugin`` prints and what our own tests walk every built-in effect with.
Every fault belongs to one check; a check that another one's fault keeps from judging says so. ``broken`` holds an
effect for each check that fails it and no other. Knows no command line. Any thread, before the music.
"""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from distill_live.effects.base import Block, ParamEvent
from distill_live.effects.insert import switch_of
from distill_live.effects.limiter import Limiter
from distill_live.effects.probes import (
    FaultError,
    MakeEffect,
    Watched,
    noise,
    random_events,
    resident_bytes,
    sharpest_bend,
    swelling_sine,
)
from distill_live.params import Param

MOST_CHANNELS: Final = 8
MOST_GAIN: Final = 100.0  # 40 dB above the loudest that came in: no music, but something that runs away
WINDOWS: Final = 3  # what only grows once is no leak
MOST_GROWTH_BYTES: Final = 2_000  # in each window of 100 blocks, of what Python takes
MOST_LEAK_BYTES: Final = 300_000  # in each of 1000, of what machine code takes, which only the system sees
SILENCE: Final = 1e-7
_STATE_TYPES: Final = (bool, int, float, str, tuple, list, np.ndarray, np.generic, type(None))


@dataclass(frozen=True)
class Plan:
    """How long to look: every rate with every block size, ``turns`` times all parameters, ``blocks`` blocks each.

    After those come a block of one sample and one of any length; other numbers of channels than two are tried besides.
    """

    rates: tuple[int, ...] = (44100, 48000, 96000)
    sizes: tuple[int, ...] = (64, 128, 256, 441, 512, 1024, 2048, 4096)
    turns: int = 50
    blocks: int = 5


@dataclass(frozen=True)
class Result:
    """What one check found: a word for the verdict, and a sentence."""

    check: str
    verdict: Literal["ok", "failed", "not judged", "reported"]
    text: str


def check_effect(make: MakeEffect, plan: Plan | None = None) -> list[Result]:
    """All checks of one effect, in a fixed order; ``make`` gives a new one each time it is called."""
    plan = plan or Plan()
    with np.errstate(all="ignore"):
        faults = walk(make, plan)
        results = [_judged("declarations", lambda: check_declarations(make))]
        single = {name: _judged(name, lambda c=check: c(make)) for name, check in _SINGLE.items()}  # type: ignore[misc]
        if "latency" in faults:
            single["latency"] = Result("latency", "failed", faults["latency"])
        walked = f"random parameters {plan.turns} x {plan.blocks} blocks, rates {plan.rates}, sizes {plan.sizes}"
        for name in ("raising", "shape", "nan", "input", "level"):
            results.append(Result(name, "failed", faults[name]) if name in faults else Result(name, "ok", walked))
        results += single.values()
        return results + [_reported(name, make, report) for name, report in _REPORTS.items()]


def walk(make: MakeEffect, plan: Plan) -> dict[str, str]:
    """Turn everything at random, at every rate and block size; the first fault of each kind, by its check's name."""
    faults: dict[str, str] = {}
    for sample_rate in plan.rates:
        for size in plan.sizes:
            for check, text in _walk_once(make, sample_rate, size, plan, 2).items():
                faults.setdefault(check, f"{text} (at {sample_rate} Hz, {size} samples a block)")
    if "raising" not in faults:
        for channels in sorted({1, min(MOST_CHANNELS, make().most_channels)} - {2}):
            for check, text in _walk_once(make, 48000, 512, replace(plan, turns=5), channels).items():
                faults.setdefault(check, f"{text} (channels: {channels})")
    return faults


def _walk_once(make: MakeEffect, sample_rate: int, size: int, plan: Plan, channels: int) -> dict[str, str]:
    """One rate and size; it ends at a fault after which no sound is left to judge."""
    faults: dict[str, str] = {}
    rng, pool, loudest = np.random.default_rng(size), noise(channels, 8 * size, 1.0, seed=size), 1e-3
    try:
        effect, limiter = Watched(make), Limiter()
        effect.prepare(sample_rate, size)
        limiter.prepare(sample_rate, size)
        latency = effect.effect.latency
        for _ in range(plan.turns):
            events: Sequence[ParamEvent] = random_events(effect.params, size, rng)
            for samples in (*[size] * plan.blocks, 1, int(rng.integers(1, size + 1))):
                start = int(rng.integers(7 * size))
                sound = pool[:, start : start + samples] * np.float32(10.0 ** rng.uniform(-3, 1))
                loudest = max(loudest, float(np.abs(sound).max()))
                out = effect.process(sound, events)
                _judge_level(out, limiter.process(out), loudest, faults)
                events = ()
                if effect.wrote_to_input:
                    faults.setdefault("input", "it writes to the block it is given")
                if effect.effect.latency != latency:
                    now = effect.effect.latency
                    faults.setdefault("latency", f"its latency changes while it plays, from {latency} to {now}")
    except FaultError as fault:
        faults.setdefault(fault.check, fault.text)
    return faults


def _judge_level(out: Block, limited: Block, loudest: float, faults: dict[str, str]) -> None:
    if not np.abs(limited).max() <= 1.0:
        faults.setdefault("level", f"{np.abs(limited).max():.2f} of full scale came out behind the limiter")
    if np.abs(out).max() > MOST_GAIN * loudest:
        gain_db = 20.0 * np.log10(np.abs(out).max() / loudest)
        faults.setdefault("level", f"it makes what it is given {gain_db:.0f} dB louder; 40 dB is the most")


# ---------------------------------------------------------------- one check each


def check_declarations(make: MakeEffect) -> str:
    """Name, ids and sentences are as the registry wants them."""
    effect = Watched(make).effect
    if not re.fullmatch(r"[a-z][a-z0-9-]*", effect.name):
        raise FaultError("declarations", f"its name {effect.name!r} is not lower-case letters, digits and dashes")
    ids = [param.id for param in effect.params]
    if len(set(ids)) < len(ids):
        raise FaultError("declarations", f"two of its parameters have one id: {', '.join(ids)}")
    first = "limiter." if isinstance(effect, Limiter) else f"fx.{effect.name}."
    for param in effect.params:
        if not param.id.startswith(first):
            raise FaultError("declarations", f"the id {param.id} does not begin with {first}")
        if param.id == switch_of(effect.name).id:
            raise FaultError("declarations", f"the id {param.id} is that of the chain's own switch for it")
        if not param.help.endswith("."):
            raise FaultError("declarations", f"{param.id} has no sentence that says what it does")
    return f"{len(ids)} parameters"


def check_clicks(make: MakeEffect) -> str:
    """Turning one parameter across its range bends a sine hardly more than resting at either end does.

    A switched gain would bend it by the jump itself: a hundred times more. Once with the other parameters at their
    defaults, once with all in the middle of their range, where an effect that is off by default can be heard.
    """
    params = [param for param in Watched(make).params if param.settable]
    for param in params:
        for others in ([], [p for p in params if p is not param]):
            for low, high in ((0.0, 1.0), (1.0, 0.0), (0.3, 0.6)):
                _check_turn(make, param, low, high, others)
    return f"{len(params)} parameters turned across their range" if params else "nothing to turn"


def _check_turn(make: MakeEffect, param: Param, low: float, high: float, middled: Sequence[Param]) -> None:
    sample_rate, size, blocks = 48000, 512, 100
    effect, sine = Watched(make), swelling_sine(48000, size * blocks)
    effect.prepare(sample_rate, size)
    events = {0: [ParamEvent(0, p.id, p.from_position(0.5)) for p in middled]}
    events |= {20: [ParamEvent(100, param.id, param.from_position(low))]}
    events |= {55: [ParamEvent(100, param.id, param.from_position(high))]}
    outs = [effect.process(sine[:, n * size : (n + 1) * size], events.get(n, ())) for n in range(blocks)]
    before = [np.zeros((2, 2), np.float32), *(out[:, -2:] for out in outs[:-1])]  # a step may stand between two blocks
    bends = [sharpest_bend(np.concatenate(pair, axis=1)) for pair in zip(before, outs, strict=True)]
    resting = max(*bends[5:20], *bends[48:55], *bends[90:])
    sharpest = max(bends[5:])
    if sharpest >= 3.0 * resting + 0.002:
        way = f"from {param.format(param.from_position(low))} to {param.format(param.from_position(high))}"
        raise FaultError("clicks", f"turning {param.id} {way} clicks: {sharpest:.3f}, and {resting:.4f} at rest")


def check_state(make: MakeEffect) -> str:
    """Another effect that loads a state in the middle of everything gives the same bits from there on."""
    for sample_rate, size in ((44100, 64), (48000, 512)):
        rng = np.random.default_rng(3)
        first, second, third = (Watched(make) for _ in range(3))
        for effect in (first, second, third):
            effect.prepare(sample_rate, size)
        for number in range(6):
            first.process(noise(2, size, seed=number), random_events(first.params, size, rng))
        stored = first.state()
        _check_storable(stored)
        second.load_state(stored)
        turned = [random_events(first.params, size, rng) for _ in range(6)]
        sounds = [noise(2, size, seed=number) for number in range(6, 12)]
        went_on = [first.process(sound, events) for sound, events in zip(sounds, turned, strict=True)]
        for sound, events, out in zip(sounds, turned, went_on, strict=True):
            _same(out, second.process(sound, events), "a loaded state gives other samples")
        third.load_state(stored)  # after all that has happened to the effect it came from
        _same(third.process(sounds[0], turned[0]), went_on[0], "a stored state moves with the effect it came from")
    return "a loaded state gives the same bits"


def _same(first: Block, second: Block, otherwise: str) -> None:
    if not np.array_equal(first, second):
        raise FaultError("state", otherwise)


def _check_storable(state: Any) -> None:
    """Only what a file without pickle can hold."""
    if isinstance(state, dict):
        for key, value in state.items():
            _check_storable(value)
            if not isinstance(key, str):
                raise FaultError("state", f"its state has the key {key!r}; use texts")
    elif not isinstance(state, _STATE_TYPES):
        raise FaultError("state", f"its state holds a {type(state).__name__}; use numbers, texts, arrays and dicts")


def check_latency(make: MakeEffect) -> str:
    """An impulse comes out where the effect says, loudest."""
    stated = []
    for sample_rate, size in ((44100, 64), (48000, 512), (96000, 4096)):
        effect = Watched(make)
        effect.prepare(sample_rate, size)
        latency = effect.effect.latency
        if not isinstance(latency, int) or latency < 0:
            raise FaultError("latency", f"its latency is {latency!r}, not a number of samples")
        sound = np.zeros((2, (latency // size + 4) * size), np.float32)
        sound[:, size // 2] = 0.5
        outs = [effect.process(sound[:, n : n + size]) for n in range(0, sound.shape[1], size)]
        measured = int(np.abs(np.concatenate(outs, axis=1)[0]).argmax()) - size // 2
        if measured != latency:
            raise FaultError("latency", f"an impulse is {measured} samples late at {sample_rate} Hz; it says {latency}")
        if effect.effect.latency != latency:
            raise FaultError("latency", "its latency changed after prepare")
        stated.append(f"{latency} at {sample_rate} Hz")
    return f"samples: {', '.join(stated)}"


def check_reset(make: MakeEffect) -> str:
    """After a reset nothing of the sound before is left, and the parameters stand where they stood."""
    _check_parameters_stay(make)
    effect, size = Watched(make), 512
    effect.prepare(48000, size)
    effect.process(noise(2, size), random_events(effect.params, size, np.random.default_rng(1)))
    effect.reset()
    loudest = max(float(np.abs(effect.process(np.zeros((2, size), np.float32))).max()) for _ in range(200))
    if loudest > SILENCE:
        raise FaultError("reset", f"after a reset silence comes out as {loudest:.2g}")
    return "silence in, silence out, parameters stay"


def _check_parameters_stay(make: MakeEffect) -> None:
    """One of two that were reset is told its values once more: that must change nothing."""
    size = 512
    told, untold = Watched(make), Watched(make)
    events = random_events(told.params, size, np.random.default_rng(2))
    for effect in (told, untold):
        effect.prepare(48000, size)
        effect.process(noise(2, size), events)
        effect.reset()
    again = [ParamEvent(0, event.id, event.value) for event in events]
    for number in range(40):
        sound = noise(2, size, seed=number)
        first, second = told.process(sound, again), untold.process(sound)
        again = []
        if np.abs(first - second).max() > 1e-3 * max(1.0, float(np.abs(first).max())):
            raise FaultError("reset", "a reset moves its parameters")


def check_growth(make: MakeEffect) -> str:
    """Memory stays flat once it plays."""
    effect, sound, rng = Watched(make), noise(2, 512), np.random.default_rng(0)
    effect.prepare(48000, 512)

    def play(blocks: int) -> None:
        for _ in range(blocks):
            effect.process(sound, random_events(effect.params, 512, rng))

    play(20)
    tracemalloc.start()
    try:
        play(20)
        grown = min(_windows(lambda: tracemalloc.get_traced_memory()[0], lambda: play(100)))
    finally:
        tracemalloc.stop()
    if grown > MOST_GROWTH_BYTES:
        raise FaultError("growth", f"it grows by {grown} bytes in 100 blocks")
    leaked = min(_windows(resident_bytes, lambda: play(1000)))
    if leaked > MOST_LEAK_BYTES:
        raise FaultError("growth", f"its machine code took {leaked / 1e6:.1f} MB more in 1000 blocks, again and again")
    return f"{max(grown, 0)} bytes in 100 blocks, machine code {max(leaked, 0) / 1e6:.1f} MB in 1000"


def _windows(held: Callable[[], int], play: Callable[[], None]) -> list[int]:
    """How much more is held after each of some windows of playing."""
    seen = [held()]
    for _ in range(WINDOWS):
        play()
        seen.append(held())
    return [after - before for before, after in pairwise(seen)]


# ---------------------------------------------------------------- told, not judged


def report_memory(make: MakeEffect) -> str:
    """What it holds when it is ready for the largest blocks."""
    tracemalloc.start()
    before = resident_bytes()
    try:
        effect = Watched(make)
        effect.prepare(96000, 4096)
        held = max(tracemalloc.get_traced_memory()[0], resident_bytes() - before)
    finally:
        tracemalloc.stop()
    return f"{held / 1e6:.2f} MB at 96000 Hz, 4096 samples a block"


def report_time(make: MakeEffect) -> str:
    """How long a block takes, all parameters in the middle of their range."""
    effect, sound = Watched(make), noise(2, 512)
    effect.prepare(48000, 512)
    effect.process(sound, [ParamEvent(0, p.id, p.from_position(0.5)) for p in effect.params])
    times_ms = []
    for _ in range(200):
        begun = time.perf_counter()
        effect.effect.process(sound)
        times_ms.append(1e3 * (time.perf_counter() - begun))
    return f"median {np.median(times_ms):.3f} ms for 512 samples at 48000 Hz (10.7 ms of sound)"


_SINGLE: Final[dict[str, Callable[[MakeEffect], str]]] = {
    "clicks": check_clicks,
    "state": check_state,
    "latency": check_latency,
    "reset": check_reset,
    "growth": check_growth,
}
_REPORTS: Final[dict[str, Callable[[MakeEffect], str]]] = {"memory": report_memory, "time": report_time}
CHECKS: Final = ("declarations", "raising", "shape", "nan", "input", "level", *_SINGLE)


def _judged(name: str, check: Callable[[], str]) -> Result:
    try:
        return Result(name, "ok", check())
    except FaultError as fault:
        if fault.check == name:
            return Result(name, "failed", fault.text)
        return Result(name, "not judged", f"because of its {fault.check}: {fault.text}")


def _reported(name: str, make: MakeEffect, report: Callable[[MakeEffect], str]) -> Result:
    try:
        return Result(name, "reported", report(make))
    except Exception as error:  # noqa: BLE001 - what it raises is the raising check's concern
        return Result(name, "not judged", f"it raised {type(error).__name__}: {error}")


def broken_by(results: Sequence[Result]) -> list[str]:
    """Names of the checks that failed."""
    return [result.check for result in results if result.verdict == "failed"]
