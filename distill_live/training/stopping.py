"""When training stops: Ctrl-C (once: after this step; twice: at once), a time limit, a number of epochs.

Standard library only. Signal handlers can be set in the main thread alone; elsewhere ``StopFlag.set`` is called.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

Reason = Literal["epochs", "budget", "interrupted", "converged"]


class StopFlag:
    """Set once, seen by the loop after the step it is in."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()


@contextmanager
def stop_on_signals(flag: StopFlag) -> Iterator[StopFlag]:
    """While inside, the first SIGINT or SIGTERM sets ``flag``; the second raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is what Windows has
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Limits:
    """What ends a stage; whichever comes first.

    Attributes:
        epochs: how many in all, those before a resume included; None for no limit.
        deadline: a reading of ``time.monotonic()``; None for no limit.
    """

    epochs: int | None = None
    deadline: float | None = None

    def left_s(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
