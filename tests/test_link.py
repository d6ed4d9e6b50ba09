"""Messages between our processes arrive whole and in order, and a dead peer never raises."""

from __future__ import annotations

from distill_live.link import Link, link_pair


def test_messages_arrive_in_order() -> None:
    a, b = (Link(c) for c in link_pair())
    for n in range(100):
        assert a.send({"type": "event", "n": n})
    assert [m["n"] for m in b.poll()] == list(range(100)) and b.poll() == []


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
