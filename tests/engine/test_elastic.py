"""Two clocks that drift apart: nothing runs dry, nothing piles up, nothing clicks, and what was done is counted."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.engine.elastic import ElasticRing

MARGIN = 192
OMEGA = 2 * np.pi * 440.0 / 48000


class TwoClocks:
    """A writer and a reader in simulated time; the writer's clock is off by ``drift_ppm``."""

    def __init__(self, drift_ppm: float, write_block: int, read_block: int, late_s: float = 0.0) -> None:
        self.now = 0.0
        self.ring = ElasticRing(48000, 1, MARGIN, clock=lambda: self.now)
        self.rate = 48000 * (1 + drift_ppm / 1e6)
        self.write_block, self.read_block, self.late_s = write_block, read_block, late_s
        self.dice = np.random.default_rng(5)
        self.sent = 0
        for size in (write_block, read_block + MARGIN):
            self.write(min(size, write_block))
            self.write(max(0, size - write_block))
        self.ring.period = write_block

    def write(self, frames: int) -> None:
        wave = np.sin(OMEGA * np.arange(self.sent, self.sent + frames)).astype(np.float32)
        self.sent += self.ring.write(wave[:, None])

    def run(self, seconds: float) -> tuple[np.ndarray, list[int]]:
        """What was read, and what was left after each read; either side may wake up ``late_s`` too late."""
        out, spare, wrote = [], [], 0
        write_s = self.write_block / self.rate
        for k in range(int(seconds * 48000 / self.read_block)):
            read_s = k * self.read_block / 48000 + self.dice.uniform(0, self.late_s)
            while (due_s := (wrote + 1) * write_s + self.dice.uniform(0, self.late_s)) <= read_s:
                self.now = due_s
                self.write(self.write_block)
                wrote += 1
            self.now = read_s
            out.append(np.zeros((self.read_block, 1), np.float32))
            assert self.ring.read_into(out[-1]) == self.read_block, "ran dry"
            spare.append(self.ring.fill)
        return np.concatenate(out)[:, 0], spare


@pytest.mark.parametrize("drift_ppm", [-300.0, 40.0, 300.0])
@pytest.mark.parametrize(("write_block", "read_block"), [(256, 256), (441, 64), (64, 1024), (128, 4096)])
def test_drift_is_taken_out_a_frame_at_a_time(drift_ppm: float, write_block: int, read_block: int) -> None:
    clocks = TwoClocks(drift_ppm, write_block, read_block, late_s=0.001)
    sound, spare = clocks.run(25.0)
    drift = drift_ppm * 1e-6 * 25 * 48000
    assert clocks.ring.dropped - clocks.ring.inserted == pytest.approx(drift, abs=64 + write_block)
    assert min(spare) >= 64
    assert max(spare) <= MARGIN + write_block + 128
    assert np.abs(np.diff(sound)).max() <= OMEGA * (1.005 + 1 / min(read_block, 256)), (
        "the sine's own steps, one frame a piece faster"
    )
    assert np.abs(sound).max() <= 1.0


def test_two_that_share_a_clock_are_left_alone_bit_for_bit() -> None:
    clocks = TwoClocks(0.0, 256, 256)
    clocks.ring.margin = None
    sound, _ = clocks.run(5.0)
    assert clocks.ring.dropped == clocks.ring.inserted == 0
    assert np.array_equal(sound, np.sin(OMEGA * np.arange(len(sound))).astype(np.float32))


def test_what_a_stall_has_piled_up_is_gone_after_a_second_without_a_click() -> None:
    clocks = TwoClocks(0.0, 256, 256)
    clocks.write(9600)
    clocks.ring.period = 256
    sound, spare = clocks.run(2.0)
    assert spare[len(spare) // 2] <= MARGIN + 2 * 256
    assert clocks.ring.dropped >= 9000
    assert np.abs(np.diff(sound)).max() <= OMEGA + 2.0 / 256, "the sine's own step and a cross-fade's over a piece"


def test_a_ring_that_runs_dry_hands_out_what_there_is() -> None:
    ring = ElasticRing(1024, 2, MARGIN)
    ring.write(np.ones((100, 2), np.float32))
    out = np.full((256, 2), 9, np.float32)
    assert ring.read_into(out) == 100
    assert np.all(out[:100] == 1.0) and np.all(out[100:] == 9.0)
    assert ring.read_into(out) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), min_size=10, max_size=80), st.integers(0, 500))
def test_no_frame_is_lost_or_made_without_being_counted(blocks: list[tuple[int, int]], margin: int) -> None:
    ring, written, read = ElasticRing(8192, 1, margin), 0, 0
    for to_write, to_read in blocks:
        written += ring.write(np.linspace(0, 1, to_write, dtype=np.float32)[:, None])
        out = np.full((to_read, 1), np.nan, np.float32)
        got = ring.read_into(out)
        read += got
        assert not np.isnan(out[:got]).any()
        assert np.isnan(out[got:]).all()
    assert ring.fill == written - read - ring.dropped + ring.inserted


def test_what_is_dropped_is_never_taken_from_the_block_that_is_handed_out() -> None:
    """A pile was faded away in the first pieces of a long block, and its last pieces found nothing."""
    clocks = TwoClocks(0.0, 256, 256)
    clocks.write(4096)
    clocks.run(95 * 256 / 48000)  # half a second, to see that there is a pile, and a bit, too short to be rid of it
    assert 0 < clocks.ring.dropped < 2000
    long = np.full((clocks.ring.fill - 100, 1), np.nan, np.float32)
    assert clocks.ring.read_into(long) == len(long)
    assert np.isfinite(long).all()
    assert np.abs(np.diff(long[:, 0])).max() <= OMEGA + 2.0 / 256


def test_a_correction_takes_no_memory() -> None:
    clocks, out, peaks = TwoClocks(0.0, 256, 256), np.zeros((256, 1), np.float32), []
    clocks.write(300)
    clocks.ring.period = 256
    for _ in range(200):
        clocks.write(256)
        tracemalloc.start()
        clocks.ring.read_into(out)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert clocks.ring.dropped > 0
    assert max(peaks) < 2048, "views and counters only, no samples"
