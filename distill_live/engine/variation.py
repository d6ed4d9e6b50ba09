"""A take varied: the same hands at the same moments, but some values, the dice or the model held fast.

A variation is a take like any other: another first line, and the events of the old one without those that would move
what is held fast. What is given is pinned from the first sample to the last. Pure functions of logs; any thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from distill_live.codes.params import EDITS
from distill_live.engine.performance import BANK_LOAD, BLOCK, GRAB, HEARD, MODEL_LOAD, PANIC, RECORD, SWAP
from distill_live.engine.replay import fits, length_of
from distill_live.engine.take import decode_codes, header, start_of
from distill_live.engine.voice import Memory
from distill_live.events import ControlEvent, param_id_of, set_event
from distill_live.models.playable import Playable
from distill_live.params import REGISTRY, Value
from distill_live.takelog import Take

SOURCE: Final = "variation"
_OF_PANIC: Final = ("freeze", "stutter")  # what a panic takes off, beside the edits of all levels


@dataclass(frozen=True)
class Pins:
    """What a variation holds fast.

    Attributes:
        params: values by id; ``seed`` is one of them.
        model: what plays instead of the take's models; None for those.
    """

    params: Mapping[str, Value] = field(default_factory=dict)
    model: Playable | None = None


def vary(take: Take, model: Playable, pins: Pins) -> tuple[Take, list[str]]:
    """The varied take, and a sentence about each thing that is other than it was.

    Args:
        take: what was played.
        model: the one it began with, or ``pins.model`` itself.
        pins: what to hold fast.

    Raises:
        TakeError: the take's first line or one of its assets is damaged.
    """
    events, moved = _pinned(take.events, pins.params)
    assets, notes = take.assets, [_about_pin(param_id, value, moved) for param_id, value in pins.params.items()]
    if pins.model is not None:
        fitting = _Fitting(pins.model, take.assets)
        events = [event for event in events if fitting.keeps(event)]
        assets = fitting.assets
        notes.append(f"{pins.model.name} plays instead of {take.header.get('model_name', 'another model')}")
        notes += [f"{what}: {count} left out" for what, count in fitting.left_out.items()]
    made = replace(take, events=tuple(events), assets=assets, recordings=(), sha256="", frames=length_of(take))
    models = {} if pins.model is not None else take.models
    return replace(made, models=models, header=_header(take, model, pins, notes)), notes


def _header(take: Take, model: Playable, pins: Pins, notes: list[str]) -> dict[str, Any]:
    start = start_of(take)
    values = {"seed": start.seed, **start.params, **pins.params}
    seed = int(values.pop("seed"))
    memory = start.memory
    if memory is not None and not fits(memory, model):
        memory = Memory(memory.column)
    device_block = take.header.get("device_block")
    first_line = header(
        model,
        replace(start, seed=seed, params=values, memory=memory),
        device_block if isinstance(device_block, int) else 0,
    )
    return {**first_line, "variation_of": {"created": take.header.get("created"), "changes": notes}}


# ---------------------------------------------------------------------- pinned values


def _pinned(events: tuple[ControlEvent, ...], pins: Mapping[str, Value]) -> tuple[list[ControlEvent], Counter[str]]:
    """The events that leave the pinned values alone, and how often each would have been moved."""
    moved: Counter[str] = Counter()
    kept: list[ControlEvent] = []
    for event in events:
        if event.address != RECORD:  # nothing is recorded in a rendering
            kept += _without(event, pins, moved)
    return kept, moved


def _without(event: ControlEvent, pins: Mapping[str, Value], moved: Counter[str]) -> Iterator[ControlEvent]:
    """What is left of an event when the pinned values do not move."""
    param_id = param_id_of(event.address)
    if param_id in pins:
        moved[str(param_id)] += 1
    elif event.address == SWAP:
        yield from _swap_without(event, pins, moved)
    else:
        yield event
    if event.address == PANIC:
        for pin, value in pins.items():
            if pin in _OF_PANIC or (pin.startswith("level.") and pin.rsplit(".", 1)[1] in EDITS):
                moved[pin] += 1
                yield set_event(pin, value, SOURCE, event.frame)


def _swap_without(event: ControlEvent, pins: Mapping[str, Value], moved: Counter[str]) -> Iterator[ControlEvent]:
    """A swap sets two values: of one that is pinned, the other is left."""
    level, *values = event.args or ("",)
    set_to = {f"level.{level}.{what}": value for what, value in zip(("swap", "blend"), values, strict=False)}
    pinned = [param_id for param_id in set_to if param_id in pins]
    moved.update(pinned)
    if not pinned:
        yield event
        return
    for param_id, value in set_to.items():
        if param_id not in pins:
            yield set_event(param_id, value, event.source, event.frame)


def _about_pin(param_id: str, value: Value, moved: Counter[str]) -> str:
    count = moved[param_id]
    left_out = f" ({count} later change{'s' * (count > 1)} left out)" if count else ""
    return f"{param_id} is {REGISTRY[param_id].format(value)} throughout{left_out}"


# ---------------------------------------------------------------------- another model


class _Fitting:
    """Which events another model can play. Asked in the order of the take; what it cannot is counted."""

    def __init__(self, model: Playable, assets: Mapping[str, dict[str, Any]]) -> None:
        self.model = model
        self.assets = {sha256: body for sha256, body in assets.items() if model.can_play(decode_codes(body))}
        self.left_out: Counter[str] = Counter()
        self._has_heard = False

    def keeps(self, event: ControlEvent) -> bool:
        """Whether the model can play it."""
        what = self._unfit(event)
        if what:
            self.left_out[what] += 1
        return not what

    def _unfit(self, event: ControlEvent) -> str:
        args = event.args
        if event.address == HEARD:
            self._has_heard = self._has_heard or self._is_column(args)
            return "" if self._is_column(args) else "columns of the input that do not fit it"
        if event.address == GRAB and args[2:3] == ("heard",):
            return "" if self._has_heard else "grabs of the input"
        if event.address == GRAB:
            first_column = (self.model.frames_per_column + 1) * BLOCK
            return "" if event.frame >= first_column else "grabs before there was anything"
        if event.address == BANK_LOAD and len(args) > 1:
            known = str(args[2]) in self.assets if len(args) > 2 else self.model.sound(str(args[1])) is not None
            return "" if known else "sounds of the bank that do not fit it"
        if event.address == SWAP and args and str(args[0]) not in map(str, range(self.model.levels)):
            return "swaps of levels that it does not have"
        return "changes of model" if event.address == MODEL_LOAD else ""

    def _is_column(self, args: tuple[Value, ...]) -> bool:
        codes = [code for code in args if isinstance(code, int)]
        whole = len(codes) == len(args) == self.model.rows * self.model.levels
        return whole and all(0 <= code < self.model.codebook_size for code in codes)
