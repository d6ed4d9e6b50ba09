"""THE parameter registry: what can be turned, in real units, declared once beside the code it turns.

``Param`` is a declaration, ``Registry`` the ordered set of them, ``ParamBank`` the live values. OSC addresses,
OSCQuery, MIDI targets, TUI controls, CLI flags, presets and the reference page are all read from here; this
module knows none of them, and imports nothing but the standard library.

Declarations are made at import time in small modules named ``params.py`` (``prior/params.py``, ``codes/params.py``,
``engine/params.py``, ``effects/*.py``), which never import torch; ``engine.params.load_all()`` imports them all.
A ``ParamBank`` belongs to one thread.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from distill_live.errors import ParamError, UnknownNameError

Kind = Literal["float", "int", "bool", "enum", "trigger", "readout"]
Curve = Literal["linear", "log", "power"]
Value = float | int | bool | str

POWER: Final = 3.0  # exponent of the "power" curve: fine steps near `low`
MAX_LEVELS: Final = 4  # four levels are always registered, 0 is the coarsest
SLOTS: Final = 16  # of the bank of sounds


@dataclass(frozen=True)
class Coerced:
    """A legal value, and whether it had to be clamped to become one."""

    value: Value
    clamped: bool


@dataclass(frozen=True)
class Param:
    """One thing that can be turned or read, in real units.

    Attributes:
        id: stable dotted name, e.g. ``level.0.temperature``.
        name: what a person reads on a control.
        group: where it stands on a page (``sampling``, ``level.0``, ``master``, ``meters`` ...).
        kind: float, int, bool, enum (a label of ``labels``), trigger (fires, has no value), readout (never set).
        low, high, default: in ``unit``; for an enum the indices of ``labels``.
        curve: how a position 0..1 maps to the value: linear, log (needs low > 0), power (exponent 3).
        smoothing_ms: time constant the audio side glides with; 0 for a step.
        help: one sentence.

    >>> t = Param("temperature", "Temperature", "sampling", low=0.1, high=2.0, default=1.0, help="How daring.")
    >>> t.coerce(9.0)
    Coerced(value=2.0, clamped=True)
    >>> t.to_position(t.from_position(0.25))
    0.25
    """

    id: str
    name: str
    group: str
    kind: Kind = "float"
    low: float = 0.0
    high: float = 1.0
    default: float = 0.0
    unit: str = ""
    curve: Curve = "linear"
    labels: tuple[str, ...] = ()
    smoothing_ms: float = 0.0
    help: str = ""

    def __post_init__(self) -> None:
        assert self.kind in get_args(Kind) and self.curve in get_args(Curve), self.id
        if self.kind == "enum":
            object.__setattr__(self, "high", float(len(self.labels) - 1))
        if self.kind in ("bool", "trigger"):
            object.__setattr__(self, "high", 1.0)
        assert self.low < self.high or self.kind == "enum", f"{self.id}: empty range"
        assert self.low <= self.default <= self.high, f"{self.id}: default out of range"
        assert self.curve != "log" or self.low > 0, f"{self.id}: a log curve needs low > 0"

    @property
    def default_value(self) -> Value:
        """The default as a value of this parameter's kind."""
        return self._typed(self.default)

    @property
    def settable(self) -> bool:
        return self.kind != "readout"

    @property
    def range_text(self) -> str:
        """The legal range as a person reads it."""
        if self.kind == "enum":
            return ", ".join(self.labels)
        if self.kind == "bool":
            return "off or on"
        if self.kind == "trigger":
            return "fires on 1"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.low:g} to {self.high:g}{unit}"

    def coerce(self, value: object) -> Coerced:
        """Any incoming value as a legal one: clamped to the range, ints rounded, labels matched.

        Integers and floats are accepted for each other (Pd sends only floats).

        Raises:
            ParamError: for NaN, infinity, a wrong type, an unknown label, or a readout.
        """
        if not self.settable:
            raise ParamError(f"{self.id} is a readout and cannot be set")
        if isinstance(value, str):
            return self._from_text(value)
        if not isinstance(value, (int, float)):
            raise ParamError(f"{self.id} cannot take {value!r}", fix=f"use {self.range_text}")
        number = self._finite(value)
        clamped = number < self.low or number > self.high
        return Coerced(self._typed(min(max(number, self.low), self.high)), clamped)

    def to_position(self, value: Value) -> float:
        """Where a value lies on the parameter's curve, 0..1."""
        number = float(self.labels.index(value)) if isinstance(value, str) else float(value)
        if self.high == self.low:
            return 0.0
        if self.curve == "log":
            return math.log(number / self.low) / math.log(self.high / self.low)
        linear = (number - self.low) / (self.high - self.low)
        return math.pow(linear, 1.0 / POWER) if self.curve == "power" else linear

    def from_position(self, position: float) -> Value:
        """The value at a position 0..1 of the curve (positions outside are clamped).

        Raises:
            ParamError: when the position is not finite.
        """
        p = min(max(self._finite(position), 0.0), 1.0)
        if self.curve == "log":
            number = self.low * math.pow(self.high / self.low, p)
        else:
            number = self.low + (self.high - self.low) * (math.pow(p, POWER) if self.curve == "power" else p)
        return self._typed(min(max(number, self.low), self.high))

    def describe(self) -> dict[str, Any]:
        """The declaration as plain JSON values (what ``params --json`` and ``/distill/describe`` print)."""
        return {
            "id": self.id,
            "name": self.name,
            "group": self.group,
            "kind": self.kind,
            "low": self.low,
            "high": self.high,
            "default": self.default_value,
            "unit": self.unit,
            "curve": self.curve,
            "labels": list(self.labels),
            "help": self.help,
        }

    def format(self, value: Value) -> str:
        """A value as a person reads it, with its unit."""
        if self.kind == "bool":
            return "on" if value else "off"
        if isinstance(value, str):
            return value
        text = str(value) if self.kind == "int" else f"{float(value):.3g}"
        return f"{text} {self.unit}".rstrip()

    def _finite(self, value: float) -> float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ParamError(f"{self.id} cannot be {number}", fix=f"send a finite number, {self.range_text}")
        return number

    def _from_text(self, text: str) -> Coerced:
        wanted = text.strip().lower()
        if self.kind == "enum":
            for label in self.labels:
                if label.lower() == wanted:
                    return Coerced(label, False)
        if self.kind in ("bool", "trigger") and wanted in ("on", "off", "true", "false", "1", "0"):
            return Coerced(wanted in ("on", "true", "1"), False)
        try:
            if self.kind not in ("bool", "trigger"):
                return self.coerce(float(wanted))
        except ValueError:
            pass  # not a number either: the sentence below says what is legal
        raise ParamError(f"{self.id} cannot be {text!r}", fix=f"use {self.range_text}")

    def _typed(self, number: float) -> Value:
        if self.kind == "int":
            return round(number)
        if self.kind in ("bool", "trigger"):
            return number >= 0.5
        if self.kind == "enum":
            return self.labels[round(number)]
        return float(number)


