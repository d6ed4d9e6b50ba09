"""Which message became which event, and a replay that is not disturbed by being forked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.follow import MOST_LOST, follow, match, strangers
from distill_live.cli.bench.sender import Message
from distill_live.engine.performance import BLOCK, LEAD
from distill_live.engine.replay import replay
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import Take


def logged(value: float, source: str = "osc", frame: int = 0) -> ControlEvent:
    return ControlEvent(frame, "/distill/temperature", (value,), source)


def said(value: float) -> Message:
    return Message(value, "temperature", (value,))


# ------------------------------------------------------------------ matching


def test_a_number_is_the_same_number_after_a_way_through_32_bits() -> None:
    sent = Message(0.0, "swap", (0, 2, 1.9))
    assert match([ControlEvent(0, "/distill/swap", (0, "2", float(np.float32(1.9))))], [sent]) == {0: sent}
    for other in (("/distill/swap", (0, "2", 1.8)), ("/distill/swap", (0, "2")), ("/distill/topk", (0, "2", 1.9))):
        assert match([ControlEvent(0, *other)], [sent]) == {}


def test_what_came_by_no_hand_is_not_in_the_way() -> None:
    engine = [ControlEvent(0, LEAD, (2560,), "engine"), logged(0.5, "input")] * 5
    assert match([*engine, logged(0.5)], [said(0.5)]) == {len(engine): said(0.5)}
    assert match([logged(0.5, "engine")], [said(0.5)]) == {}


def test_some_of_somebody_else_are_stepped_over() -> None:
    others = [logged(9.0)] * (MOST_LOST - 1)
    assert match([*others, logged(0.5), *others, logged(0.6)], [said(0.5), said(0.6)]) == {3: said(0.5), 7: said(0.6)}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["both", "lost", "stranger"]), max_size=40))
def test_matching_keeps_the_order_and_never_uses_an_event_twice(fates: list[str]) -> None:
    events, sent, expected = [], [], {}
    for n, fate in enumerate(fates):
        if fate != "stranger":
            sent.append(said(n / 64))
        if fate != "lost":
            events.append(logged(n / 64))
        if fate == "both":
            expected[len(events) - 1] = sent[-1]
    found = match(events, sent)
    assert list(found) == sorted(found) and found.items() <= expected.items()
    if fates.count("stranger") < MOST_LOST:
        assert found == expected


def test_strangers_are_counted() -> None:
    take = Take({}, (logged(0.1), logged(0.2), logged(0.3, "engine"), logged(0.4, "midi")))
    followed = {said(0.1): None}
    assert strangers(take, followed) == 2  # type: ignore[arg-type]


# ------------------------------------------------------------------ following


@pytest.mark.usefixtures("live_numbers")
def test_the_replay_is_the_take_and_every_change_knows_its_lead(tiny_playable: Callable[..., Playable]) -> None:
    model = tiny_playable()
    log = (
        ControlEvent(10 * BLOCK, "/distill/temperature", (2.0,)),
        ControlEvent(10 * BLOCK, "/distill/param/level.0.temperature", (0.4,), "engine"),
        ControlEvent(30 * BLOCK, LEAD, (4096,), "engine"),
        ControlEvent(40 * BLOCK, "/distill/swap", (1, "2", 1.0)),
        ControlEvent(60 * BLOCK, "/distill/temperature", (0.1,)),
    )
    take = Take({"sample_rate": 48000, "block": BLOCK, "seed": 5, "model": model.sha256}, log, frames=70 * BLOCK - 100)
    sent = [said(2.0), Message(1.0, "swap", (1, 2, 1.0)), said(0.1)]
    followed = follow(model, take, sent, lead=2048)
    assert [followed.changes[message].lead for message in sent] == [2048, 4096, 4096]
    assert followed.changes[sent[0]].differs is None, "no time: something else came at the same frame"
    assert followed.changes[sent[0]].level_db is None
    swap = followed.changes[sent[1]]
    assert swap.differs is not None and swap.effects <= swap.differs, "nothing is heard before the effects let it out"
    assert swap.level_db is not None and swap.level_db < 0
    whole = np.concatenate(list(replay(model, take)), axis=1).T
    assert np.array_equal(followed.sound[: len(whole)], whole)
