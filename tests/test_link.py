"""Messages between our processes arrive whole and in order, and a dead peer never raises."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from distill_live.link import MOST_WAITING, Link, LinkGroup, link_pair


def test_messages_arrive_in_order() -> None:
    a, b = (Link(c) for c in link_pair())
    for n in range(100):
        assert a.send({"type": "event", "n": n})
    got = [m["n"] for m in b.poll()]
    while got[-1] < 99:
        a.poll()  # what had no room goes out with the next look
        got += [m["n"] for m in b.poll()]
    assert got == list(range(100)) and b.poll() == []


def test_a_poll_takes_at_most_what_is_asked() -> None:
    a, b = (Link(c) for c in link_pair())
    for n in range(10):
        a.send({"n": n})
    assert len(b.poll(most=4)) == 4 and len(b.poll()) == 6


def test_a_dead_peer_is_noticed_and_never_raises() -> None:
    a, b = (Link(c) for c in link_pair())
    b.connection.close()
    a.send({"x": 1})
    assert not a.send({"x": 2}) and a.closed and a.poll() == []


def test_a_peer_that_stands_still_never_makes_the_sender_wait_and_misses_nothing_that_matters() -> None:
    """A bridge that was stopped (SIGSTOP) once stopped the sound: the engine waited in a full pipe."""
    a, b = (Link(c) for c in link_pair())
    for n in range(3000):
        assert a.send({"kind": "kept", "n": n, "filling": "x" * 300})
        a.send({"kind": "status", "n": n, "filling": "x" * 300}, droppable=True)
    got: list[dict[str, object]] = []
    while fresh := b.poll():
        got += fresh
        a.poll()
    assert [m["n"] for m in got if m["kind"] == "kept"] == list(range(3000))
    assert len([m for m in got if m["kind"] == "status"]) < 3000


def test_last_words_of_a_peer_that_has_gone_are_heard() -> None:
    a, b = (Link(c) for c in link_pair())
    for n in range(100):
        b.send({"n": n})
    b.close()
    a.send({"x": 1})
    a.send({"x": 2})
    got: list[int] = []
    while fresh := a.poll():
        got += [m["n"] for m in fresh]
    assert got == list(range(100)) and a.closed


def test_half_a_message_of_a_peer_that_was_killed_is_dropped_and_the_next_peer_is_understood() -> None:
    ours, theirs = link_pair()
    reader = Link(ours)
    theirs.sendall(b'{"n": 1}\n{"half of a mess')
    assert reader.poll(wait_s=1.0) == [{"n": 1}]
    assert Link(theirs).send({"n": 2})
    assert reader.poll(wait_s=1.0) == [{"n": 2}] and reader.damaged == 1


def test_a_group_gives_what_each_link_has_and_nothing_of_those_that_have_none() -> None:
    pairs = [link_pair() for _ in range(3)]
    near, far = [Link(a) for a, _ in pairs], [Link(b) for _, b in pairs]
    group = LinkGroup(*near)
    assert not any(messages for _, messages in group.poll())  # every link begins with an empty line
    far[2].send({"n": 1})
    far[0].send({"n": 2})
    far[0].send({"n": 3})
    assert list(group.poll()) == [(near[0], [{"n": 2}, {"n": 3}]), (near[2], [{"n": 1}])]
    assert list(group.poll()) == []


@pytest.mark.parametrize("has_poll", [True, False])
def test_a_group_works_without_poll_too(has_poll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none."""
    monkeypatch.setattr("distill_live.link._HAS_POLL", has_poll and hasattr(select, "poll"))
    pairs = [link_pair() for _ in range(2)]
    near, far = [Link(a) for a, _ in pairs], [Link(b) for _, b in pairs]
    group = LinkGroup(*near)
    far[1].send({"n": 1})
    assert [m for _, messages in group.poll() for m in messages] == [{"n": 1}]
    far[0].close()
    for _ in range(2):
        assert not any(messages for _, messages in group.poll())
    assert near[0].closed and not near[1].closed


def test_a_group_goes_on_with_what_one_call_had_no_room_for_and_with_a_large_message() -> None:
    a, b = (Link(c) for c in link_pair())
    group = LinkGroup(a)
    for n in range(100):
        b.send({"n": n})
    got = [m["n"] for _ in range(3) for _, messages in group.poll(most=40) for m in messages]
    assert got == list(range(100))
    b.send({"filling": "x" * 1_000_000})
    large: list[object] = []
    for _ in range(1000):
        large += [len(m["filling"]) for _, messages in group.poll() for m in messages]
        b.poll()
    assert large == [1_000_000]


def test_a_group_notices_a_peer_that_is_gone_and_sends_on_to_the_others() -> None:
    pairs = [link_pair() for _ in range(2)]
    near, far = [Link(a) for a, _ in pairs], [Link(b) for _, b in pairs]
    group = LinkGroup(*near)
    far[0].close()
    assert not any(messages for _ in range(2) for _, messages in group.poll())
    assert near[0].closed and not near[1].closed
    near[1].send({"filling": "x" * 3_000_000})  # more than fits: the group's polls send the rest
    got: list[object] = []
    for _ in range(1000):
        list(group.poll())
        got += far[1].poll()
    assert len(got) == 1


def test_what_is_no_message_is_counted_and_dropped() -> None:
    ours, theirs = link_pair()
    theirs.sendall(b'[1]\n\xff\xfe\n\n{"n": 3}\n')
    reader = Link(ours)
    assert reader.poll(wait_s=1.0) == [{"n": 3}] and reader.damaged == 2


def test_a_message_larger_than_any_buffer_arrives_whole() -> None:
    a, b = (Link(c) for c in link_pair())
    a.send({"filling": "x" * 3_000_000})
    got: list[dict[str, object]] = []
    for _ in range(1000):
        got += b.poll()
        a.poll()
    assert len(got) == 1 and len(str(got[0]["filling"])) == 3_000_000


READER = """
import signal, socket, sys
from distill_live.link import Link
from distill_live.signals import StopFlag, stop_on_signals
link, heard = Link(socket.socket(fileno=int(sys.argv[1]))), 0
with stop_on_signals(StopFlag(), patient=True):
    link.send({"ready": True})
    while not link.closed:
        heard += len(link.poll(wait_s=1.0))
print(heard, link.damaged)
"""


def test_signals_in_the_middle_of_messages_tear_none() -> None:
    """Regression: Ctrl-C between a message's length and its body left `play` waiting for ever for bytes to come."""
    ours, theirs = link_pair()
    command = [sys.executable, "-c", READER, str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True)
    theirs.close()
    writer, sent = Link(ours), 0
    assert writer.poll(wait_s=30.0) == [{"ready": True}]
    done = time.monotonic() + 1.0
    while time.monotonic() < done:
        for _ in range(20):
            sent += writer.send({"n": sent, "filling": "x" * 2000})
        os.kill(process.pid, signal.SIGINT)
        while len(writer._waiting) > MOST_WAITING // 2 and not writer.closed:  # a reader that is slow today loses none
            writer.poll(wait_s=0.01)
    while not writer.closed and (writer._waiting or writer._leaving):
        writer.poll(wait_s=0.01)
    writer.close()
    assert process.communicate(timeout=30)[0].split() == [str(sent), "0"]