class Registry(Mapping[str, Param]):
    """An ordered set of declarations, by id."""

    def __init__(self, params: Iterable[Param] = ()) -> None:
        self._params: dict[str, Param] = {}
        self._declared_in: dict[str, str] = {}
        for param in params:
            self.declare(param)

    def declare(self, param: Param) -> Param:
        """Add a declaration. Declaring the very same one again is harmless; another one under its id is a bug."""
        known = self._params.setdefault(param.id, param)
        assert known == param, f"{param.id} is declared twice, differently"
        self._declared_in.setdefault(param.id, sys._getframe(1).f_globals.get("__name__", ""))
        return param

    def arrange(self, modules: Sequence[str]) -> None:
        """Order the declarations by the module that made them, as ``modules`` are listed (others last).

        Declarations are made when a module is first imported, so without this the order of a page would depend on who
        imported what first.
        """
        rank = {module: n for n, module in enumerate(modules)}
        ids = sorted(
            self._params, key=lambda i: rank.get(self._declared_in[i], len(rank))
        )  # stable: order within stays
        self._params = {i: self._params[i] for i in ids}

    def __getitem__(self, param_id: str) -> Param:
        try:
            return self._params[param_id]
        except KeyError:
            raise UnknownNameError(
                f"there is no parameter {param_id!r}", fix="`distill-live params` lists them"
            ) from None

    def __contains__(self, param_id: object) -> bool:
        return param_id in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def group(self, group: str) -> list[Param]:
        """The declarations of one group, in order."""
        return [p for p in self._params.values() if p.group == group]


REGISTRY: Final = Registry()
declare = REGISTRY.declare


class ParamBank:
    """The live values of a registry. Reading is a dictionary look-up; nothing here ever blocks.

    >>> bank = ParamBank(Registry([Param("gain", "Gain", "master", low=-60, high=6, unit="dB", help="Level.")]))
    >>> bank.set("gain", 12), bank["gain"]
    (Coerced(value=6.0, clamped=True), 6.0)
    """

    def __init__(self, registry: Registry = REGISTRY) -> None:
        self.registry = registry
        self._values: dict[str, Value] = {i: p.default_value for i, p in registry.items()}

    def __getitem__(self, param_id: str) -> Value:
        try:
            return self._values[param_id]
        except KeyError:
            return self.registry[param_id].default_value  # declared after this bank was made, or unknown: raises

    def number(self, param_id: str) -> float:
        """A numeric value (an enum's is the index of its label)."""
        value = self[param_id]
        return float(self.registry[param_id].labels.index(value)) if isinstance(value, str) else float(value)

    def set(self, param_id: str, value: object) -> Coerced:
        """Set in real units.

        Raises:
            UnknownNameError, ParamError: and the old value stays.
        """
        coerced = self.registry[param_id].coerce(value)
        self._values[param_id] = coerced.value
        return coerced

    def set_position(self, param_id: str, position: float) -> Coerced:
        """Set through the parameter's curve, 0..1."""
        return self.set(param_id, self.registry[param_id].from_position(position))

    def publish(self, param_id: str, value: Value) -> None:
        """Write a readout (only the code that measures it calls this)."""
        self._values[param_id] = value

    def snapshot(self) -> dict[str, Value]:
        """All settable values that differ from their default, by id."""
        return {
            i: v
            for i, v in self._values.items()
            if self.registry[i].kind not in ("readout", "trigger") and v != self.registry[i].default_value
        }

    def restore(self, values: Mapping[str, object]) -> None:
        """Set the values given, everything else to its default."""
        for param_id, param in self.registry.items():
            self._values[param_id] = param.default_value
        for param_id, value in values.items():
            self.set(param_id, value)
