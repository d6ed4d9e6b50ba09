"""The tap knows the server's frame of every sample it has kept, and keeps all of them until the disk has them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.tap import RATE, Heard, Recorder, frames_of

BLOCK = 256

stretches = st.lists(st.tuples(st.integers(1, 900), st.integers(1, 900)), min_size=1, max_size=8)


def heard_of(made: list[tuple[int, int]], **more: Any) -> tuple[Heard, int]:
    """What a tap tells of stretches (frames missed, frames kept), and how many frames are in its file."""
    pieces, place, frame = [], 0, 0
    for missed, kept in made:
        frame += missed
        pieces.append((place, frame))
        place, frame = place + kept, frame + kept
    return Heard(pieces, **more), place


# ------------------------------------------------------------------ what it has told


@settings(max_examples=50, deadline=None)
@given(stretches)
def test_places_and_the_servers_frames_are_each_others_inverse(made: list[tuple[int, int]]) -> None:
    heard, length = heard_of(made)
    places = sorted({0, length - 1, *range(0, length, 97), *(place for place, _ in heard.pieces)})
    assert [heard.place(heard.server_frame(place)) for place in places] == places
    told = [heard.server_frame(place) for place in range(length)]
    assert told == sorted(set(told))


@settings(max_examples=50, deadline=None)
@given(stretches)
def test_a_frame_that_was_missed_is_at_the_begin_of_the_next_piece(made: list[tuple[int, int]]) -> None:
    heard, _ = heard_of(made)
    for (missed, _), (place, frame) in zip(made, heard.pieces, strict=True):
        assert {heard.place(frame - back) for back in (0, 1, missed // 2, missed)} == {place}


def test_the_server_was_late_where_it_says_so_and_where_a_period_is_missing() -> None:
    heard = Heard([(0, 1000), (256, 1512), (512, 1768)], xruns=[1100, 1300, 1100])
    assert heard.late_places == [100, 256, 512], "1300 was missed: it is where the next piece begins"
    assert Heard([(0, 7)]).late_places == Heard().late_places == []


def test_moments_lie_on_lines_between_the_looks_at_the_clock() -> None:
    heard = Heard(clock=[(10.0, 0), (11.0, 48_000), (12.5, 96_000)])
    assert heard.moment_s(24_000) == pytest.approx(10.5)
    assert heard.moment_s(48_000) == pytest.approx(11.0)
    assert heard.moment_s(-4800) == pytest.approx(9.9) and heard.moment_s(100_800) == pytest.approx(12.6)


def test_what_is_told_reads_back() -> None:
    heard, _ = heard_of([(5, 100), (3, 50)], xruns=[70], clock=[(1.5, 9)], lost=3, connected=1)
    assert Heard.from_json(json.loads(json.dumps(vars(heard)))) == heard
    assert Heard.from_json({}) == Heard()


def test_a_file_is_read_in_whole_frames(tmp_path: Path) -> None:
    file, sound = tmp_path / "x.f32", np.arange(20, dtype=np.float32).reshape(10, 2)
    file.write_bytes(b"head" + sound.tobytes() + b"half a f")
    assert np.array_equal(frames_of(file, 4)[:10], sound)
    file.write_bytes(b"head" + sound.tobytes() + b"half")
    assert np.array_equal(frames_of(file, 4), sound)
    file.write_bytes(b"")
    assert frames_of(file).shape == frames_of(file, 58).shape == (0, 2)


# ------------------------------------------------------------------ how it is kept


class Server:
    """A JACK client whose sample is its frame time, without JACK."""

    blocksize = BLOCK

    def __init__(self, now: int = 0) -> None:
        self.last_frame_time = now
        self.inports = SimpleNamespace(register=lambda name: SimpleNamespace(get_array=self.samples))

    @property
    def frame_time(self) -> int:
        return self.last_frame_time + 10

    def samples(self) -> np.ndarray:
        return (np.arange(self.last_frame_time, self.last_frame_time + BLOCK) % 1_000_000).astype(np.float32)

    def play(self, recorder: Recorder, periods: int = 1) -> None:
        for _ in range(periods):
            recorder.period(BLOCK)
            self.last_frame_time = (self.last_frame_time + BLOCK) % (1 << 32)


def listening(server: Any) -> Recorder:
    recorder = Recorder(server, "nobody")
    recorder.listening = True
    return recorder


def written(recorder: Recorder) -> list[np.ndarray]:
    """As the main loop does it."""
    pieces = [piece.copy() for piece in recorder.new()]
    recorder.kept += sum(map(len, pieces))
    return pieces


def test_everything_is_kept_in_order_when_the_room_begins_anew() -> None:
    server = Server()
    recorder, pieces = listening(server), []
    for periods in (7, 2000, 1700, 300, 3000):
        server.play(recorder, periods)
        pieces += written(recorder)
        assert recorder.new() == []
    sound, told = np.concatenate(pieces), recorder.told()
    assert np.array_equal(sound, np.repeat(np.arange(len(sound), dtype=np.float32)[:, None] % 1_000_000, 2, axis=1))
    assert told["pieces"] == [(0, 0)] and told["lost"] == 0 and told["frames"] == len(sound) == 7007 * BLOCK


def test_a_missed_period_begins_a_piece_and_every_sample_keeps_its_frame() -> None:
    server = Server(5000)
    recorder = listening(server)
    server.play(recorder, 3)
    server.last_frame_time += 2 * BLOCK
    server.play(recorder, 2)
    recorder.xrun(0.0)
    heard, sound = Heard.from_json(recorder.told()), np.concatenate(written(recorder))
    assert heard.pieces == [(0, 5000), (3 * BLOCK, 5000 + 5 * BLOCK)] and heard.xruns == [server.frame_time]
    assert [heard.server_frame(place) for place in range(len(sound))] == sound[:, 0].tolist()


def test_what_finds_no_room_is_counted_and_what_comes_after_is_a_new_piece() -> None:
    server = Server()
    recorder = listening(server)
    room = len(recorder.room) // BLOCK
    server.play(recorder, room + 3)
    assert recorder.lost == 3 * BLOCK and recorder.came == room * BLOCK == 20 * RATE
    assert len(np.concatenate(written(recorder))) == room * BLOCK
    server.play(recorder)
    assert recorder.pieces == [(0, 0), (room * BLOCK, (room + 3) * BLOCK)]


def test_the_clock_that_begins_anew_is_no_missed_period() -> None:
    server = Server((1 << 32) - 2 * BLOCK)
    recorder = listening(server)
    server.play(recorder, 5)
    assert len(recorder.pieces) == 1


def test_nothing_is_kept_before_the_ports_are_there() -> None:
    server: Any = Server()
    recorder = Recorder(server, "nobody")
    server.play(recorder, 3)
    recorder.xrun(0.0)
    assert Heard.from_json(recorder.told()) == Heard() and recorder.told()["frames"] == 0
