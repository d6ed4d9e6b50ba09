"""A preset as TOML that a person can read and write::

    schema = "distill-live/preset/1"
    name = "slow bells"
    number = 3                        # its place, for MIDI program changes; left out: by name
    note = "Long bells, large room."
    model = "factory"                 # a hint only: the model it was made with

    [values]                          # by registry id, in real units; what is not here is at its default
    temperature = 0.7
    level.1.swap = "3"
    fx.delay.time = 750.0             # ms

    [bank]                            # slot = sound; a slot that is not here keeps what it holds
    3 = "bells_slow.flac"

What is unknown here is named and skipped (a plugin is missing, the file is of another version), what is out of range
is clamped and said; what can be no value at all refuses the file. Pure; any thread.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from distill_live.errors import ParamError, PresetError
from distill_live.home import sound_name
from distill_live.params import SLOTS, Param, Registry, Value
from distill_live.presets.preset import MAX_NUMBER, Preset, belongs

SCHEMA: Final = "distill-live/preset/1"
MAX_NOTE_BYTES: Final = 200  # a note travels as one OSC string

_FIELDS: Final = ("schema", "name", "number", "note", "model", "values", "bank")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST_TEXT: Final = 200


# ---------------------------------------------------------------------- writing


def format_preset(preset: Preset, registry: Registry) -> str:
    """A preset as TOML text that ``parse_preset`` reads back equal."""
    lines = [
        "# A preset of distill-live: what is not here is at its default. `distill-live params` prints all there is.",
        f'schema = "{SCHEMA}"',
        f"name = {_text(preset.name)}",
    ]
    lines += [f"number = {preset.number}"] if preset.number is not None else []
    lines += [f"{key} = {_text(text)}" for key, text in (("note", preset.note), ("model", preset.model)) if text]
    lines += ["", "[values]", *_value_lines(preset.values, registry)]
    if preset.bank:
        lines += ["", "[bank]", *(f"{slot} = {_text(sound)}" for slot, sound in sorted(preset.bank.items()))]
    return "\n".join(lines) + "\n"


def _value_lines(values: Mapping[str, Value], registry: Registry) -> list[str]:
    """One line a value in the registry's order, an empty one between groups, the unit behind it."""
    lines: list[str] = []
    group = ""
    for param in registry.values():
        if param.id not in values:
            continue
        if group and param.group != group:
            lines.append("")
        group = param.group
        unit = f"  # {param.unit}" if param.unit else ""
        lines.append(f"{_key(param.id, values)} = {_literal(values[param.id])}{unit}")
    return lines


def _key(param_id: str, values: Mapping[str, Value]) -> str:
    """An id as a dotted key; quoted where TOML would take it for something else.

    >>> _key("level.0.mute", {}), _key("a.b", {"a": 1})
    ('level.0.mute', '"a.b"')
    """
    clashes = any(other.startswith(f"{param_id}.") or param_id.startswith(f"{other}.") for other in values)
    return param_id if _BARE.fullmatch(param_id) and not clashes else _text(param_id)


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A TOML basic string: JSON's, but for the one control character that JSON lets through."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# ---------------------------------------------------------------------- reading


@dataclass(frozen=True)
class ReadPreset:
    """A preset read back, and in sentences what was left out of it (``skipped``) or moved into range (``clamped``)."""

    preset: Preset
    skipped: tuple[str, ...] = ()
    clamped: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """All sentences as one text; empty when the file was as it should be."""
        return " ".join((*self.skipped, *self.clamped))


def parse_preset(text: str, registry: Registry, name: str | None = None) -> ReadPreset:
    """A preset from its text; ``name`` is that of its file, which counts, whatever the text calls itself.

    Raises:
        PresetError: it is no preset, of another version, or a value in it can be no value (NaN, infinity, a list ...).

    >>> from distill_live.params import Param
    >>> text = 'schema = "distill-live/preset/1"' + chr(10) + "values = { mix = 7, gone = 1 }"
    >>> read = parse_preset(text, Registry([Param("mix", "Mix", "master")]), "wet")
    >>> read.preset.values, read.remarks
    ({'mix': 1.0}, 'There is no gone here. mix 7 is outside 0 to 1, 1 is set.')
    """
    return preset_of(parse_document(text, name or "the preset"), registry, name)


