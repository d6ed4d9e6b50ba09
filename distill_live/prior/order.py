"""The order in which codes are spelt, and the token that stands before the first.

Order is time-major: a column is complete before the next begins; inside it rows go low to high and, in a row, levels
coarse before fine, so that a finer level is predicted knowing the coarser codes of its row. Place ``n`` of a column is
``row * levels + level``. The begin token stands for "no column yet": -1 in a context, the last entry of every table.

Standard library only; any thread.
"""

from __future__ import annotations

from typing import Final

BEGIN: Final = -1


def places(rows: int, levels: int) -> tuple[tuple[int, int], ...]:
    """(row, level) of every place of a column, in the order they are chosen.

    >>> places(2, 2)
    ((0, 0), (0, 1), (1, 0), (1, 1))
    """
    return tuple((row, level) for row in range(rows) for level in range(levels))
