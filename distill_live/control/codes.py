"""The fixed list of ``/distill/error`` codes, and the limiter that keeps many mistakes from becoming as many errors.

Standard library only; a ``RateLimiter`` belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final

from distill_live.errors import DistillError

ERROR_CODES: Final = (
    "malformed",  # the datagram is not OSC as we take it
    "unknown_address",  # nothing has this address
    "bad_argument",  # wrong number or type of arguments, NaN, infinity
    "unknown_name",  # a level, slot, sound or parameter that is not there
    "clamped",  # the value was out of range; its nearest legal neighbour was set
    "skipped",  # done, but for what the text names: it is not there
    "too_far",  # a time tag more than 2 s ahead
    "busy",  # more was sent than can be kept in order
    "engine_gone",  # nobody is there to do it
    "refused",  # understood, and not done; the text says why
)


DONE_ALL_THE_SAME: Final = ("clamped", "skipped")  # codes of notices: what was asked for was done


class TooFarError(DistillError):
    """A time tag further ahead than is scheduled."""

    code = "too_far"


class BusyError(DistillError):
    """More commands are waiting than can be kept in order."""

    code = "busy"


class EngineGoneError(DistillError):
    """The engine is not there; values freeze until it is back."""

    code = "engine_gone"


class RateLimiter:
    """Lets one thing through per key and period, and at most ``most`` of all keys together.

    >>> clock = iter([0.0, 0.2, 1.1]).__next__
    >>> limiter = RateLimiter(clock=clock)
    >>> [limiter.allows("a") for _ in range(3)]
    [True, False, True]
    """

    def __init__(self, period_s: float = 1.0, most: int = 50, clock: Callable[[], float] = monotonic) -> None:
        self.period_s = period_s
        self.most = most
        self._clock = clock
        self._window_start_s = float("-inf")
        self._seen: set[Hashable] = set()

    def allows(self, key: Hashable) -> bool:
        """True the first time a key asks in the current period, while fewer than ``most`` keys have asked."""
        now_s = self._clock()
        if now_s - self._window_start_s >= self.period_s:
            self._window_start_s = now_s
            self._seen.clear()
        if key in self._seen or len(self._seen) >= self.most:
            return False
        self._seen.add(key)
        return True
