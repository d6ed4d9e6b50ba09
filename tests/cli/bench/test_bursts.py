"""The player of bursts writes them where it says, whatever the device's periods are."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.bursts import LEAD_IN_S, LEVEL, RATE, RISE_S, BurstPlayer, burst

GAP_S = (0.05, 0.2)


class Server:
    """A JACK client's clock and one output port, without JACK."""

    def __init__(self, now: int = 0) -> None:
        self.last_frame_time = now
        self.buffer = np.zeros(0, np.float32)
        port = SimpleNamespace(get_array=lambda: self.buffer)
        self.outports = SimpleNamespace(register=lambda name: port)

    def play(self, player: BurstPlayer, frames: int) -> np.ndarray:
        """One period; what is in it before is whatever was there."""
        self.buffer = np.full(frames, 9.0, np.float32)
        player.period(frames)
        self.last_frame_time += frames
        return self.buffer


def player_on(server: Any, seed: int = 7, gap_s: tuple[float, float] = GAP_S) -> BurstPlayer:
    return BurstPlayer(server, seed, gap_s)


def test_a_burst_rises_and_falls_within_a_millisecond() -> None:
    sound, edge = burst(np.random.default_rng(3)), round(RISE_S * RATE)
    assert sound.dtype == np.float32 and sound[0] == sound[-1] == 0.0
    limit = LEVEL * np.arange(edge) / edge + 1e-6
    assert (np.abs(sound[:edge]) <= limit).all() and (np.abs(sound[::-1][:edge]) <= limit).all()
    assert np.sqrt(np.mean(sound[edge:-edge] ** 2)) == pytest.approx(LEVEL / np.sqrt(3), rel=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100), st.integers(0, 10**9), st.lists(st.integers(16, 2048), min_size=1, max_size=4))
def test_every_burst_stands_where_it_was_said_to_begin_and_nothing_else_does(
    seed: int, start: int, periods: list[int]
) -> None:
    server = Server(start)
    player = player_on(server, seed)
    pieces: list[np.ndarray] = []
    while server.last_frame_time < start + 2 * RATE:
        pieces.append(server.play(player, periods[len(pieces) % len(periods)]))
    heard = np.concatenate(pieces)
    expected, sound = np.zeros(len(heard), np.float32), burst(np.random.default_rng(seed))
    for begun in player.begun:
        here = expected[begun - start :][: len(sound)]
        here[:] = sound[: len(here)]
    assert len(player.begun) >= 2 and player.begun[0] == start + round(LEAD_IN_S * RATE)
    assert np.array_equal(heard, expected)
    for before, after in pairwise(player.begun):
        assert GAP_S[0] * RATE <= after - before - len(sound) < GAP_S[1] * RATE


def test_a_begin_that_the_server_left_out_is_not_told_and_the_next_is() -> None:
    server = Server()
    player = player_on(server)
    server.play(player, 256)
    server.last_frame_time = RATE + 500  # it was late: the burst should have begun by now
    out = server.play(player, 256)
    assert np.array_equal(out, burst(np.random.default_rng(7))[500:756]) and player.begun == []
    server.last_frame_time = 3 * RATE  # and now it has missed one and more
    for _ in range(RATE // 256):
        server.play(player, 256)
    assert len(player.begun) >= 1 and min(player.begun) >= 3 * RATE
