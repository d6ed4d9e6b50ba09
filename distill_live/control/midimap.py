"""MIDI maps: which knob or pad does what. TOML, read and written, never executed.

``read_map`` checks everything a file says and names the line and the field that is wrong; ``write_map`` writes what
``read_map`` reads. Every type, mode and take-over of CONTROL.md has its word here; those that are not acted on yet are
refused by name. Whether a parameter exists is checked by ``MidiMapper``, which knows the registry. Pure; any thread.

A knob sets a parameter, a pad plays a bank slot::

    [[map]]
    param = "temperature"
    source = { type = "cc", number = 16 }
    out = [0.5, 1.5]                    # real units; reversed = inverted; left out: the whole range

    [[map]]
    slot = 3                            # 1 to 16, or "off"
    level = "Structure"                 # a level's name or index, or "all"
    source = { type = "note", number = 38 }
    mode = "momentary"                  # momentary: while held; toggle: until hit again; select: until another pad
    amount = "velocity"                 # or 0.0 to 1.0
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from distill_live.errors import UsageError

T = TypeVar("T")

SCHEMA: Final = "distill-live/midimap/1"
MAX_MAP_BYTES: Final = 1_000_000
VELOCITY: Final = "velocity"

SOURCE_TYPES: Final = ("cc", "cc14", "nrpn", "note", "program", "pitchbend", "aftertouch")
MODES: Final = (
    "absolute", "rel_twos", "rel_signbit", "rel_offset64", "toggle", "momentary", "trigger", "select",
)  # fmt: skip
TAKEOVERS: Final = ("jump", "pickup", "scale")
KNOB_SOURCES: Final = ("cc",)
KNOB_MODES: Final = ("absolute",)
PAD_SOURCES: Final = ("note",)
PAD_MODES: Final = ("momentary", "toggle", "select")
PLAYED_TAKEOVERS: Final = ("jump",)


@dataclass(frozen=True)
class Device:
    """The controller: part of its port's name, and its channel (1 to 16; 0 is any)."""

    input: str | None = None
    output: str | None = None
    channel: int = 0

    def __post_init__(self) -> None:
        _check(self.input is None or isinstance(self.input, str), "input", self.input, "part of a port's name")
        _check(_is_whole(self.channel, 0, 16), "channel", self.channel, "1 to 16, or 0 for any")
        _played(self.output is None, "output", self.output, "leave it out")


@dataclass(frozen=True)
class MidiSource:
    """A knob or a pad of the controller; ``channel`` None is the device's."""

    type: str
    number: int
    channel: int | None = None

    def __post_init__(self) -> None:
        _word("source.type", self.type, SOURCE_TYPES, (*KNOB_SOURCES, *PAD_SOURCES))
        _check(_is_whole(self.number, 0, 127), "source.number", self.number, "0 to 127")
        good = self.channel is None or _is_whole(self.channel, 0, 16)
        _check(good, "source.channel", self.channel, "1 to 16, or 0 for any")


@dataclass(frozen=True)
class Knob:
    """A ``[[map]]`` that sets a parameter. ``out``: its two ends in real units, None for the whole range."""

    param: str
    source: MidiSource
    mode: str = "absolute"
    out: tuple[float, float] | None = None
    takeover: str = "jump"
    feedback: bool = False
    page: int = 1

    def __post_init__(self) -> None:
        _check(isinstance(self.param, str), "param", self.param, "the id of a parameter")
        _played(self.source.type in KNOB_SOURCES, "source.type", self.source.type, "map a parameter to a cc")
        _word("mode", self.mode, MODES, KNOB_MODES)
        _word("takeover", self.takeover, TAKEOVERS, PLAYED_TAKEOVERS)
        if self.out is not None:
            good = isinstance(self.out, (list, tuple)) and len(self.out) == 2 and all(_is_finite(v) for v in self.out)
            _check(good, "out", self.out, "two finite numbers, [low, high]")
            object.__setattr__(self, "out", (float(self.out[0]), float(self.out[1])))
        _played(self.feedback is False, "feedback", self.feedback, "leave it out")
        _played(self.page == 1 and self.page is not True, "page", self.page, "use 1")


@dataclass(frozen=True)
class Pad:
    """A ``[[map]]`` that plays a bank slot. ``amount``: 0..1, or ``velocity`` for the strength of the hit."""

    slot: int | str
    source: MidiSource
    level: int | str = "all"
    amount: float | str = 1.0
    mode: str = "select"
    page: int = 1

    def __post_init__(self) -> None:
        _check(self.slot == "off" or _is_whole(self.slot, 1, 16), "slot", self.slot, '1 to 16, or "off"')
        good = isinstance(self.level, str) or _is_whole(self.level, 0, 3)
        _check(good, "level", self.level, 'a level\'s name, 0 to 3, or "all"')
        _played(self.source.type in PAD_SOURCES, "source.type", self.source.type, "play a slot from a note")
        _word("mode", self.mode, MODES, PAD_MODES)
        share = _is_finite(self.amount) and 0 <= float(self.amount) <= 1
        _check(share or self.amount == VELOCITY, "amount", self.amount, f'0.0 to 1.0, or "{VELOCITY}"')
        _played(self.page == 1 and self.page is not True, "page", self.page, "use 1")


