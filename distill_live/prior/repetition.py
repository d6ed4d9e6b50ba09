"""How long a code may stay and how often it may come again: no stream dwells on a moment longer than its recordings do.

A prior that stays on a code for one more column ten times in eleven is right each time, and wrong after a minute; one
that goes to and fro between two codes, as one drone of many does, may do so for an hour. So each code of the coarsest
level is given as many columns in a row as its longest stay in the corpus, and as many of any ``WINDOW_S`` seconds as it
ever had there, both times a factor that a hand can turn (``repetition``). Whoever has had that much makes room until
the window has moved on.

Codes only; numpy; immutable after construction. Render thread, or offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.base import Column
from distill_live.prior.sampling import Logits

LEAST_S: Final = 0.3  # that every code may stay, however short its stays in the corpus were
WINDOW_S: Final = 30.0
WINDOW_SHARE: Final = 0.25  # of the corpus at most: a longer window would make every stretch as long as all of it
FORBIDDEN: Final = np.float32(-1e9)  # a logit that no dice make up for

Counts = NDArray[np.int64]


def stays(codes: NDArray[np.int16]) -> tuple[NDArray[np.int16], Counts]:
    """The stays in one row of codes ``[W]``: which code, and for how many columns.

    >>> [found.tolist() for found in stays(np.array([4, 4, 4, 7, 4], np.int16))]
    [[4, 7, 4], [3, 1, 1]]
    """
    begins = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    return codes[begins], np.diff(begins, append=len(codes))


def most_in_window(codes: NDArray[np.int16], window: int, codebook_size: int) -> Counts:
    """How often each code comes at most in any ``window`` columns of one row ``[W]`` that is played round and round.

    >>> most_in_window(np.array([1, 1, 0, 0, 0, 1], np.int16), 3, 3).tolist()
    [3, 3, 0]
    """
    rounds = np.tile(codes, -(-window // len(codes)) + 1)
    most = np.zeros(codebook_size, np.int64)
    order = np.argsort(rounds, kind="stable")  # the places of each code, one code after the other
    bounds = np.searchsorted(rounds[order], np.arange(codebook_size + 1))
    for code in np.unique(codes):
        places = order[bounds[code] : bounds[code + 1]]
        most[code] = (np.searchsorted(places, places + window) - np.arange(len(places))).max()
    return most


class RepetitionLimits:
    """What each code of the coarsest level has had in the corpus, any row: grids ``[W, H, Q]`` one after the other.

    Args:
        grids: the corpus.
        codebook_size: K.
        columns_per_second: of the grids.

    Attributes:
        window: columns of ``WINDOW_S``, or of a quarter of the corpus.

    >>> grid = np.repeat(np.array([1, 2], np.int16), 400).reshape(-1, 1, 1)
    >>> limits = RepetitionLimits([grid], 4, 23.4375)
    >>> limits.reached(1, 399, np.zeros(4), 1.0).tolist(), limits.reached(1, 400, np.zeros(4), 1.0).tolist()
    ([False, False, False, False], [False, True, False, False])
    """

    def __init__(self, grids: Sequence[Column], codebook_size: int, columns_per_second: float) -> None:
        self.codebook_size = codebook_size
        columns = sum(map(len, grids))
        self.window = max(2, round(min(WINDOW_S * columns_per_second, WINDOW_SHARE * columns)))
        least = max(2.0, LEAST_S * columns_per_second)
        self._longest, self._most = np.full(codebook_size, least), np.full(codebook_size, least)
        rows = np.concatenate([grid[:, :, 0] for grid in grids], axis=0)
        for row in range(rows.shape[1]):
            for grid in grids:
                np.maximum.at(self._longest, *stays(grid[:, row, 0]))
            np.maximum(self._most, most_in_window(rows[:, row], self.window, codebook_size), out=self._most)

    def reached(self, before: int, stayed: int, counts: NDArray[np.int64], factor: float) -> NDArray[np.bool_]:
        """Which codes have had all that they may ``[K]``; none for a factor of 0.

        Args:
            before: the code of the column before, -1 for none; it has been there for ``stayed`` columns.
            counts: how often each code came in the last ``window`` columns ``[K]``.
            factor: of what the corpus has.
        """
        if factor <= 0.0:
            return np.zeros(self.codebook_size, np.bool_)
        found: NDArray[np.bool_] = counts >= factor * self._most
        if before >= 0 and stayed >= factor * self._longest[before]:
            found[before] = True
        return found

    def restrained(self, logits: Logits, before: int, stayed: int, recent: NDArray[np.int16], factor: float) -> Logits:
        """Logits ``[K]`` without the codes that have had all they may; as they are where that leaves none.

        Args:
            logits, before, stayed, factor: see ``reached``.
            recent: the last ``window`` codes of this row, -1 where there was none.
        """
        counts = np.bincount(recent[recent >= 0], minlength=self.codebook_size)
        reached = self.reached(before, stayed, counts, factor)
        if not reached.any() or reached.all():
            return logits
        return np.where(reached, FORBIDDEN, logits)
