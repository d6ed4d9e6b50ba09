"""Which column sounds, before any level is edited: the stream's, the input's, a frozen one, or a stutter's.

::

    prior's column --+
                     +-- source (per level) --> stutter --> freeze --> the column that ``edits`` works on
    input's column --+

The stream goes on underneath: whatever is switched on here and off again leaves the columns after it as they would
have been. Remembers the last columns, so that a stutter or a grab can reach back. Knows nothing of time beyond the
column counter. Values are never modified; the render thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_live.codes.grid import Codes
from distill_live.codes.params import LONGEST_STUTTER


@dataclass(frozen=True)
class Stutter:
    """A loop of columns ``[n, H, Q]`` that began at column ``since``."""

    columns: tuple[Codes, ...]
    since: int

    def column(self, counter: int) -> Codes:
        """The column that plays at a column counter, ``since`` or later."""
        return self.columns[(counter - self.since) % len(self.columns)]


class Moments:
    """Chooses the column at a counter.

    Attributes:
        frozen: the column that is held, or None.
        stutter: the loop that runs, or None.

    >>> import numpy as np
    >>> moments = Moments()
    >>> for n in range(4): moments.passed(n, np.full((1, 1), n, np.int16))
    >>> moments.start_stutter(2, at=4)
    >>> [moments.chosen(n, np.full((1, 1), n, np.int16)).item() for n in range(4, 8)]
    [2, 3, 2, 3]
    """

    def __init__(self) -> None:
        self.frozen: Codes | None = None
        self.stutter: Stutter | None = None
        self._past: dict[int, Codes] = {}

    def chosen(self, counter: int, column: Codes) -> Codes:
        """What sounds at ``counter`` in place of the stream's ``column`` ``[H, Q]``."""
        if self.frozen is not None:
            return self.frozen
        if self.stutter is not None and counter >= self.stutter.since:
            return self.stutter.column(counter)
        return column

    def passed(self, counter: int, column: Codes) -> None:
        """Remember the stream's column at ``counter``; a later call for the same one replaces it."""
        self._past[counter] = column
        for old in [c for c in self._past if c <= counter - LONGEST_STUTTER]:
            del self._past[old]

    def start_stutter(self, columns: int, at: int) -> None:
        """Loop the last ``columns`` columns before ``at``; 0 ends it, and without a past nothing begins."""
        loop = [self._past[c] for c in sorted(self._past) if at - columns <= c < at]
        self.stutter = Stutter(tuple(loop), at) if columns and loop else None

    def copy(self) -> Moments:
        """Another one in the same state."""
        twin = Moments()
        twin.frozen, twin.stutter, twin._past = self.frozen, self.stutter, dict(self._past)
        return twin


def from_sources(drawn: Codes, heard: Codes | None, sources: Sequence[bool]) -> Codes:
    """A column ``[H, Q]`` whose levels come from the prior or, where ``sources`` says so, from the input.

    Before anything has been heard, the prior's codes stand in.

    >>> import numpy as np
    >>> drawn, heard = np.array([[1, 2]], np.int16), np.array([[8, 9]], np.int16)
    >>> from_sources(drawn, heard, (True, False)).tolist(), from_sources(drawn, None, (True, True)).tolist()
    ([[8, 2]], [[1, 2]])
    """
    if heard is None or not any(sources):
        return drawn
    column = drawn.copy()
    for level, from_input in enumerate(sources[: column.shape[1]]):
        if from_input:
            column[:, level] = heard[:, level]
    return column
