"""Ctrl-C and its like as a flag that a loop looks at: nothing is ever torn in the middle of what it does.

Standard library only. Signal handlers can be set in the main thread alone; elsewhere ``StopFlag.set`` is called.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last is what Windows has


class StopFlag:
    """Set once, seen by the loop after the step it is in.

    No lock is taken: a signal handler can be interrupted by the next signal's, and a ``threading.Event`` would then
    wait for itself.
    """

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


@contextmanager
def stop_on_signals(flag: StopFlag, patient: bool = False) -> Iterator[StopFlag]:
    """While inside, the first SIGINT, SIGTERM or SIGHUP sets ``flag``; the second raises KeyboardInterrupt.

    ``patient``: the second does nothing either, for loops that always look soon.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if flag.is_set() and not patient:
            raise KeyboardInterrupt
        flag.set()

    with answering(handle, *ENDING):
        yield flag


@contextmanager
def answering(handler: Any, *names: str) -> Iterator[None]:
    """Answer these signals with ``handler`` meanwhile; elsewhere than in the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.Signals[name] for name in names if name in signal.Signals.__members__]
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)
