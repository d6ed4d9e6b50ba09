"""A look into a log: its head is a take of its own, and the engine's help is found in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.loglook import EFFORT, LEAD, by_the_engine, course, head_of, largest, share_above
from distill_live.events import ControlEvent
from distill_live.takelog import ModelNote, Recording, Take, TakeWriter, read_take

HEADER = {"seed": 7, "model": "ab" * 32, "sample_rate": 48000, "block": 512}
EVENTS = (
    ControlEvent(512, "/distill/temperature", (0.7,)),
    ControlEvent(1024, LEAD, (2560,), "engine"),
    ControlEvent(1024, "/distill/swap", (0, "3", 1.0), "midi"),
    ControlEvent(4096, EFFORT, (1,), "engine"),
    ControlEvent(4608, "/distill/bank/load", ("5", "a /distill/engine/ of a name", "aa")),
    ControlEvent(8192, LEAD, (2048,), "engine"),
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    writer = TakeWriter(tmp_path / "take.jsonl", HEADER)
    writer.model("bb", ModelNote("drones", "/somewhere/drones.distill"))
    writer.recording(Recording(1, 600, "1-wet.wav"))
    for event in EVENTS:
        if event.address == "/distill/bank/load":
            writer.asset("aa", {"kind": "codes"})
        writer.event(event)
    writer.recording(Recording(1, 600, "1-wet.wav", frames=9000))
    writer.close(10_240, "dd" * 32)
    return writer.path


@pytest.mark.parametrize(("frames", "events"), [(0, 0), (512, 0), (513, 1), (1024, 1), (1025, 3), (4608, 4), (9000, 6)])
def test_the_head_of_a_log_is_a_take_that_ends_at_its_frame(log: Path, frames: int, events: int) -> None:
    whole, head = read_take(log), head_of(log, frames, log.parent / "head.jsonl")
    assert head == Take(whole.header, EVENTS[:events], head.assets, frames, whole.models)
    assert events <= 4 or list(head.assets) == ["aa"], "what came in from outside and is used"
    assert read_take(log.parent / "head.jsonl") == head


def test_the_head_of_a_whole_log_is_the_take_less_its_digest_and_its_recordings(log: Path) -> None:
    whole, head = read_take(log), head_of(log, 10_240, log.parent / "head.jsonl")
    assert (head.events, head.assets, head.models) == (whole.events, whole.assets, whole.models)
    assert head.sha256 == "" and head.recordings == (), "of other frames than these"


def test_a_log_that_broke_off_within_a_line_has_a_head_too(log: Path) -> None:
    text = log.read_text()
    log.write_text(text[: text.index('"/distill/swap"')])
    assert head_of(log, 9000, log.parent / "head.jsonl").events == EVENTS[:2]
    assert by_the_engine(log) == [EVENTS[1]]


def test_the_engines_events_are_found_among_all_others(log: Path) -> None:
    found = by_the_engine(log)
    assert [event for event in found if event.source == "engine"] == [EVENTS[1], EVENTS[3], EVENTS[5]]
    assert course(found, LEAD, 2048) == [(0, 2048), (1024, 2560), (8192, 2048)]
    assert course(found, EFFORT, 0) == [(0, 0), (4096, 1)]


def test_a_course_that_never_moved_is_never_above_itself() -> None:
    way = course([], LEAD, 2048)
    assert way == [(0, 2048)] and largest(way) == 2048 and share_above(way, 2048, 48_000) == 0.0
    assert share_above(way, 2047, 48_000) == 1.0 and share_above(way, 0, 0) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 4)), max_size=30), st.integers(0, 4), st.integers(1, 500))
def test_a_share_is_what_counting_frame_by_frame_gives(moves: list[tuple[int, int]], value: int, rest: int) -> None:
    way, frame = [(0, 2)], 0
    for frames, now in moves:
        frame += frames
        way.append((frame, now))
    frames = frame + rest
    each = [
        now for (start, now), (stop, _) in zip(way, [*way[1:], (frames, 0)], strict=True) for _ in range(start, stop)
    ]
    assert share_above(way, value, frames) == pytest.approx(sum(now > value for now in each) / frames)
    assert largest(way) == max(each)
