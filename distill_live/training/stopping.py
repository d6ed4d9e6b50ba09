"""When training stops by itself: a time limit, a number of epochs. Ctrl-C is a ``signals.StopFlag``.

Standard library only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

Reason = Literal["epochs", "budget", "interrupted", "converged", "counted", "steps"]


@dataclass(frozen=True)
class Limits:
    """What ends a stage; whichever comes first.

    Attributes:
        epochs, steps: how many in all, those before a resume included; None for no limit.
        deadline: a reading of ``time.monotonic()``; None for no limit.
    """

    epochs: int | None = None
    deadline: float | None = None
    steps: int | None = None

    def left_s(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
