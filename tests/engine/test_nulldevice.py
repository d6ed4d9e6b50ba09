"""The null device keeps real time, on average exactly, and loses time only when the machine slept."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.ring import Count, Gauge, SharedRing
from distill_live.engine.nulldevice import NullOutput, PeriodClock
from distill_live.engine.player import RingPlayer


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([64, 256, 441, 4096]),
    st.sampled_from([44100, 48000]),
    st.lists(st.floats(0, 0.4), min_size=1, max_size=300),
)
def test_the_periods_served_are_those_that_have_begun_however_unevenly_it_is_asked(
    period: int, rate: int, pauses: list[float]
) -> None:
    clock, now, served = PeriodClock(0.0, period, rate), 0.0, 0
    for pause in pauses:
        now += pause
        served += clock.due(now)
        assert clock.next_s() > now - 1e-9
    assert served == int(now * rate / period) + 1
    assert clock.gaps == 0


def test_an_hour_is_an_hour_to_the_sample() -> None:
    clock = PeriodClock(0.0, 441, 48000)
    served = sum(clock.due(n * 0.25) for n in range(4 * 3600 + 1))
    assert served == 3600 * 48000 // 441 + 1


def test_a_machine_that_slept_does_not_rush_through_what_it_missed() -> None:
    clock = PeriodClock(0.0, 256, 48000)
    clock.due(1.0e-3)
    assert clock.due(100.0) == 1
    assert clock.gaps == 1
    assert clock.due(100.0 + 2.5 * 256 / 48000) == 2


def test_the_thread_empties_the_ring_in_real_time_and_says_that_it_lives() -> None:
    ring = SharedRing.create(65536, 2)
    ring.write(np.ones((48000, 2), np.float32))
    output = NullOutput(RingPlayer(ring), 256)
    started_s = time.monotonic()
    output.start()
    while ring.count(Count.CALLBACKS) < 30:
        time.sleep(0.01)
    assert output.alive()
    output.stop()
    played_s = time.monotonic() - started_s
    assert not output.alive()
    assert 30 * 256 <= ring.read <= (played_s + 256 / 48000) * 48000 + 256
    assert started_s <= ring.gauge(Gauge.LAST_OUTPUT_S) <= time.monotonic()
    ring.close()
    ring.unlink()
