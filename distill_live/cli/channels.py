"""Which channels of an input are meant: ``2``, or the pair ``1-2``."""

from __future__ import annotations

import re

from distill_live.errors import UsageError


def parse_channels(text: str) -> tuple[int, int]:
    """A channel or a pair of neighbours, counted from 1, as (first from 0, how many).

    Raises:
        UsageError: it is neither.

    >>> parse_channels("1"), parse_channels("3-4")
    ((0, 1), (2, 2))
    """
    match = re.fullmatch(r"\s*(\d{1,2})\s*(?:-\s*(\d{1,2})\s*)?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= 64 or last - first > 1:
        raise UsageError(f"{text!r} is no input channel", fix="write one, such as 2, or two neighbours, such as 1-2")
    return first - 1, last - first + 1
