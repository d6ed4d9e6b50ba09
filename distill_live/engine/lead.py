"""How far ahead of the sound the engine plays: as little as goes well.

The lead is kept twice as long as whatever held the engine up of late: a ring that was emptier than that grows it at
once, by so much that the same once more would leave the reserve; where it goes well for long, the lead shrinks in small
steps back to its floor, which is the player's setting. A lead that shrank and was then too small waits twice as long
before it tries again. Pure arithmetic over what the ring says; knows no ring and no clock. The render thread.
"""

from __future__ import annotations

import math
from typing import Final

STEP: Final = 512  # frames; it grows by whole steps
STEPS_AFTER_DRY: Final = 4  # nobody knows how long it would have gone on
STEP_DOWN: Final = 256
MOST_ABOVE_FLOOR: Final = 8192
NEAR_MISS_PERIODS: Final = 1.25  # so few device periods left when one came: the next might have found nothing
RESERVE: Final = 0.5  # of the lead: less was left, and whatever took the rest can take twice as long the next time
LOOKS_TO_FILL: Final = 3  # after it grew: a low ring then only says that it is not filled yet
PATIENCE_S: Final = 240.0  # of going well, before it shrinks by a step
LONGEST_PATIENCE_S: Final = 960.0
SHORTEST_WAIT_S: Final = 0.001
LONGEST_WAIT_S: Final = 0.0025  # beyond what the ring holds in excess
AFTER_PERIOD_S: Final = 0.0002  # the device has taken what it needs


class AdaptiveLead:
    """The lead, in frames.

    Args:
        floor: what it never falls below.
        period: of the device, in frames.

    >>> lead = AdaptiveLead(floor=2048, period=256)
    >>> lead.look(now_s=1.0, least_fill=800, dry=False), lead.frames
    (True, 2560)
    >>> lead.look(now_s=242.0, least_fill=1500, dry=False), lead.frames
    (True, 2304)
    """

    def __init__(self, floor: int, period: int) -> None:
        self.floor = floor
        self.period = period
        self.frames = floor
        self._held_at = 0  # what somebody else asks for meanwhile
        self._patience_s = PATIENCE_S
        self._well_since_s: float | None = None
        self._shrunk = False
        self._filling = 0  # looks that say nothing
        self._lengthened_s = float("-inf")

    def set_floor(self, floor: int) -> bool:
        """The player wants another floor: the lead goes there at once; whether it has changed."""
        self.floor = floor
        return self._set(max(floor, self._held_at))

    def hold(self, extra: int) -> bool:
        """At least ``extra`` frames above the floor until ``hold(0)``: for work that is known to come."""
        self._held_at = self.floor + extra if extra else 0
        return self._set(max(self.frames, self._held_at))

    def look(self, now_s: float, least_fill: int, dry: bool) -> bool:
        """Take in how it went since the last look; whether the lead has changed.

        Args:
            now_s: any monotonic clock.
            least_fill: the smallest fill that a device period has found; negative when there was none.
            dry: the ring has run dry.
        """
        before = self.frames
        missing = max(NEAR_MISS_PERIODS * self.period, RESERVE * self.frames) - least_fill
        filling, self._filling = self._filling > 0, max(self._filling - 1, 0)
        if dry or (least_fill >= 0 and missing > 0 and not filling):
            self._grow(STEP * (STEPS_AFTER_DRY if dry else math.ceil(missing / (STEP * (1.0 - RESERVE)))))
            self._well_since_s = now_s
        elif self._well_since_s is None:
            self._well_since_s = now_s
        elif now_s - self._well_since_s >= self._patience_s and self.frames > max(self.floor, self._held_at):
            self.frames = max(self.frames - STEP_DOWN, self.floor, self._held_at)
            self._well_since_s, self._shrunk = now_s, True
        return self.frames != before

    def lengthen(self, now_s: float) -> bool:
        """Everything else has been tried and is too little: a step more, once a second; whether it has changed."""
        if now_s - self._lengthened_s < 1.0:
            return False
        before = self.frames
        self._lengthened_s = self._well_since_s = now_s
        self._grow(STEP)
        return self.frames != before

    def _grow(self, by: int) -> None:
        if self._shrunk:  # that was too little: try less often
            self._patience_s, self._shrunk = min(2.0 * self._patience_s, LONGEST_PATIENCE_S), False
        self._set(min(self.frames + by, self.floor + MOST_ABOVE_FLOOR))

    def _set(self, frames: int) -> bool:
        before, self.frames = self.frames, frames
        if frames > before:
            self._filling = LOOKS_TO_FILL
        return frames != before


def time_to_room(excess: int, period: int, rate_hz: int, since_s: float) -> float:
    """How long to sleep until the ring holds less than the lead, with a device that takes a period at a time; seconds.

    A device that was late once, or a clock that moves in large steps, misleads the forecast: so it never reaches
    further than ``LONGEST_WAIT_S`` beyond the time that the excess lasts.

    Args:
        excess: how many frames more than the lead are in it now.
        period: frames that the device takes at once.
        since_s: how long ago it did so last.

    >>> time_to_room(excess=240, period=480, rate_hz=48000, since_s=0.004)
    0.0062
    >>> time_to_room(excess=-1, period=480, rate_hz=48000, since_s=0.004)
    0.0
    """
    if excess < 0:
        return 0.0
    periods = excess // period + 1
    due_s = periods * period / rate_hz + AFTER_PERIOD_S - since_s
    return round(min(max(due_s, SHORTEST_WAIT_S), excess / rate_hz + LONGEST_WAIT_S), 6)
