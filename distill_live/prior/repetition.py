"""How long a code may stay: no stream dwells longer on one moment than its recordings do.

A prior that stays on a code for one more column ten times in eleven is right each time, and wrong after a minute. So
the coarsest level is given as many columns on a code as the longest such stay in the corpus, times a factor that a hand
can turn (``repetition``), and must then choose another one. It looks at the current stay alone, never further back:
music may come back to anything.

Codes only; numpy; immutable after construction. Render thread, or offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.base import Column

LEAST_S: Final = 0.3  # that every code may stay, however short its stays in the corpus were


def stays(codes: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """The stays in one row of codes ``[W]``: which code, and for how many columns.

    >>> [found.tolist() for found in stays(np.array([4, 4, 4, 7, 4], np.int16))]
    [[4, 7, 4], [3, 1, 1]]
    """
    begins = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    return codes[begins], np.diff(begins, append=len(codes))


class LongestStays:
    """The longest stay of each code at the coarsest level of some grids ``[W, H, Q]``, any row.

    Args:
        grids: the corpus.
        codebook_size: K.
        columns_per_second: of the grids.

    >>> grid = np.repeat(np.array([1, 2], np.int16), 40).reshape(-1, 1, 1)
    >>> longest = LongestStays([grid], 4, 23.4375)
    >>> longest.over(1, 39, 1.0), longest.over(1, 40, 1.0), longest.over(3, 7, 1.0)
    (False, True, False)
    """

    def __init__(self, grids: Sequence[Column], codebook_size: int, columns_per_second: float) -> None:
        self._longest = np.full(codebook_size, max(2.0, LEAST_S * columns_per_second))
        for grid in grids:
            for row in range(grid.shape[1]):
                codes, lengths = stays(grid[:, row, 0])
                np.maximum.at(self._longest, codes, lengths)

    def over(self, code: int, columns: int, factor: float) -> bool:
        """Whether a code that has stayed for so many columns has stayed long enough; never for a factor of 0."""
        return factor > 0.0 and columns >= factor * float(self._longest[code])
