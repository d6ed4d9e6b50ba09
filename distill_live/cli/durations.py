"""Lengths of time as people write them on a command line: ``90s``, ``5m``, ``1h``. Standard library only."""

from __future__ import annotations

import math
import re
from typing import Final

from distill_live.errors import UsageError

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smh])")


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``5m``, ``1.5h``, ``1h30m``; a bare number is seconds.

    >>> parse_duration("90s"), parse_duration("1h30m"), parse_duration("45")
    (90.0, 5400.0, 45.0)

    Raises:
        UsageError: for anything else, and for 0.
    """
    tidy = text.strip().lower()
    bare = re.fullmatch(r"\d+(?:\.\d+)?", tidy)
    parts = _PART.findall(tidy)
    whole = bool(parts) and "".join(number + unit for number, unit in parts) == tidy
    if len(tidy) > 20 or not (bare or whole):
        raise UsageError(f"{text[:40]!r} is not a length of time", fix="write e.g. 90s, 5m or 1h")
    seconds = float(tidy) if bare else sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not math.isfinite(seconds) or seconds <= 0:
        raise UsageError(f"{text[:40]!r} is no time at all", fix="write e.g. 90s, 5m or 1h")
    return seconds


def parse_moment(text: str, sample_rate: int = 48000) -> int:
    """A moment as a frame: ``12.5``, ``90s`` or ``1m30s`` from the start, or a frame itself, ``48128f``.

    >>> parse_moment("1.5"), parse_moment("2m"), parse_moment("48128f"), parse_moment("0")
    (72000, 5760000, 48128, 0)

    Raises:
        UsageError: for anything else.
    """
    tidy = text.strip().lower()
    if re.fullmatch(r"\d{1,15}f", tidy):
        return int(tidy[:-1])
    if re.fullmatch(r"0+(\.0*)?s?", tidy):
        return 0
    try:
        return round(parse_duration(tidy) * sample_rate)
    except UsageError:
        raise UsageError(
            f"{text[:40]!r} is not a moment", fix="write e.g. 12.5, 90s, 1m30s, or a frame: 48128f"
        ) from None


def spoken_duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> spoken_duration(7.4), spoken_duration(95), spoken_duration(7260)
    ('7 s', '1 min 35 s', '2 h 1 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