def parse_document(text: str, shown: str) -> dict[str, Any]:
    """The TOML table of a preset, whose schema is ours; ``shown`` names it in errors.

    Raises:
        PresetError: it is not TOML, or not a preset that this version reads.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of 5000 digits, brackets without end
        where = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it cannot be read"
        raise PresetError(f"{shown} is not TOML: {where}", fix="correct that place, or delete the preset") from None
    schema = table.get("schema")
    if schema == SCHEMA:
        return table
    if isinstance(schema, str) and schema.startswith(SCHEMA.rpartition("/")[0]):
        raise PresetError(f"{shown} is of the schema {schema[:60]}, this program reads {SCHEMA}", fix="update it")
    raise PresetError(f"{shown} is not a preset", fix=f'a preset begins with schema = "{SCHEMA}"')


def preset_of(table: Mapping[str, Any], registry: Registry, name: str | None = None) -> ReadPreset:
    """The preset that a table of ``parse_document`` holds.

    Raises:
        PresetError: as ``parse_preset``.
    """
    shown = name or "the preset"
    heading = read_heading(table, shown)
    values, skipped, clamped = _values(_table(table, "values", shown), registry, shown)
    unknown = [f"There is no field {_cut(key)} in a preset." for key in table if key not in _FIELDS]
    title = name or _cut(str(table.get("name", "")))
    bank = _bank(_table(table, "bank", shown), shown)
    preset = Preset(title, values, bank, heading.model, heading.number, heading.note)
    return ReadPreset(preset, (*skipped, *unknown), clamped)


@dataclass(frozen=True)
class Heading:
    """What a list of presets shows of one."""

    number: int | None = None
    note: str = ""
    model: str = ""


def read_heading(table: Mapping[str, Any], shown: str) -> Heading:
    """The heading of a table of ``parse_document``.

    Raises:
        PresetError: the number is none.
    """
    number = table.get("number")
    if number is not None and not _is_whole(number, MAX_NUMBER):
        raise PresetError(f"{shown} has no proper number", fix=f"use 1 to {MAX_NUMBER}, or leave it out")
    return Heading(number, _line(table.get("note")), _line(table.get("model")))


def _values(
    table: Mapping[str, Any], registry: Registry, shown: str
) -> tuple[dict[str, Value], tuple[str, ...], tuple[str, ...]]:
    """Legal values that differ from their defaults, and the sentences on what was skipped and clamped."""
    values: dict[str, Value] = {}
    unknown: list[str] = []
    skipped: list[str] = []
    clamped: list[str] = []
    for param_id, raw in _flat(table):
        if param_id not in registry:
            unknown.append(_cut(param_id))
            continue
        param = registry[param_id]
        if not belongs(param):
            skipped.append(f"{param_id} is not a preset's to set.")
        elif param.kind == "enum" and isinstance(raw, str) and raw.strip().lower() not in map(str.lower, param.labels):
            skipped.append(f"{param_id} cannot be {_shown(raw)} here, it stays {param.format(param.default_value)}.")
        else:
            values[param_id] = _value(param, raw, shown, clamped)
    if unknown:
        skipped.insert(0, f"There is no {_some(unknown)} here.")
    return {i: v for i, v in values.items() if v != registry[i].default_value}, tuple(skipped), tuple(clamped)


def _value(param: Param, raw: Any, shown: str, clamped: list[str]) -> Value:
    if not isinstance(raw, (bool, int, float, str)) or (isinstance(raw, str) and len(raw) > _LONGEST_TEXT):
        raise PresetError(f"{shown}: {param.id} has no value", fix=f"use {param.range_text}")
    try:
        coerced = param.coerce(raw)
    except ParamError as error:
        raise PresetError(f"{shown}: {error.what}", fix=error.fix) from None
    if coerced.clamped:
        inside = param.format(coerced.value)
        clamped.append(f"{param.id} {_shown(raw)} is outside {param.range_text}, {inside} is set.")
    return coerced.value


def _bank(table: Mapping[str, Any], shown: str) -> dict[int, str]:
    bank: dict[int, str] = {}
    for key, sound in table.items():
        slot = int(key) if key.isascii() and key.isdigit() and len(key) < 3 else 0
        if not 1 <= slot <= SLOTS:
            raise PresetError(f"{shown}: there is no slot {_cut(key)}", fix=f"use 1 to {SLOTS}")
        try:
            bank[slot] = sound_name(sound if isinstance(sound, str) else None)
        except ParamError:
            raise PresetError(f"{shown}: slot {slot} holds no name of a sound", fix="names, never paths") from None
    return bank


def _table(table: Mapping[str, Any], key: str, shown: str) -> Mapping[str, Any]:
    inner = table.get(key, {})
    if not isinstance(inner, dict):
        raise PresetError(f"{shown}: {key} is not a table", fix=f"write it under [{key}]")
    return inner


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Leaves of nested tables by dotted id; without recursion, since a file may nest as deep as it likes."""
    waiting: list[tuple[str, Any]] = list(table.items())[::-1]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{key}.{inner}", item) for inner, item in list(value.items())[::-1]]
        else:
            yield key, value


def _line(value: object) -> str:
    """Text of a file as one printable line that fits an OSC string."""
    text = "".join(c for c in value if c.isprintable()) if isinstance(value, str) else ""
    return text.encode()[:MAX_NOTE_BYTES].decode(errors="ignore").strip()


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _shown(value: float | str) -> str:
    """A value of a file as it may stand in a sentence."""
    return repr(_cut(value)) if isinstance(value, str) else f"{value:.6g}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_whole(value: Any, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= high
