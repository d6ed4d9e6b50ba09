"""The null device: keeps real time and throws the sound away, so that a performance runs where nothing can sound.

``PeriodClock`` is the arithmetic (no real clock), ``NullOutput`` the thread that follows it and calls back as PortAudio
would. Started and stopped by the device process's main thread.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import numpy as np

from distill_live.audio.ring import RING_RATE_HZ
from distill_live.engine.callbacks import OutputCallback
from distill_live.engine.capture import InputPath
from distill_live.engine.player import RING_CHANNELS, ChannelMap, RingPlayer

NULL_NAME: Final = "null"
_LOST_TIME_S: Final = 0.5  # further behind than this, the machine slept: time is lost, not caught up


class PeriodClock:
    """Counts the device periods that are due, from a fixed start: rounding never adds up.

    Args:
        start_s: when the first period begins, in seconds of any monotonic clock.
        period_frames, sample_rate: the length of a period as a fraction, so that an hour is an hour.

    >>> clock = PeriodClock(start_s=10.0, period_frames=256, sample_rate=48000)
    >>> clock.due(10.0), clock.due(10.016)
    (1, 3)
    """

    def __init__(self, start_s: float, period_frames: int, sample_rate: int) -> None:
        self.period_frames = period_frames
        self.sample_rate = sample_rate
        self.gaps = 0  # how often time was lost
        self._start_s = start_s
        self._served = 0

    def due(self, now_s: float) -> int:
        """How many periods have begun since the last call and are to be served now."""
        begun = int((now_s - self._start_s) * self.sample_rate / self.period_frames) + 1
        count = max(0, begun - self._served)
        if count * self.period_frames > _LOST_TIME_S * self.sample_rate:
            self.gaps += 1
            self._start_s, self._served, count = now_s, 0, 1
        self._served += count
        return count

    def next_s(self) -> float:
        """When the next period begins."""
        return self._start_s + self._served * self.period_frames / self.sample_rate


class NullOutput:
    """A thread that asks the player for a block once a period, on the system's monotonic clock.

    Args:
        player: what plays.
        block: the period in frames.
        capture: live input that is to keep in step with this output.
    """

    input_name = ""

    def __init__(self, player: RingPlayer, block: int, capture: InputPath | None = None) -> None:
        self.name = NULL_NAME
        self.sample_rate = RING_RATE_HZ
        self.latency_s = block / RING_RATE_HZ
        self.input_latency_s = 0.0
        self.period = block
        self.messages: list[str] = []
        self._callback = OutputCallback(player, player.ring, ChannelMap(RING_CHANNELS), capture)
        self._quit = threading.Event()
        self._thread = threading.Thread(target=self._run, name="null device", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._quit.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        out = np.zeros((self.period, RING_CHANNELS), np.float32)
        clock = PeriodClock(time.monotonic(), self.period, self.sample_rate)
        while not self._quit.is_set():
            for _ in range(clock.due(time.monotonic())):
                self._callback(out, self.period, None, None)
            time.sleep(max(0.0, clock.next_s() - time.monotonic()))
