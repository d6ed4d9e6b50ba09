"""More like this sound: the prior's choice, leaning toward what one sound does more often than all of them.

Classifier-free guidance (Ho and Salimans, 2022) moves a choice along the difference between what a model says with a
condition and without one. Here both sides are counts, of one sound's codes and of the whole corpus's::

    logits + amount * (log p(code | sound) - log p(code | corpus))

so it works with every kind of prior, needs no training, and leans toward any sound that can be encoded, one grabbed a
moment ago too. A code is counted after the code before it at the same place (level 0) or under the coarser code of its
own place (finer levels), and interpolated with how often it comes at all (Witten and Bell, 1991).

Pure values; render thread, or offline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.contexts import Table, some_of
from distill_live.prior.order import BEGIN

Columns = NDArray[np.int16]
Logits = NDArray[np.float32]


class CodeHabits:
    """What codes of some grids ``[W, H, Q]`` follow each other and stand under each other.

    >>> steady = np.tile(np.array([1, 3], np.int16), 20).reshape(-1, 1, 1)
    >>> habits = CodeHabits([steady], 4)
    >>> int(habits.log_probability(0, 0, before=1, coarser=-1).argmax())
    3
    """

    def __init__(self, grids: Sequence[Columns], codebook_size: int) -> None:
        rows, levels = grids[0].shape[1:]
        self.codebook_size = codebook_size
        self._tables: list[Table] = []
        at_all = np.ones((levels, rows, codebook_size), np.float32)
        for level in range(levels):
            contexts, found = [], []
            for grid in some_of(grids):
                codes = grid.astype(np.int64)
                first = np.full((1, rows), BEGIN)
                above = codes[:, :, level - 1] if level else np.concatenate([first, codes[:-1, :, 0]])
                spoken = codes[:, :, level] >= 0  # a muted place says nothing
                contexts.append(self._context(above, np.arange(rows))[spoken])
                found.append(codes[:, :, level][spoken])
                for row in range(rows):
                    np.add.at(at_all[level, row], codes[:, row, level][spoken[:, row]], 1.0)
            self._tables.append(Table.counted(np.concatenate(contexts), np.concatenate(found)))
        self._at_all = at_all / at_all.sum(axis=2, keepdims=True)

    def _context(self, code: NDArray[np.int64] | int, row: NDArray[np.int64] | int) -> NDArray[np.uint64]:
        """One number for a code (or none, or a muted one: the same) above or before a row."""
        return (np.maximum(code, BEGIN) - BEGIN + np.asarray(row) * (self.codebook_size + 1)).astype(np.uint64)

    def log_probability(self, level: int, row: int, before: int, coarser: int) -> Logits:
        """Of each code ``[K]`` at a place.

        Args:
            level, row: the place.
            before: the code of the column before there; -1 for none. Level 0 looks at it.
            coarser: the code of the next coarser level there. The other levels look at it.
        """
        table, mixed = self._tables[level], self._at_all[level, row].copy()
        at = int(table.places(self._context(coarser if level else before, row)))
        if at >= 0:
            entries = slice(int(table.starts[at]), int(table.starts[at + 1]))
            total, kinds = int(table.totals[at]), entries.stop - entries.start
            mixed *= np.float32(kinds / (total + kinds))
            mixed[table.codes[entries]] += table.counts[entries] / np.float32(total + kinds)
        found: Logits = np.log(mixed)
        return found


class Leaning:
    """Guidance toward one sound.

    Args:
        sound, corpus: both counted.
        amount: 0 changes nothing, 1 is as the counts say, more overdoes it.
    """

    def __init__(self, sound: CodeHabits, corpus: CodeHabits, amount: float) -> None:
        assert sound.codebook_size == corpus.codebook_size, "sounds of two models"
        self.sound, self.corpus, self.amount = sound, corpus, np.float32(amount)

    def __call__(self, logits: Logits, level: int, row: int, before: int, coarser: int) -> Logits:
        """The logits ``[K]`` of one place, leaning; arguments as for ``CodeHabits.log_probability``."""
        place = (level, row, before, coarser)
        leaning: Logits = logits + self.amount * (
            self.sound.log_probability(*place) - self.corpus.log_probability(*place)
        )
        return leaning
