"""What a benchmark found: figures with their bars, as a table for people, markdown for the page, JSON for machines.

Knows nothing of how anything is measured. One thread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from distill_live.errors import UsageError

Side = Literal["at most", "at least"]


@dataclass(frozen=True)
class Figure:
    """One number, and the bar it is held against where it has one.

    ``value`` is None when it could not be measured; that does not reach a bar either.

    >>> Figure("start", "first sound, p50", 2.5, "s", bar=5.0).verdict, Figure("start", "runs", 5, "").verdict
    ('ok', '')
    """

    part: str
    name: str
    value: float | None
    unit: str
    bar: float | None = None
    side: Side = "at most"

    @property
    def reached(self) -> bool | None:
        """Whether the bar is reached; None where there is no bar."""
        if self.bar is None:
            return None
        if self.value is None or not math.isfinite(self.value):
            return False
        return self.value <= self.bar if self.side == "at most" else self.value >= self.bar

    @property
    def verdict(self) -> str:
        return {None: "", True: "ok", False: "NOT"}[self.reached]

    @property
    def text(self) -> str:
        """The value with its unit."""
        return "not measured" if self.value is None else f"{_short(self.value)} {self.unit}".rstrip()

    @property
    def bar_text(self) -> str:
        return "" if self.bar is None else f"{self.side} {_short(self.bar)} {self.unit}".rstrip()

    def to_json(self) -> dict[str, Any]:
        finite = self.value is None or math.isfinite(self.value)
        return {
            "part": self.part,
            "name": self.name,
            "value": self.value if finite else None,
            "unit": self.unit,
            "bar": self.bar,
            "side": self.side if self.bar is not None else None,
            "ok": self.reached,
        }


@dataclass
class Part:
    """What one part found: figures, sentences about how, and everything raw that a machine may want."""

    name: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def add(
        self, name: str, value: float | None, unit: str = "", bar: float | None = None, side: Side = "at most"
    ) -> None:
        self.figures.append(Figure(self.name, name, value, unit, bar, side))

    def add_spread(self, name: str, values: dict[str, float], unit: str, p95_bar: float | None = None) -> None:
        """p50, p95, p99 and max of one thing; the bar is for p95."""
        for which in ("p50", "p95", "p99", "max"):
            self.add(f"{name}, {which}", values.get(which), unit, p95_bar if which == "p95" else None)


def spread(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99, max and n of some numbers; nothing but ``n`` when there are none.

    >>> spread([1.0, 2.0, 3.0])["p50"], spread([])
    (2.0, {'n': 0})
    """
    kept = np.asarray(list(values), np.float64)
    if not len(kept):
        return {"n": 0}
    p50, p95, p99 = np.percentile(kept, (50, 95, 99))
    named = {"p50": p50, "p95": p95, "p99": p99, "max": kept.max()}
    return {**{name: round(float(value), 4) for name, value in named.items()}, "n": len(kept)}


@dataclass(frozen=True)
class Report:
    """All parts, on one machine, with one model."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    parts: Sequence[Part]

    @property
    def missed(self) -> list[Figure]:
        return [figure for part in self.parts for figure in part.figures if figure.reached is False]

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "settings": self.settings,
            "figures": [figure.to_json() for part in self.parts for figure in part.figures],
            "notes": {part.name: part.notes for part in self.parts},
            "details": {part.name: part.details for part in self.parts},
            "ok": not self.missed,
        }

    def markdown(self) -> str:
        """Machine, settings and a table, for ``docs/benchmarks.md``."""
        lines = [f"- {name}: {value}" for name, value in {**self.machine, **self.settings}.items()]
        lines += ["", "| part | figure | value | bar | |", "|---|---|---|---|---|"]
        for part in self.parts:
            lines += [f"| {f.part} | {f.name} | {f.text} | {f.bar_text} | {f.verdict} |" for f in part.figures]
        for part in self.parts:
            lines += ["", f"**{part.name}**: " + " ".join(part.notes)] if part.notes else []
        return "\n".join(lines)


def text_lines(part: Part) -> list[str]:
    """One part for the terminal."""
    lines = [f"{part.name}"]
    lines += [f"  {f.name:52} {f.text:>20}   {f.bar_text:22} {f.verdict}".rstrip() for f in part.figures]
    return lines + [f"  {note}" for note in part.notes]


def markers(script: str) -> tuple[str, str]:
    """The lines between which a script's figures stand on a page.

    >>> markers("soak")
    ('<!-- soak: begin -->', '<!-- soak: end -->')
    """
    return f"<!-- {script}: begin -->", f"<!-- {script}: end -->"


def write_between_markers(page: Path, script: str, text: str) -> None:
    """Replace what stands between a script's markers on a page.

    Raises:
        UsageError: the page cannot be read, or has no markers.
    """
    try:
        whole = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {page}: {error.strerror}", fix="give the page with the markers") from None
    begin, end = markers(script)
    before, found, rest = whole.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise UsageError(f"{page} has no place for the figures", fix=f"put the lines {begin} and {end} into it")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _short(value: float) -> str:
    """Four digits are enough.

    >>> _short(0.123456), _short(1234.5), _short(3.0)
    ('0.1235', '1234', '3')
    """
    if abs(value) >= 1000 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.4g}"
