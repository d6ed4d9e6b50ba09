"""The recorder: everything in its order, in a thread of its own, and a disk that sleeps never stops the sound."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.engine import recorder as module
from distill_live.engine.recorder import Recorder

Floats = np.ndarray


class Notebook:
    """A sink that writes down what it is told, and may be made to sleep."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.wet: list[Floats] = []
        self.settled = 0  # lines that have been settled
        self.asleep, self.awake = threading.Event(), threading.Event()
        self.awake.set()

    def blocks(self, wet: Floats, dry: Floats | None) -> None:
        self.asleep.set()
        assert self.awake.wait(30)
        self.wet.append(wet)
        self.lines += [f"{'dry ' if dry is not None else ''}block {value:g}" for value in wet[0, ::512]]
        if dry is not None:
            assert np.array_equal(dry, wet[0])

    def settle(self) -> None:
        self.settled = len(self.lines)

    def lost(self, frames: int) -> None:
        self.lines.append(f"lost {frames}")


def block(value: float) -> Floats:
    return np.full((2, 512), value, np.float32)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["block", "dry block", "job"]), max_size=200))
def test_blocks_and_jobs_are_done_in_the_order_they_came(kinds: list[str]) -> None:
    notebook = Notebook()
    recorder = Recorder(notebook)
    for number, kind in enumerate(kinds):
        if kind == "job":
            recorder.do(lambda number=number: notebook.lines.append(f"job {number}"))
        else:
            recorder.push(block(number), block(number)[0] if kind == "dry block" else None)
    assert recorder.close() and recorder.close()
    assert notebook.lines == [f"{kind} {number}" for number, kind in enumerate(kinds)]
    assert notebook.settled == len(kinds)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["block", "note", "job"]), max_size=100))
def test_notes_keep_their_order_among_jobs_and_never_wait_for_blocks(kinds: list[str]) -> None:
    notebook = Notebook()
    recorder = Recorder(notebook)
    for number, kind in enumerate(kinds):
        if kind == "block":
            recorder.push(block(number))
        else:
            (recorder.do if kind == "job" else recorder.note)(
                lambda line=f"{kind} {number}": notebook.lines.append(line)  # type: ignore[misc]
            )
    recorder.close()
    wanted = [f"{kind} {number}" for number, kind in enumerate(kinds)]
    assert [line for line in notebook.lines if "note" not in line] == [line for line in wanted if "note" not in line]
    assert [line for line in notebook.lines if "block" not in line] == [line for line in wanted if "block" not in line]
    assert all(notebook.lines.index(line) <= at for at, line in enumerate(wanted) if "note" in line)


def test_it_works_while_the_render_loop_sleeps_and_stops_when_that_wakes_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two threads of one process take turns: a block must not wait for a log line."""
    monkeypatch.setattr(module, "_LATEST_S", 600.0)
    monkeypatch.setattr(module, "_LOOK_S", 0.0)
    notebook, done = Notebook(), threading.Semaphore(0)
    recorder = Recorder(notebook)
    recorder.take_back()

    def wake_up() -> None:
        notebook.lines.append("waking")
        recorder.take_back()
        done.release()

    for number in range(3):
        recorder.note(lambda number=number: notebook.lines.append(f"note {number}"))  # type: ignore[misc]
    recorder.note(wake_up)
    recorder.push(block(7))
    recorder.note(wake_up)
    assert notebook.lines == [], "the loop is awake"
    recorder.lend()
    assert done.acquire(timeout=30)
    assert notebook.lines == ["note 0", "note 1", "note 2", "waking"]
    recorder.lend()
    assert done.acquire(timeout=30)
    assert recorder.close()
    assert notebook.lines == ["note 0", "note 1", "note 2", "waking", "waking", "block 7"]


def test_a_render_loop_that_never_sleeps_holds_nothing_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LATEST_S", 0.01)
    notebook, done = Notebook(), threading.Event()
    recorder = Recorder(notebook)
    recorder.take_back()
    recorder.note(done.set)
    assert done.wait(30)
    recorder.close()


def test_a_block_may_be_used_again_at_once() -> None:
    notebook = Notebook()
    recorder = Recorder(notebook)
    one = block(0.5)
    recorder.push(one, one[0])
    one[:] = 9
    recorder.close()
    assert np.concatenate(notebook.wet).max() == 0.5


def test_blocks_are_joined_so_that_the_thread_asks_seldom_for_the_interpreter() -> None:
    notebook = Notebook()
    notebook.awake.clear()
    recorder = Recorder(notebook)
    recorder.push(block(0))
    assert notebook.asleep.wait(30)
    for value in range(1, 130):
        recorder.push(block(value))
    notebook.awake.set()
    recorder.close()
    assert [wet.shape[1] // 512 for wet in notebook.wet] == [1, 64, 64, 1]


def test_events_take_no_room_from_blocks() -> None:
    """A thousand events a second are noted while a disk sleeps: sound must not be lost for them."""
    notebook = Notebook()
    notebook.awake.clear()
    recorder = Recorder(notebook, waiting_blocks=8)
    recorder.push(block(0))
    assert notebook.asleep.wait(30)
    for _ in range(100):
        recorder.note(lambda: None)
    for value in range(1, 7):
        recorder.push(block(value))
    notebook.awake.set()
    assert recorder.close()
    assert notebook.lines == [f"block {value}" for value in range(7)]


def test_what_finds_no_room_is_a_gap_at_its_place() -> None:
    notebook = Notebook()
    notebook.awake.clear()
    recorder = Recorder(notebook, waiting_blocks=4)
    recorder.push(block(0))
    assert notebook.asleep.wait(30)  # block 0 is with the disk, 1..4 wait, 5..8 find no room
    for value in range(1, 9):
        recorder.push(block(value))
    recorder.do(lambda: notebook.lines.append("job"))
    notebook.awake.set()
    recorder.close()
    assert notebook.lines == ["block 0", *(f"block {value}" for value in range(1, 5)), "lost 2048", "job"]
