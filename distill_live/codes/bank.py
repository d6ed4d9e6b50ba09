"""The bank: sixteen slots of encoded sounds that a level can be swapped with.

A slot plays in a loop whose phase is the take's column counter, so that a swap switched off and on again is where it
would have been. Belongs to the engine's render thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_live.codes.grid import Codes
from distill_live.codes.params import SLOT_LABELS, SLOTS
from distill_live.errors import UnknownNameError


@dataclass(frozen=True)
class Slot:
    """One encoded sound: its name and codes int16 ``[W, H, Q]``."""

    name: str
    codes: Codes

    def column(self, counter: int) -> Codes:
        """The column ``[H, Q]`` that plays at a column counter."""
        column: Codes = self.codes[counter % len(self.codes)]
        return column


def slot_number(label: str | int | float) -> int:
    """A slot's number 1..16 from what a message names it by; 0 is off.

    >>> slot_number("3"), slot_number(3.0), slot_number("off")
    (3, 3, 0)
    """
    if isinstance(label, str):
        if label.lower() in SLOT_LABELS:
            return SLOT_LABELS.index(label.lower())
    elif label == int(label) and 0 <= label <= SLOTS:
        return int(label)
    raise UnknownNameError(f"there is no slot {label!r}", fix=f"use 1 to {SLOTS} or off")


class Bank:
    """Slots 1..16, each empty or holding a sound."""

    def __init__(self) -> None:
        self._slots: list[Slot | None] = [None] * SLOTS

    def __getitem__(self, number: int) -> Slot | None:
        return self._slots[number - 1] if 1 <= number <= SLOTS else None

    def put(self, number: int, slot: Slot | None) -> None:
        """Fill (or with None clear) slot ``number``, 1..16."""
        if not 1 <= number <= SLOTS:
            raise UnknownNameError(f"there is no slot {number}", fix=f"use 1 to {SLOTS}")
        self._slots[number - 1] = slot

    def copy(self) -> Bank:
        """Another bank with the same sounds."""
        twin = Bank()
        twin._slots = list(self._slots)
        return twin

    @property
    def names(self) -> list[str]:
        """The sixteen names, empty strings for empty slots."""
        return [slot.name if slot else "" for slot in self._slots]
