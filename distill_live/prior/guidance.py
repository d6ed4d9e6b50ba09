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
        shape = (levels, rows, codebook_size + 1, codebook_size)  # the last context: nothing was there
        self._counts = np.zeros(shape, np.float32)
        for grid in grids:
            codes = grid.astype(np.int64)
            for level in range(levels):
                contexts = (
                    codes[:, :, level - 1] if level else np.pad(codes[:-1, :, 0], ((1, 0), (0, 0)), constant_values=-1)
                )
                for row in range(rows):
                    np.add.at(self._counts[level, row], (contexts[:, row], codes[:, row, level]), 1.0)
        at_all = self._counts.sum(axis=2) + np.float32(1.0)
        self._at_all = at_all / at_all.sum(axis=2, keepdims=True)  # [Q, H, K]

    def log_probability(self, level: int, row: int, before: int, coarser: int) -> Logits:
        """Of each code ``[K]`` at a place.

        Args:
            level, row: the place.
            before: the code of the column before there; -1 for none. Level 0 looks at it.
            coarser: the code of the next coarser level there. The other levels look at it.
        """
        seen = self._counts[level, row, coarser if level else before]
        total = seen.sum()
        trust = total / (total + np.float32(np.count_nonzero(seen)) + np.float32(1e-9))
        mixed = (np.float32(1.0) - trust) * self._at_all[level, row]
        if total:
            mixed += (trust / total) * seen
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
