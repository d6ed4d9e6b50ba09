"""Whether the ring holds enough to render a whole block in peace, or a cheap one must do.

A machine that is shared stands still in clusters: for a tenth of a second a core has a fifth of its time. Whole blocks
then take several times what they last, and the ring is dry after two of them; cheap ones keep up. So a cheap block is
asked for when the ring is well below its lead and would not outlast another block as slow as the slowest of a moment
ago. Pure arithmetic; knows no ring and no clock. The render thread.
"""

from __future__ import annotations

from collections import deque
from typing import Final

REMEMBERED_S: Final = 0.15
SAFETY: Final = 1.25
LOW: Final = 0.7  # of the lead: above it there is time for a slow block, and for the cheap ones after it


class Haste:
    """How slow the last whole blocks were.

    >>> haste = Haste()
    >>> haste.took(0.030, now_s=1.0)
    >>> haste.needs_cheap(0.020, lead_s=0.043, now_s=1.01), haste.needs_cheap(0.020, lead_s=0.043, now_s=1.5)
    (True, False)
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[float, float]] = deque(maxlen=32)

    def took(self, seconds: float, now_s: float) -> None:
        """A whole block has been rendered."""
        self._blocks.append((now_s, seconds))

    def needs_cheap(self, fill_s: float, lead_s: float, now_s: float) -> bool:
        """Whether the next block must be a cheap one.

        Args:
            fill_s: what the ring holds.
            lead_s: what it should hold.
            now_s: any monotonic clock.
        """
        if fill_s >= LOW * lead_s:
            return False
        slowest_s = max((s for at_s, s in self._blocks if now_s - at_s <= REMEMBERED_S), default=0.0)
        return fill_s < SAFETY * slowest_s
