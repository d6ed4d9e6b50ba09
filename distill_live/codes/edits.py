"""The live edits of one column of codes, and the latent vectors that come of it.

Per level, in this order: remap -> hold -> swap or blend (in embedding space) -> mute. Pure functions of a column, the
column counter and the settings; the engine calls them once per column, and again whenever a hand moves. What comes
before them, which column it is, says ``moments``.

    raw column [H, Q] --remap--> --hold--> --swap/blend--> --mute--> codes [H, Q] (-1 = muted), latents [H, D]
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.codes.bank import Bank
from distill_live.codes.grid import Codes
from distill_live.codes.params import SLOTS
from distill_live.codes.remap import remap_tables

Latents = npt.NDArray[np.float32]

INPUT_SLOT: Final = SLOTS + 1  # beside the bank's: what is heard at the input


@dataclass(frozen=True)
class LevelEdit:
    """What the hands ask of one level.

    Attributes:
        swap: bank slot 1..16, 0 is off, ``INPUT_SLOT`` is what is heard at the input.
        amount: 0..1, how far the swap goes.
        held: int16 ``[H]``, the codes that are held, or None.
        mute: leave the level out.
        remap: a rule of ``codes.remap``.
    """

    swap: int = 0
    amount: float = 1.0
    held: Codes | None = None
    mute: bool = False
    remap: str = "off"

    @property
    def idle(self) -> bool:
        return self.swap == 0 and self.held is None and not self.mute and self.remap == "off"


@dataclass(frozen=True)
class EditedColumn:
    """One column after the edits.

    Attributes:
        codes: int16 ``[H, Q]``; the nearest code where two were blended, -1 where a level is muted.
        latents: float32 ``[H, D]``, the sum over levels, what the decoder gets.
        distance: float32 ``[Q]``, how far a blend lies from its nearest code (0 where nothing was blended).
    """

    codes: Codes
    latents: Latents
    distance: npt.NDArray[np.float32]


def blend(vectors: Latents, a: Codes, b: Codes, amount: float) -> tuple[Latents, Codes, float]:
    """Blend two rows of codes in embedding space.

    Args:
        vectors: float32 ``[K, D]``, one level's codebook.
        a, b: int16 ``[H]``.
        amount: 0 is ``a``, 1 is ``b``.

    Returns:
        latents ``[H, D]``, the nearest codes ``[H]``, and the mean distance to them.
    """
    if amount <= 0.0 or amount >= 1.0:
        codes = a if amount <= 0.0 else b
        return vectors[codes], codes, 0.0
    mixed = np.float32(1.0 - amount) * vectors[a] + np.float32(amount) * vectors[b]
    gap = ((mixed[:, None] - vectors[None]) ** 2).sum(-1)
    nearest = gap.argmin(1).astype(np.int16)
    return mixed, nearest, float(np.sqrt(gap.min(1)).mean())


class ColumnEditor:
    """Applies the settings of all levels to columns of one model.

    Args:
        vectors: float32 ``[Q, K, D]``, the model's codebooks.
        bank: the slots swaps play from.
    """

    def __init__(self, vectors: Latents, bank: Bank) -> None:
        self.vectors = vectors
        self.bank = bank
        self.tables = remap_tables(vectors)

    def over(self, bank: Bank) -> ColumnEditor:
        """The same editor over another bank; the tables are shared."""
        twin = copy.copy(self)
        twin.bank = bank
        return twin

    def edit(self, column: Codes, counter: int, edits: Sequence[LevelEdit], heard: Codes | None = None) -> EditedColumn:
        """One raw column ``[H, Q]`` at a column counter, after the edits; ``heard`` is the input's column, if any."""
        codes = np.empty_like(column)
        latents = np.zeros((column.shape[0], self.vectors.shape[2]), np.float32)
        distance = np.zeros(column.shape[1], np.float32)
        for level, edit in enumerate(edits):
            vectors, codes[:, level], distance[level] = self.edit_level(column, counter, level, edit, heard)
            latents += vectors
        return EditedColumn(codes, latents, distance)

    def edit_level(
        self, column: Codes, counter: int, level: int, edit: LevelEdit, heard: Codes | None = None
    ) -> tuple[Latents, Codes, float]:
        """One level of a column: its vectors ``[H, D]``, its codes ``[H]``, the distance of a blend to them."""
        book = self.vectors[level]
        if edit.mute:
            return np.zeros((len(column), book.shape[1]), np.float32), np.full(len(column), -1, np.int16), 0.0
        codes = self.before_swap(column, level, edit)
        other = self.other(counter, edit.swap, heard)
        if other is None:
            return book[codes], codes, 0.0
        return blend(book, codes, other[:, level], edit.amount)

    def other(self, counter: int, swap: int, heard: Codes | None) -> Codes | None:
        """The column ``[H, Q]`` that a swap takes codes from; None when it has nothing to give."""
        if swap == INPUT_SLOT:
            return heard
        slot = self.bank[swap]
        return None if slot is None else slot.column(counter)

    def before_swap(self, column: Codes, level: int, edit: LevelEdit) -> Codes:
        """The level's codes ``[H]`` after remap and hold: what a new hold would keep."""
        if edit.held is not None:
            return edit.held
        codes: Codes = self.tables[edit.remap][level][column[:, level]]
        return codes

    def edit_code(
        self, code: int, row: int, counter: int, level: int, edit: LevelEdit, heard: Codes | None = None
    ) -> int:
        """One code of one row after the edits; the nearest code where two are blended, -1 where it is muted."""
        if edit.mute:
            return -1
        code = int(edit.held[row]) if edit.held is not None else int(self.tables[edit.remap][level][code])
        other = self.other(counter, edit.swap, heard)
        if other is None:
            return code
        one = np.array([code], np.int16)
        return int(blend(self.vectors[level], one, other[row : row + 1, level], edit.amount)[1][0])
