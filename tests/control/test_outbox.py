"""The way to the engine: the last value is exact, order is kept across commands, bundles stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.control.codes import BusyError
from distill_live.control.outbox import BATCH_EVENTS, COMMANDS_TOGETHER, IN_FLIGHT, MOST_WAITING, Outbox
from distill_live.control.outcome import EngineEvent

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
VALUES = st.tuples(st.sampled_from("abc"), st.integers(0, 9))
STEP = st.one_of(
    st.lists(VALUES, min_size=1, max_size=3).map(lambda values: ("values", values)),
    st.integers(0, 99).map(lambda number: ("command", number)),
    st.integers(0, 9).map(lambda number: ("preset", number)),
    st.just(("sync", 0)),
    st.just(("ack", 0)),
)


def value(address: str, number: float) -> EngineEvent:
    return EngineEvent(address, (number,), is_value=True)


@STEADY
@given(st.lists(STEP, max_size=60))
def test_whatever_the_pace_the_engine_ends_with_the_last_values_and_every_command_in_order(steps):
    outbox, sent, acked = Outbox(), [], 0
    values_at_command: list[dict[str, int]] = []
    wanted: dict[str, int] = {}
    for kind, what in steps:
        if kind == "values":
            outbox.put([value(address, number) for address, number in what], "osc")
            wanted.update(dict(what))
        elif kind == "command":
            outbox.put([EngineEvent("/command", (what,))], "osc")
            values_at_command.append(dict(wanted))
        elif kind == "preset":
            outbox.put([EngineEvent("/preset", (what,)), *(value(a, what) for a in "abc")], "osc", whole=True)
            wanted.update(dict.fromkeys("abc", what))
        elif kind == "sync":
            outbox.put_sync(1)
        else:
            acked += 1
            outbox.acknowledge(acked)
            outbox.synced()
        sent += list(outbox.messages())
        assert sum(m["type"] == "events" for m in sent) - acked <= IN_FLIGHT
    for number in range(1, 200):
        outbox.acknowledge(number)
        outbox.synced()
        sent += list(outbox.messages())
    got: dict[str, int] = {}
    got_at_command = []
    for message in sent:
        for address, args, _ in message.get("events", []):
            if address == "/command":
                got_at_command.append(dict(got))
            elif address != "/preset":
                got[address] = args[0]
    assert got == wanted
    assert got_at_command == values_at_command
    assert outbox.under_way() == set()


def test_a_bundle_is_never_split():
    outbox = Outbox()
    for number in range(BATCH_EVENTS - 1):
        outbox.put([value(f"/{number}", 0)], "osc")
    outbox.put([value(f"/bundle{n}", 0) for n in range(10)], "osc")
    first = next(outbox.messages())
    assert len(first["events"]) == BATCH_EVENTS + 9


def preset(number: int, size: int = 3) -> list[EngineEvent]:
    return [EngineEvent("/preset", (number,)), *(value(f"/{n}", number) for n in range(size))]


def test_a_preset_of_any_size_is_one_batch_with_its_command_first():
    outbox = Outbox()
    for number in range(5):
        outbox.put([value(f"/before{number}", 0)], "osc")
    outbox.put(preset(1, size=200), "osc", whole=True)
    first = next(outbox.messages())["events"]
    assert [address for address, _, _ in first[5:]] == ["/preset", *(f"/{n}" for n in range(200))]


def test_of_presets_in_a_row_only_the_latest_waits_and_what_stands_between_them_stays():
    outbox = Outbox()
    for number in range(IN_FLIGHT):
        outbox.put([EngineEvent("/command", (number,))], "osc")
        next(outbox.messages())
    outbox.put(preset(1), "osc", whole=True)
    outbox.put([value("/kept", 7)], "osc")
    outbox.put(preset(2), "midi", whole=True)
    outbox.put([EngineEvent("/command", ("between",))], "osc")
    outbox.put(preset(3), "osc", whole=True)
    outbox.put_sync(5)
    outbox.put(preset(4), "osc", whole=True)
    outbox.put(preset(5), "osc", whole=True)
    assert outbox.coalesced == 8
    for number in range(1, 20):
        outbox.acknowledge(number)
    sent = [event for message in outbox.messages() for event in message.get("events", [])]
    assert [args[0] for address, args, _ in sent if address == "/preset"] == [2, 3, 5]
    assert [address for address, _, _ in sent if address in ("/kept", "/command")] == ["/kept", "/command"]


def test_a_bundle_may_hold_a_preset_but_not_hundreds():
    outbox = Outbox()
    outbox.check_room(preset(1, size=200))
    with pytest.raises(BusyError, match="in one bundle"):
        outbox.check_room(preset(1, size=300) * 2)
    with pytest.raises(BusyError, match="in one bundle"):
        outbox.check_room(preset(1, size=0) * COMMANDS_TOGETHER)


def test_a_full_outbox_says_so():
    outbox = Outbox()
    for number in range(MOST_WAITING):
        outbox.put([EngineEvent("/command", (number,))], "osc")
    with pytest.raises(BusyError):
        outbox.check_room()


def test_what_the_engine_says_of_a_value_under_way_is_known_to_be_old():
    outbox = Outbox()
    outbox.put([value("/a", 1)], "osc")
    assert outbox.under_way() == {"/a"}
    list(outbox.messages())
    assert outbox.under_way() == {"/a"}
    outbox.acknowledge(1)
    assert outbox.under_way() == set()
