"""The ring keeps every frame in order, never blocks, and survives the death of the side that joined it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.ring import Count, DeviceState, Gauge, SharedRing


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    made = SharedRing.create(capacity=1000, channels=2)
    yield made
    made.close()
    made.unlink()


def counting(start: int, frames: int) -> np.ndarray:
    return np.stack([np.arange(start, start + frames)] * 2, axis=1).astype(np.float32)


OPERATIONS = st.lists(st.tuples(st.sampled_from(["write", "read", "skip"]), st.integers(0, 30)), max_size=60)


@given(capacity=st.integers(1, 20), operations=OPERATIONS)
@settings(max_examples=60, deadline=None)
def test_a_ring_behaves_as_a_queue_of_limited_length(capacity: int, operations: list[tuple[str, int]]) -> None:
    ring, model, sent = SharedRing.create(capacity, 2), deque[float](), 0
    try:
        for operation, frames in operations:
            if operation == "write":
                taken = ring.write(counting(sent, frames))
                assert taken == min(frames, capacity - len(model))
                model.extend(range(sent, sent + taken))
                sent += taken
            elif operation == "read":
                out = np.full((frames, 2), -1.0, dtype=np.float32)
                got = ring.read_into(out)
                assert got == min(frames, len(model))
                assert out[:got, 0].tolist() == out[:got, 1].tolist() == [model.popleft() for _ in range(got)]
                assert np.all(out[got:] == -1.0)
            else:
                assert ring.skip(frames) == min(frames, len(model))
                for _ in range(min(frames, len(model))):
                    model.popleft()
            assert (ring.fill, ring.space) == (len(model), capacity - len(model))
            assert ring.written - ring.read == len(model)
    finally:
        ring.close()
        ring.unlink()


def test_both_sides_see_one_ring_and_one_status_area(ring: SharedRing) -> None:
    other = SharedRing.attach(ring.name)
    ring.write(counting(0, 10))
    out = np.zeros((4, 2), dtype=np.float32)
    assert other.read_into(out) == 4
    other.publish(Count.DEVICE_STATE, DeviceState.PLAYING)
    other.publish_gauge(Gauge.LAST_OUTPUT_S, 12.5)
    assert (ring.fill, other.channels, other.capacity) == (6, 2, 1000)
    assert DeviceState(ring.count(Count.DEVICE_STATE)) is DeviceState.PLAYING
    assert ring.gauge(Gauge.LAST_OUTPUT_S) == 12.5
    other.close()


def test_no_field_of_the_status_area_touches_another_or_the_samples(ring: SharedRing) -> None:
    ring.write(counting(0, 1000))
    for field in Count:
        ring.publish(field, 100 + field)
    for gauge in Gauge:
        ring.publish_gauge(gauge, 200.0 + gauge)
    assert [ring.count(field) for field in Count] == [100 + field for field in Count]
    assert [ring.gauge(gauge) for gauge in Gauge] == [200.0 + gauge for gauge in Gauge]
    out = np.zeros((1000, 2), dtype=np.float32)
    assert ring.read_into(out) == 1000
    assert np.array_equal(out, counting(0, 1000))


def produce(name: str, frames: int) -> None:
    ring, sent = SharedRing.attach(name), 0
    while sent < frames:
        sent += ring.write(counting(sent, min(512, frames - sent)))
    ring.close()


def test_every_frame_arrives_once_and_in_order_from_another_process(ring: SharedRing) -> None:
    frames = 100_000
    child = multiprocessing.get_context("spawn").Process(target=produce, args=(ring.name, frames))
    child.start()
    heard, out = 0, np.zeros((256, 2), dtype=np.float32)
    while heard < frames:
        got = ring.read_into(out)
        if got:
            assert np.array_equal(out[:got], counting(heard, got))
            heard += got
        else:
            assert child.is_alive() or ring.fill, f"only {heard} frames came"
    child.join()
    assert child.exitcode == 0


@pytest.mark.parametrize("death", [signal.SIGKILL, None])
def test_the_ring_outlives_a_process_that_joined_it(ring: SharedRing, death: signal.Signals | None) -> None:
    """Python's resource tracker used to remove shared memory when a process that had only attached it ended."""
    program = (
        "import sys\nfrom distill_live.audio.ring import SharedRing\n"
        "ring = SharedRing.attach(sys.argv[1])\nprint('joined', flush=True)\nsys.stdin.read(1)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, ring.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"joined\n"
    if death is not None:
        os.kill(child.pid, death)
    _, complaints = child.communicate(b"x" if death is None else None)
    assert complaints == b""
    again = SharedRing.attach(ring.name)
    assert again.capacity == 1000
    again.close()


def test_a_ring_that_is_not_there_or_is_not_a_ring_is_refused() -> None:
    with pytest.raises(FileNotFoundError):
        SharedRing.attach("no_such_ring_anywhere")
    memory = SharedMemory(create=True, size=8192)
    with pytest.raises(ValueError, match="not a ring"):
        SharedRing.attach(memory.name)
    memory.close()
    memory.unlink()
