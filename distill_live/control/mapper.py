"""Plays a MIDI map: one MIDI message in, the OSC-like calls it stands for out.

Holds what a stage needs to remember (which pads are down, which toggle is on) and nothing else; knows no ports, no
sockets, no values. The calls go through the same door as OSC messages. One thread, the bridge's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from distill_live.control.midimap import VELOCITY, Knob, MidiMap, MidiSource, Pad
from distill_live.control.validate import Call
from distill_live.errors import UsageError
from distill_live.events import ROOT
from distill_live.params import Param, Registry, Value

TOP: Final = 127  # the highest value of a 7-bit controller
PRESSED: Final = 64  # CC 64 and up is on


@dataclass(frozen=True)
class MidiMessage:
    """A channel message: ``channel`` 1..16, ``number`` and ``value`` 0..127 (a note's velocity; a program has none)."""

    kind: Literal["cc", "note_on", "note_off", "program"]
    channel: int
    number: int
    value: int


def read_message(data: Sequence[int]) -> MidiMessage | None:
    """A message from its bytes, None for what no map can use yet. A note-on of velocity 0 is a note-off.

    >>> read_message([0xB0, 16, 64])
    MidiMessage(kind='cc', channel=1, number=16, value=64)
    >>> read_message([0x91, 38, 0]).kind, read_message([0xC0, 4]).number, read_message([0xF8])
    ('note_off', 4, None)
    """
    if len(data) not in (2, 3) or not all(0 <= byte < 128 for byte in data[1:]):
        return None
    status, channel = data[0] >> 4, (data[0] & 15) + 1
    if len(data) == 2:
        return MidiMessage("program", channel, data[1], 0) if status == 0xC else None
    if status == 0xB:
        return MidiMessage("cc", channel, data[1], data[2])
    if status in (0x8, 0x9):
        on = status == 0x9 and data[2] > 0
        return MidiMessage("note_on" if on else "note_off", channel, data[1], data[2])
    return None


class MidiMapper:
    """One map, being played.

    >>> from distill_live.control.midimap import parse_map
    >>> knob = 'schema="distill-live/midimap/1"\\n[[map]]\\nparam="mix"\\nsource={type="cc",number=1}\\nout=[1.0,0.5]'
    >>> mapper = MidiMapper(parse_map(knob), Registry([Param("mix", "Mix", "master")]))
    >>> mapper.translate(MidiMessage("cc", 1, 1, 127))
    [Call(address='/distill/param/mix', args=(0.5,))]
    """

    def __init__(self, midi_map: MidiMap, registry: Registry, root: str = ROOT) -> None:
        """Check the map against the registry.

        Raises:
            UsageError: when a parameter does not exist or cannot be set, or ``out`` lies outside its range.
        """
        self.map = midi_map
        self._root = root
        self._registry = registry
        self._down: dict[str, list[Pad]] = {}  # pads held, by level, the newest last
        self._on: dict[str, Pad] = {}  # the toggle that is on, by level
        self._fired: dict[Knob, bool] = {}  # triggers: whether the knob is in its upper half
        for number, entry in enumerate(midi_map.entries, 1):
            if isinstance(entry, Knob):
                _check_knob(entry, registry, f"{midi_map.name}, entry {number}")

    def translate(self, message: MidiMessage) -> list[Call]:
        """The calls a message stands for, in the order of the map's entries.

        A program change on the device's channel loads a preset, with any map and with none; presets count from 1.
        """
        if message.kind == "program":
            meant = self.map.device.channel in (0, message.channel)
            return [Call(f"{self._root}/preset/load", (message.number + 1,))] if meant else []
        calls: list[Call] = []
        for entry in self.map.entries:
            if not self._meant(entry.source, message):
                continue
            calls += self._turn(entry, message) if isinstance(entry, Knob) else self._hit(entry, message)
        return calls

    def _meant(self, source: MidiSource, message: MidiMessage) -> bool:
        channel = self.map.device.channel if source.channel is None else source.channel
        same_type = (source.type == "cc") == (message.kind == "cc")
        return same_type and source.number == message.number and channel in (0, message.channel)

    def _turn(self, knob: Knob, message: MidiMessage) -> list[Call]:
        param = self._registry[knob.param]
        address = f"{self._root}/param/{knob.param}"
        if param.kind != "trigger":
            return [Call(address, (knob_value(param, knob.out, message.value),))]
        was, now = self._fired.get(knob, False), message.value >= PRESSED
        self._fired[knob] = now
        return [Call(address)] if now and not was else []

    def _hit(self, pad: Pad, message: MidiMessage) -> list[Call]:
        level = str(pad.level).lower()
        if pad.mode == "momentary":
            return self._momentary(pad, level, message)
        if message.kind != "note_on":
            return []
        if pad.mode == "toggle" and self._on.pop(level, None) == pad:
            return [self._swap(pad, "off", 1.0)]
        if pad.mode == "toggle":
            self._on[level] = pad
        return [self._swap(pad, pad.slot, _amount(pad, message))]

    def _momentary(self, pad: Pad, level: str, message: MidiMessage) -> list[Call]:
        """A pad acts while it is held; when it is let go, an older one that is still held comes back."""
        held = self._down.setdefault(level, [])
        was_newest = bool(held) and held[-1] == pad
        if pad in held:
            held.remove(pad)
        if message.kind == "note_on":
            held.append(pad)
            return [self._swap(pad, pad.slot, _amount(pad, message))]
        if not was_newest:
            return []
        return [self._swap(held[-1], held[-1].slot, _fixed(held[-1])) if held else self._swap(pad, "off", 1.0)]

    def _swap(self, pad: Pad, slot: int | str, amount: float) -> Call:
        return Call(f"{self._root}/swap", (pad.level, slot, amount))


def knob_value(param: Param, out: tuple[float, float] | None, value: int) -> Value:
    """Where a knob at 0..127 puts a parameter: along its own curve, from ``out[0]`` to ``out[1]``, both ends exact."""
    if out is None:
        return param.from_position(value / TOP)
    low, high = param.coerce(out[0]).value, param.coerce(out[1]).value
    if value in (0, TOP):
        return low if value == 0 else high
    start, end = param.to_position(low), param.to_position(high)
    return param.from_position(start + (end - start) * value / TOP)


def _check_knob(knob: Knob, registry: Registry, place: str) -> None:
    if knob.param not in registry or not registry[knob.param].settable:
        raise UsageError(
            f"{place}: there is no parameter {knob.param!r} to set", fix="`distill-live params` lists them"
        )
    param = registry[knob.param]
    for end in knob.out or ():
        if not param.low <= end <= param.high:
            raise UsageError(f"{place}: out {end:g} is outside the range of {param.id}", fix=f"use {param.range_text}")


def _amount(pad: Pad, message: MidiMessage) -> float:
    return message.value / TOP if pad.amount == VELOCITY else _fixed(pad)


def _fixed(pad: Pad) -> float:
    return 1.0 if isinstance(pad.amount, str) else float(pad.amount)