@dataclass(frozen=True)
class MidiMap:
    """A whole map; ``name`` is where it came from, for messages."""

    device: Device = field(default_factory=Device)
    entries: tuple[Knob | Pad, ...] = ()
    name: str = "the MIDI map"


def read_map(path: Path) -> MidiMap:
    """Read and check a map.

    Raises:
        UsageError: naming the file, the line where it is known, and the field.
    """
    try:
        if path.stat().st_size > MAX_MAP_BYTES:
            raise UsageError(f"the MIDI map {path} is larger than {MAX_MAP_BYTES} bytes", fix="give a map file")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"cannot read the MIDI map {path}: {reason}", fix="give a TOML file") from None
    return parse_map(text, str(path))


def parse_map(text: str, name: str = "the MIDI map") -> MidiMap:
    """A map from its text.

    Raises:
        UsageError: as ``read_map``.

    >>> parse_map('schema = "distill-live/midimap/1"').entries
    ()
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not TOML: {error}", fix="correct that line") from None
    if table.get("schema") != SCHEMA:
        raise UsageError(f"{name} has the schema {table.get('schema')!r}", fix=f'begin it with schema = "{SCHEMA}"')
    _only_known(table, ("schema", "device", "map"), name)
    device = _device(table.get("device", {}), name)
    raw = table.get("map", [])
    if not isinstance(raw, list):
        raise UsageError(f"{name}: map is not a list", fix="write each entry under [[map]]")
    lines = [text.count("\n", 0, match.start()) + 1 for match in re.finditer(r"(?m)^[ \t]*\[\[[ \t]*map\b", text)]
    places = [f"{name}, line {n}" for n in lines] if len(lines) == len(raw) else [f"{name}, [[map]]"] * len(raw)
    return MidiMap(device, tuple(_entry(e, place) for e, place in zip(raw, places, strict=True)), name)


def write_map(path: Path, midi_map: MidiMap) -> None:
    """Write a map that ``read_map`` reads back equal; the file is replaced whole or not at all.

    Raises:
        UsageError: when the place cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(format_map(midi_map), encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        raise UsageError(f"cannot write the MIDI map {path}: {error.strerror}", fix="choose another place") from None


def format_map(midi_map: MidiMap) -> str:
    """A map as TOML text; what stands at its default is left out."""
    import tomlkit  # only who writes maps needs it

    document = tomlkit.document()
    document["schema"] = SCHEMA
    device = tomlkit.table()
    device.update({k: v for k, v in asdict(midi_map.device).items() if v is not None})
    document["device"] = device
    entries = tomlkit.aot()
    for entry in midi_map.entries:
        table = tomlkit.table()
        for item in fields(entry):
            value = getattr(entry, item.name)
            if item.name == "source":
                source = tomlkit.inline_table()
                source.update({k: v for k, v in asdict(value).items() if v is not None})
                table["source"] = source
            elif item.default is MISSING or value != item.default:
                table[item.name] = list(value) if isinstance(value, tuple) else value
        entries.append(table)
    document["map"] = entries
    return tomlkit.dumps(document)


def _device(raw: Any, name: str) -> Device:
    place = f"{name}, [device]"
    if not isinstance(raw, dict):
        raise UsageError(f"{place} is not a table", fix="write it under [device]")
    _only_known(raw, [f.name for f in fields(Device)], place)
    return _placed(lambda: Device(**raw), place)


def _entry(raw: Any, place: str) -> Knob | Pad:
    if not isinstance(raw, dict) or ("param" in raw) == ("slot" in raw):
        raise UsageError(f"{place}: an entry has either a param or a slot", fix="give it one of them")
    kind: type[Knob | Pad] = Knob if "param" in raw else Pad
    _only_known(raw, [f.name for f in fields(kind)], place)
    source = raw.get("source")
    if not isinstance(source, dict) or not {"type", "number"} <= source.keys():
        raise UsageError(f"{place}: source is missing", fix='write e.g. source = { type = "cc", number = 16 }')
    _only_known(source, [f.name for f in fields(MidiSource)], f"{place}, source")
    return _placed(lambda: kind(**{**raw, "source": MidiSource(**source)}), place)


def _placed(make: Callable[[], T], place: str) -> T:
    """Calls ``make``; a field that is wrong is named with its place."""
    try:
        return make()
    except UsageError as error:
        raise UsageError(f"{place}: {error.what}", fix=error.fix) from None


def _only_known(table: dict[str, Any], known: Collection[str], place: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{place}: there is no field {key!r}", fix="use " + ", ".join(known))


def _word(field: str, value: Any, known: Collection[str], played: Collection[str]) -> None:
    _check(isinstance(value, str) and value in known, field, value, ", ".join(played))
    _played(value in played, field, value, "use " + ", ".join(played))


def _check(good: bool, field: str, value: Any, legal: str) -> None:
    if not good:
        raise UsageError(f"{field} cannot be {value!r}", fix=f"use {legal}")


def _played(good: bool, field: str, value: Any, fix: str) -> None:
    if not good:
        raise UsageError(f"{field} = {value!r} is not acted on by this version", fix=fix)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
