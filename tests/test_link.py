"""Messages between our processes arrive whole and in order, and a dead peer never raises."""

from __future__ import annotations

from distill_live.link import Link, link_pair


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
