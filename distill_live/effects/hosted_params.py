"""A plugin's parameter as one of ours: kind, range, unit and curve from the texts it shows.

A plugin knows its parameters as places 0 to 1 and shows a text at each. The texts are read once, when it is added::

    place   0       0.25      0.5  ...  ->   20 Hz   112 Hz   632 Hz ...   ->   float, 20 to 20000 Hz, log
            0       1                   ->   off     on                    ->   bool
            0       0.5       1         ->   tape    tube     diode        ->   enum

and the table of values and places that is kept leads back from a value to the place. Knows no plugin format. Any
thread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, Final

import numpy as np

from distill_live.params import Curve, Param, Value

LOOKED_AT: Final = 1001  # places where a parameter without steps is read
MOST_STEPS: Final = 128  # of an enum; more is a number that the plugin does not tell
_TABLE: Final = 65  # entries kept of a curve
_STRAIGHT: Final = 1e-4  # a curve no farther from a line than this is one
_NUMBER: Final = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?inf|[+-]?∞)\s*(\D{0,8})", re.IGNORECASE)
_FAMILIES: Final = (("Hz", {"hz": 1.0, "khz": 1e3, "k": 1e3}), ("ms", {"ms": 1.0, "s": 1e3, "sec": 1e3}))
_OFF, _ON = frozenset({"off", "no", "false", "disabled"}), frozenset({"on", "yes", "true", "enabled"})


@dataclass(frozen=True)
class Asked:
    """What a plugin says of one of its parameters.

    Attributes:
        index: where it stands in the plugin's own list.
        steps: how many values it has; 0 where it glides.
        place: where it stands now, 0 to 1: its default.
        texts: what it shows at ``places(steps)``.
        live: it is made to be turned while it sounds.
    """

    index: int
    name: str
    label: str
    steps: int
    place: float
    texts: tuple[str, ...]
    live: bool = True


@dataclass(frozen=True)
class HostedParam:
    """A parameter of the registry, and how its values are told to the plugin.

    Attributes:
        name: what the plugin calls it.
        table: ``(value, place)`` by rising value (an enum's values are the indices of its labels).
        place: where the default is, to the bit.
    """

    param: Param
    index: int
    name: str
    table: tuple[tuple[float, float], ...]
    place: float

    def place_of(self, value: Value) -> float:
        """Where the plugin has this value, 0 to 1."""
        number = float(self.param.labels.index(value)) if isinstance(value, str) else float(value)
        if number == self.param.default:
            return self.place
        values, places = zip(*self.table, strict=True)
        return float(np.interp(number, values, places))

    def to_json(self) -> dict[str, Any]:
        told = {**self.param.describe(), "default": self.param.default, "index": self.index, "plugin_name": self.name}
        return {**told, "place": self.place, "table": [list(pair) for pair in self.table]}

    @staticmethod
    def from_json(told: dict[str, Any]) -> HostedParam:
        """What ``to_json`` wrote.

        Raises:
            ValueError, TypeError, KeyError, AssertionError: it is something else.
        """
        plain = {key: str(told[key]) for key in ("id", "name", "group", "kind", "unit", "curve", "help")}
        low, high, default, place = (_finite(told[key]) for key in ("low", "high", "default", "place"))
        labels = tuple(str(label) for label in told["labels"])
        param = Param(**plain, low=low, high=high, default=default, labels=labels)  # type: ignore[arg-type]
        table = tuple((_finite(value), _finite(at)) for value, at in told["table"])
        if not table or any(first[0] >= second[0] for first, second in pairwise(table)):
            raise ValueError(f"the table of {param.id} does not rise")
        return HostedParam(param, int(told["index"]), str(told["plugin_name"]), table, place)


def places(steps: int) -> list[float]:
    """Where a parameter of so many steps is to be read.

    >>> places(3)
    [0.0, 0.5, 1.0]
    """
    count = steps if 2 <= steps <= LOOKED_AT else LOOKED_AT
    return [n / (count - 1) for n in range(count)]


def describe(asked: Asked, effect: str, title: str, what: str) -> HostedParam | None:
    """One parameter for the registry, or None where there is nothing to turn.

    Args:
        effect: the name of the effect; ``what``: the rest of the id.
        title: the plugin's own name.

    >>> on = describe(Asked(0, "Invert", "", 2, 0.0, ("0.0", "1.0")), "zamdelay", "ZamDelay", "invert")
    >>> on.param.id, on.param.kind, on.place_of(True)
    ('fx.zamdelay.invert', 'bool', 1.0)
    """
    shown = _shown(asked)
    if len(shown) < 2:
        return None
    manner = "" if asked.live else ", which is not made to be turned while it sounds"
    blank = Param(
        f"fx.{effect}.{what}",
        f"{title} {asked.name}",
        f"fx.{effect}",
        default=0.0,
        help=f"What {title} calls {asked.name}{manner}.",
    )
    return _switch(asked, shown, blank) or _number(asked, shown, blank) or _choice(asked, shown, blank)


def ids_for(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """A word for each name, each another one and none of ``taken``.

    >>> ids_for(["Dry/Wet", "dry wet", "On", "♯"], ["on"])
    ['dry-wet', 'dry-wet-2', 'on-2', 'p']
    """
    used, words = set(taken), []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "p"
        word = next(
            w for n in range(1, len(names) + len(taken) + 2) if (w := plain if n == 1 else f"{plain}-{n}") not in used
        )
        used.add(word)
        words.append(word)
    return words


# ---------------------------------------------------------------- what the texts mean

Shown = list[tuple[str, float]]
"""Texts and their places, each text once where several neighbouring places show it."""


def _shown(asked: Asked) -> Shown:
    """The ends of the range keep their places; a text shown at several places in between lies in their middle."""
    at = places(asked.steps)
    runs = [
        [place for _, place in run] for _, run in groupby(zip(asked.texts, at, strict=True), key=lambda pair: pair[0])
    ]
    texts = [text for text, _ in groupby(asked.texts)]
    middles = [0.5 * (run[0] + run[-1]) for run in runs]
    middles[0], middles[-1] = at[0], at[-1]
    return list(zip(texts, middles, strict=True))


def _switch(asked: Asked, shown: Shown, blank: Param) -> HostedParam | None:
    if len(shown) != 2:
        return None
    words = [text.strip().lower() for text, _ in shown]
    numbers = _read([text for text, _ in shown])
    rising = (words[0] in _OFF and words[1] in _ON) or (numbers is not None and numbers[0] == [0.0, 1.0])
    falling = (words[0] in _ON and words[1] in _OFF) or (numbers is not None and numbers[0] == [1.0, 0.0])
    if not rising and not falling:
        return None
    off, on = (0.0, 1.0) if rising else (1.0, 0.0)
    default = float((asked.place >= 0.5) == rising)
    table = ((0.0, off), (1.0, on))
    return HostedParam(replace(blank, kind="bool", default=default), asked.index, asked.name, table, asked.place)


def _number(asked: Asked, shown: Shown, blank: Param) -> HostedParam | None:
    read = _read([text for text, _ in shown])
    if read is None:
        return None
    values, at = _without_infinity(read[0], [place for _, place in shown])
    steps = np.diff(values)
    if len(values) < 2 or not np.isfinite(values).all() or not ((steps > 0).all() or (steps < 0).all()):
        return None
    whole = len(values) == asked.steps and all(v == round(v) for v in values) and set(np.abs(steps)) == {1.0}
    default = float(np.interp(asked.place, at, values))
    low, high = min(values), max(values)
    table = tuple(sorted(zip(values, at, strict=True)))
    param = replace(
        blank,
        kind="int" if whole else "float",
        low=low,
        high=high,
        default=float(round(default)) if whole else _tidy(default, low, high),
        unit=read[1] or asked.label.strip(),
    )
    return HostedParam(
        replace(param, curve="linear" if whole else _curve(param, table)),
        asked.index,
        asked.name,
        _thinned(table),
        asked.place,
    )


def _choice(asked: Asked, shown: Shown, blank: Param) -> HostedParam:
    """One of the texts; or, where there are too many, the plugin's own place 0 to 1."""
    if len(shown) > MOST_STEPS:
        place = min(max(asked.place, 0.0), 1.0)
        return HostedParam(replace(blank, default=place), asked.index, asked.name, ((0.0, 0.0), (1.0, 1.0)), place)
    labels: list[str] = []
    for number, (text, _) in enumerate(shown, 1):
        label = text.strip() or str(number)
        labels.append(f"{label} ({number})" if label.lower() in [known.lower() for known in labels] else label)
    default = int(np.argmin([abs(place - asked.place) for _, place in shown]))
    table = tuple((float(n), place) for n, (_, place) in enumerate(shown))
    param = replace(blank, kind="enum", labels=tuple(labels), default=float(default))
    return HostedParam(param, asked.index, asked.name, table, asked.place)


def _read(texts: Sequence[str]) -> tuple[list[float], str] | None:
    """Texts as numbers of one unit; None when they are not.

    >>> _read(["500 Hz", "1.5 kHz"]), _read(["-inf dB", "-60 dB"]), _read(["1/4", "1/8"])
    (([500.0, 1500.0], 'Hz'), ([-inf, -60.0], 'dB'), None)
    """
    matches = [_NUMBER.fullmatch(text.strip()) for text in texts]
    found = [match for match in matches if match is not None]
    if len(found) < len(texts):
        return None
    numbers = [float(match[1].replace("∞", "inf")) for match in found]
    units = [match[2].strip() for match in found]
    named = {unit.lower() for unit in units if unit}
    if len(named) < 2:
        return numbers, next((unit for unit in units if unit), "")
    for unit, scales in _FAMILIES:
        if named <= set(scales):
            factors = [scales.get(own.lower(), 1.0) for own in units]
            return [number * factor for number, factor in zip(numbers, factors, strict=True)], unit
    return None


def _without_infinity(values: list[float], at: list[float]) -> tuple[list[float], list[float]]:
    """Silence is "-inf dB" to many: the lowest number that can be told takes its place (its own goes)."""
    if len(values) > 2 and not np.isfinite(values[0]):
        values, at = values[1:], [at[0], *at[2:]]
    if len(values) > 2 and not np.isfinite(values[-1]):
        values, at = values[:-1], [*at[:-2], at[-1]]
    return values, at


def _tidy(number: float, low: float, high: float) -> float:
    """A default as a person would have written it: 0 and not -9.4e-08."""
    plain = 0.0 if abs(number) < 1e-6 * (high - low) else float(f"{number:.6g}")
    return min(max(plain, low), high)


def _curve(param: Param, table: Sequence[tuple[float, float]]) -> Curve:
    """The curve whose positions come nearest to the plugin's own places; a line where it does about as well."""
    curves: list[Curve] = ["linear", "power"] if param.low <= 0 else ["linear", "log", "power"]
    rising = table[-1][1] > table[0][1]
    own = np.array([place if rising else 1.0 - place for _, place in table])

    def apart(curve: Curve) -> float:
        bent = replace(param, curve=curve)
        return float(np.abs(np.array([bent.to_position(value) for value, _ in table]) - own).max())

    best = min(curves, key=apart)
    return "linear" if apart("linear") < apart(best) + 0.01 else best


def _thinned(table: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Both ends where a line between them is as good, else at most ``_TABLE`` entries."""
    values, at = (np.array(column) for column in zip(*table, strict=True))
    straight = np.interp(values, values[[0, -1]], at[[0, -1]])
    if np.abs(straight - at).max() < _STRAIGHT:
        return table[0], table[-1]
    kept = sorted({round(n) for n in np.linspace(0, len(table) - 1, min(_TABLE, len(table)))})
    return tuple(table[n] for n in kept)


def _finite(number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not np.isfinite(number):
        raise ValueError(f"{number!r} is not a number")
    return float(number)
