"""One preset: the values that differ from their defaults, what the bank's slots hold, a hint and a note.

A preset is about the sound: it never holds what belongs to the machine or to the evening (``UNTOUCHED``; triggers and
readouts have no value; transport and recording are no parameters). Knows no file and no text. Pure; any thread.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from distill_live.errors import ParamError
from distill_live.home import sound_name
from distill_live.params import Param, Registry, Value

MAX_NUMBER: Final = 128  # as many as there are MIDI programs
UNTOUCHED: Final = ("engine.", "input.", "model.")
"""Groups of ids that no preset sets or holds: how the engine runs, what is plugged in, how models are exchanged."""


@dataclass(frozen=True)
class Preset:
    """A preset, legal in every part.

    Attributes:
        name: what it is called (where it lies in a library: the name of its file).
        values: by id, in real units; only what differs from its default.
        bank: names of sounds by slot, 1 to 16.
        model: the model it was made with, a hint; "" when nobody said.
        number: its place among the presets, 1 to 128; None for "by name".
        note: a line for people.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    bank: Mapping[int, str] = field(default_factory=dict)
    model: str = ""
    number: int | None = None
    note: str = ""

    def all_values(self, registry: Registry) -> dict[str, Value]:
        """The value of every parameter that a preset sets, by id, in the registry's order."""
        return {p.id: self.values.get(p.id, p.default_value) for p in registry.values() if belongs(p)}


def belongs(param: Param) -> bool:
    """Whether a preset holds this parameter.

    >>> belongs(Param("mix", "Mix", "master")), belongs(Param("input.gain", "Input", "input"))
    (True, False)
    """
    return param.kind not in ("readout", "trigger") and not param.id.startswith(UNTOUCHED)


def gather(values: Mapping[str, Value], registry: Registry) -> dict[str, Value]:
    """What a preset keeps of the values of now: those that belong to it and differ from their defaults."""
    kept = {i: v for i, v in values.items() if belongs(registry[i]) and v != registry[i].default_value}
    return {i: written_short(v) for i, v in kept.items()}


def gather_bank(slots: Sequence[str]) -> dict[int, str]:
    """What a preset keeps of the names in the slots (from 1 on, "" for empty): those that can be asked for again.

    >>> gather_bank(["bells", "", "../bells"])
    {1: 'bells'}
    """
    return {slot: sound for slot, sound in enumerate(slots, 1) if _can_be_asked_for(sound)}


def _can_be_asked_for(sound: str) -> bool:
    try:
        return sound_name(sound) == sound
    except ParamError:
        return False


def written_short(value: Value) -> Value:
    """A value as a person would write it: what OSC carried in 32 bits gets its shortest decimal back.

    >>> written_short(0.699999988079071), written_short(2 / 3), written_short("off")
    (0.7, 0.6666666666666666, 'off')
    """
    if not isinstance(value, float) or abs(value) > 3e38 or _float32(value) != value:
        return value
    return next((short for d in range(1, 10) if _float32(short := float(f"{value:.{d}g}")) == value), value)


def _float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])
