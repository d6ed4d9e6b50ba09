"""Peak meters: a bar in dB with a peak that stays for a moment, green below -12 dB, yellow below -3, red above."""

from __future__ import annotations

import time
from itertools import groupby
from typing import ClassVar, Final

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

FLOOR_DB: Final = -60.0
TOP_DB: Final = 6.0
YELLOW_DB: Final = -12.0
RED_DB: Final = -3.0
PEAK_STAYS_S: Final = 1.5


class Meter(Widget):
    """One channel."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"meter--low", "meter--middle", "meter--high", "meter--off"}

    level_db: reactive[float] = reactive(-100.0, repaint=False)

    def __init__(self, name: str, meter_id: str) -> None:
        super().__init__(id=meter_id)
        self.channel = name
        self._peak_db = -100.0
        self._peak_at = 0.0
        self._drawn: tuple[int, int, int, str] | None = None

    def watch_level_db(self, level_db: float) -> None:
        now = time.monotonic()
        if level_db >= self._peak_db or now - self._peak_at > PEAK_STAYS_S:
            self._peak_db, self._peak_at = level_db, now
        if self._shown() != self._drawn:
            self.refresh()

    def render(self) -> Text:
        cells, filled, peak, number = self._drawn = self._shown()
        text = Text(f"{self.channel} ", no_wrap=True, end="")
        parts = (_part(cell, cells, cell < filled or cell == peak - 1) for cell in range(cells))
        for part, run in groupby(parts):
            style = str(self.get_component_rich_style(f"meter--{part}", partial=True))
            text.append(("─" if part == "off" else "█") * len(list(run)), style)
        return text.append(f" {number}")

    def _shown(self) -> tuple[int, int, int, str]:
        """Cells in all, those that are lit, the peak's, and the number."""
        cells = max(self.size.width - 10, 1)
        number = f"{self.level_db:6.1f}" if self.level_db > -100.0 else "    -∞"
        return cells, cell_of(self.level_db, cells), cell_of(self._peak_db, cells), number


def _part(cell: int, cells: int, lit: bool) -> str:
    at_db = FLOOR_DB + (cell + 1) / cells * (TOP_DB - FLOOR_DB)
    return "off" if not lit else "high" if at_db > RED_DB else "middle" if at_db > YELLOW_DB else "low"


def cell_of(level_db: float, cells: int) -> int:
    """How many of ``cells`` a level lights.

    >>> cell_of(-60.0, 66), cell_of(0.0, 66), cell_of(20.0, 66)
    (0, 60, 66)
    """
    share = (level_db - FLOOR_DB) / (TOP_DB - FLOOR_DB)
    return round(min(max(share, 0.0), 1.0) * cells)
