"""The chain behind the music: insert effects with dry/wet and bypass, master volume, and the limiter, always last.

::

    in -+- insert - insert -+- mix - volume - limiter - out
        +------- delay -----+

An insert that fails is bypassed and named in ``messages`` (see ``guard``); the music goes on. Each can be switched off
(see ``insert``). The chain knows no engine and no OSC: values come in through ``set_param`` or as events, sentences are
fetched. Render thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from distill_live.audio.smoothing import LinearGlide
from distill_live.effects.base import Block, Effect, ParamEvent, State, stretches
from distill_live.effects.buffers import FixedDelay, glide_state, load_glide
from distill_live.effects.gain import Gain
from distill_live.effects.insert import Insert
from distill_live.effects.limiter import Limiter
from distill_live.effects.params import BYPASS, INSTALLED, MIX, STANDARD_ORDER, VOLUME
from distill_live.errors import UnknownNameError, UsageError
from distill_live.params import ParamBank, Value


class EffectChain:
    """Runs effects one after the other, and guards the end.

    Args:
        inserts: in the order in which the sound passes them; the chain owns them from now on.

    >>> from distill_live.effects.drive import Drive
    >>> chain = EffectChain([Drive()])
    >>> chain.prepare(48000, 512)
    >>> out = chain.process(np.zeros((2, 512), np.float32))
    >>> out.shape, chain.latency, chain.messages
    ((2, 512), 72, [])
    """

    def __init__(self, inserts: Sequence[Effect]) -> None:
        self.messages: list[str] = []
        self._out_reports: list[tuple[str, str]] = []
        self._inserts = [
            Insert(effect, partial(_note_out, self.messages, self._out_reports, effect.name)) for effect in inserts
        ]
        self._mixer = _Mixer()
        self._volume = Gain(VOLUME)
        self._limiter = Limiter()
        self._pending: list[ParamEvent] = []
        own = {MIX.id, BYPASS.id, VOLUME.id, *(param.id for param in self._limiter.params)}
        self._ids = own.union(*(insert.ids for insert in self._inserts))
        self.latency = 0

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the inserts, in the order in which the sound passes them."""
        return tuple(insert.name for insert in self._inserts)

    @property
    def bypassed(self) -> list[str]:
        """Names of the inserts that failed."""
        return [insert.name for insert in self._inserts if insert.guard.failed]

    @property
    def copies_exactly(self) -> bool:
        """Whether ``state`` holds all that the next output depends on; not with a plugin that keeps some to itself."""
        return all(insert.guard.effect.copies_exactly for insert in self._inserts)

    def prepare(self, sample_rate: int, max_block: int) -> None:
        """Get ready for blocks of up to ``max_block`` samples; inserts that failed get another chance.

        What ``set_param`` was told before stands from the first sample on.
        """
        for insert in self._inserts:
            insert.prepare(sample_rate, max_block)
        self._mixer.prepare(sample_rate, sum(insert.latency for insert in self._inserts))
        self._volume.prepare(sample_rate, max_block)
        self._limiter.prepare(sample_rate, max_block)
        self.latency = self._mixer.latency + self._limiter.latency
        self.process(np.zeros((2, max_block), np.float32))
        self.reset()

    def be_patient(self, seconds: float | None) -> None:
        """How long one effect may take for a block; None (the default) lets the clock decide nothing.

        Live, an effect that takes longer twice in succession is out. That belongs into the take's log.
        """
        for insert in self._inserts:
            insert.guard.patience_s = seconds

    def take_out_reports(self) -> list[tuple[str, str]]:
        """Which inserts went out by themselves since the last call, and why: ``(name, why)``, in order.

        ``why`` continues a sentence that begins with the name. Asked after every block, it tells of that block, and a
        replay that calls ``retire`` before it gives the same bits. What was retired is not told: its caller knows.
        """
        reports = list(self._out_reports)
        self._out_reports.clear()
        return reports

    def retire(self, name: str, why: str = "was taken out") -> None:
        """Take the insert of that name out from the next block on, without a click; ``prepare`` brings it back.

        Nothing happens where it is out already, or where there is none of that name.
        """
        for insert in self._inserts:
            if insert.name == name and insert.guard.retire():
                self.messages.append(_sentence(name, why))

    def set_param(self, param_id: str, value: Value) -> None:
        """A parameter takes a legal value from the next block on; ids that are not the chain's are not for it."""
        if param_id in self._ids:
            self._pending.append(ParamEvent(0, param_id, value))

    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        """The next sound, float32 ``[C, T]`` in and out; never above the ceiling, whatever comes in."""
        due = [*self._pending, *events]
        self._pending = []
        sound = _finite(block)
        wet = sound
        for insert in self._inserts:
            wet = insert.process(wet, due)
        mixed = self._mixer.process(sound, wet, [e for e in due if e.id in (MIX.id, BYPASS.id)])
        loud = self._volume.process(mixed, [e for e in due if e.id == VOLUME.id])
        return self._limiter.process(loud, [e for e in due if e.id == self._limiter.params[0].id])

    def reset(self) -> None:
        """Forget all sound (echoes, look-ahead); parameters stay."""
        for insert in self._inserts:
            insert.reset()
        self._mixer.reset()
        self._volume.reset()
        self._limiter.reset()

    def state(self) -> State:
        """Everything that the next output depends on, as a copy."""
        return {
            "inserts": [insert.state() for insert in self._inserts],
            "mixer": self._mixer.state(),
            "volume": self._volume.state(),
            "limiter": self._limiter.state(),
            "pending": [(e.offset, e.id, e.value) for e in self._pending],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where ``state`` of a chain of the same inserts was taken."""
        for insert, stored in zip(self._inserts, state["inserts"], strict=True):
            insert.load_state(stored)
        self._mixer.load_state(state["mixer"])
        self._volume.load_state(state["volume"])
        self._limiter.load_state(state["limiter"])
        self._pending = [ParamEvent(*event) for event in state["pending"]]


def standard_chain(params: ParamBank, order: Sequence[str] = STANDARD_ORDER) -> EffectChain:
    """The instrument's own chain, with the values that ``params`` holds now.

    Args:
        order: names of effects, in the order in which the sound passes them.

    Raises:
        UnknownNameError, UsageError: see ``checked_order``.

    >>> standard_chain(ParamBank(), ("delay", "drive")).order
    ('delay', 'drive')
    """
    chain = EffectChain([INSTALLED.classes[name]() for name in checked_order(order)])
    chain.messages.extend(INSTALLED.messages)
    for param_id in params.registry:
        if param_id.startswith("fx.") or params.registry[param_id].group == VOLUME.group:
            chain.set_param(param_id, params[param_id])
    return chain


def checked_order(order: Sequence[str]) -> tuple[str, ...]:
    """The order itself, when a standard chain can have it.

    Raises:
        UnknownNameError: the chain holds no effect of one of these names.
        UsageError: one of them stands there twice.

    >>> checked_order(["reverb", "filter"])
    ('reverb', 'filter')
    """
    for name in order:
        if name not in STANDARD_ORDER:
            raise UnknownNameError(f"there is no effect {name!r} for the chain", fix=f"use {', '.join(STANDARD_ORDER)}")
    if len(set(order)) < len(order):
        raise UsageError(f"an effect stands twice in {', '.join(order)}", fix="name each of them once")
    return tuple(order)


def _note_out(messages: list[str], reports: list[tuple[str, str]], name: str, why: str) -> None:
    messages.append(_sentence(name, why))
    reports.append((name, why))


def _sentence(name: str, why: str) -> str:
    return f"effect {name} {why}; it is bypassed."


class _Mixer:
    """Dry against wet, the dry delayed as the inserts delay; bypass is a mix of 0 for as long as it lasts."""

    def __init__(self) -> None:
        self.latency = 0
        self._mix, self._bypass = float(MIX.default), False
        self.prepare(48000, 0)

    def prepare(self, sample_rate: int, latency: int) -> None:
        self.latency = latency
        self._dry = FixedDelay(latency)
        self._glide = LinearGlide(self._target(), MIX.smoothing_ms, sample_rate)

    def process(self, dry: Block, wet: Block, events: Sequence[ParamEvent]) -> Block:
        late = self._dry.push(dry) if self.latency else dry
        if not events and self._glide.settled and self._glide.value in (0.0, 1.0):
            return wet if self._glide.value else late
        share = np.empty(dry.shape[1], np.float32)
        for start, stop, due in stretches(dry.shape[1], events):
            for event in due:
                self._set(event)
            share[start:stop] = self._glide.block(stop - start)
        return late + share * (wet - late)

    def reset(self) -> None:
        self._dry.clear()
        self._glide.jump(self._target())

    def state(self) -> State:
        own = {"mix": self._mix, "bypass": self._bypass, "dry": self._dry.past.copy()}
        return {**own, "glide": glide_state(self._glide)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._mix, self._bypass = state["mix"], state["bypass"]
        self._dry.past = np.array(state["dry"])
        load_glide(self._glide, state["glide"])

    def _set(self, event: ParamEvent) -> None:
        if event.id == MIX.id:
            self._mix = float(event.value)
        else:
            self._bypass = bool(event.value)
        self._glide.set(self._target())

    def _target(self) -> float:
        return 0.0 if self._bypass else self._mix


def _finite(block: Block) -> Block:
    """What is not a number is silence, so that no effect has to remember it for ever."""
    if np.isfinite(block).all():
        return block
    return np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
