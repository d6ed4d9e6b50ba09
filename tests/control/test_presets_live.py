"""Presets over a real UDP port: one batch for the engine, done or an error back, floods and bursts collapse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_live.control.bridge import PROGRAM_SETTLES_S, Bridge, BridgeSettings
from distill_live.control.client import RefusedError
from distill_live.control.mapper import MidiMessage
from distill_live.control.validate import Call
from distill_live.engine.params import load_all
from distill_live.events import param_address
from distill_live.link import Link, link_pair
from distill_live.params import Param, Registry
from distill_live.presets.preset import Preset, belongs
from distill_live.presets.shelf import own_folder, read_preset, save_preset

from .conftest import PARAMS, Rig, open_rig

LOAD = "/distill/preset/load"
MANY = (*PARAMS, *(Param(f"fx.wide.p{n}", f"P{n}", "fx.wide", help="One of many.") for n in range(120)))
REGISTRY = Registry(MANY)


@pytest.fixture
def home(own_home: Path) -> Path:
    save_preset(Preset("a", {"temperature": 0.25, "fx.wide.p7": 0.5}, {1: "drones"}, number=1), REGISTRY)
    save_preset(Preset("b", {"temperature": 0.5, "level.0.mute": True}, number=2), REGISTRY)
    save_preset(Preset("bb", {"temperature": 2.0}, number=3), REGISTRY)
    return own_home


@pytest.fixture
def rig(home: Path) -> Iterator[Rig]:
    with open_rig(BridgeSettings(MANY, port=0, midi=False)) as opened:
        yield opened


def loads(rig: Rig) -> list[str]:
    return [args[0] for args in rig.engine.values(LOAD)]


def test_a_preset_reaches_the_engine_as_one_batch_the_command_first(rig: Rig) -> None:
    rig.client.send("preset/load", "a")
    done = rig.client.wait_for(lambda call: call.address == "/distill/done")
    assert done.args == (LOAD, "a")
    rig.client.sync()
    (batch,) = (batch for batch in rig.engine.batches if any(event[0] == LOAD for event in batch))
    held = [param_address(p.id) for p in MANY if belongs(p)]
    assert len(held) > 130
    assert [event[0] for event in batch] == [LOAD, *held, "/distill/bank/load"]
    assert batch[0][1] == ["a"] and batch[-1][1] == ["1", "drones"]
    assert {event[2] for event in batch} == {"osc"}
    assert rig.client.get("temperature") == 0.25
    assert rig.client.get("fx.wide.p7") == 0.5


def test_everything_a_client_may_ask_of_presets_is_answered(rig: Rig) -> None:
    rig.client.set("topk", 8)
    rig.client.send("preset/save", "mine")
    assert rig.client.wait_for(lambda call: call.address == "/distill/done").args == ("/distill/preset/save", "mine")
    assert read_preset("mine", REGISTRY).preset.values == {"topk": 8}
    listing = rig.client.presets()
    own = {line.name: line.place for line in listing.lines if line.whose == "own"}
    assert list(own) == ["a", "b", "bb", "mine"]
    assert (own["a"], own["b"], own["bb"]) == (1, 2, 3)
    assert listing.current == "mine"
    rig.client.send("preset/load", 2)
    rig.client.sync()
    rig.client.send("preset/next", 1.0)
    rig.client.send("preset/next", 0.0)
    rig.client.sync()
    assert loads(rig) == ["b", "bb"]
    rig.client.send("preset/morph", "b", "bb", 0.5)
    rig.client.sync()
    assert rig.client.get("temperature") == pytest.approx(1.0)
    assert loads(rig) == ["b", "bb"]


def test_a_refusal_names_the_address_and_changes_nothing(rig: Rig) -> None:
    (own_folder() / "bad.toml").write_text("oops")
    for path, args, code in (
        ("preset/load", ("gongs",), "unknown_name"),
        ("preset/load", ("../a",), "bad_argument"),
        ("preset/load", ("bad",), "refused"),
        ("preset/save", ("/tmp/x",), "bad_argument"),
    ):
        with pytest.raises(RefusedError) as refusal:
            rig.client.query(path, *args, reply="done")
        assert refusal.value.error_code == code
    rig.client.sync()
    assert loads(rig) == []


def test_a_flood_of_loads_ends_with_the_last_and_is_collapsed_on_the_way(rig: Rig) -> None:
    rig.engine.holding = True
    for number in range(300):
        rig.client.send("preset/load", ("a", "b", "bb")[number % 3])
    rig.client.send("preset/load", "b")
    rig.client.ping()
    rig.engine.holding = False
    rig.client.sync(timeout_s=20)
    assert loads(rig)[-1] == "b"
    assert len(loads(rig)) <= 5
    assert rig.engine.values("/distill/temperature")[-1] == [0.5]
    assert rig.client.get("temperature") == 0.5


def test_a_bundle_of_hundreds_of_presets_is_refused_in_part_and_hurts_nobody(rig: Rig) -> None:
    rig.client.take()
    rig.client.send_bundle([("preset/load", (("a", "b", "bb")[n % 3],)) for n in range(200)])
    assert rig.client.ping()
    rig.client.sync()
    assert any(call.args[1:2] == ("busy",) for call in rig.client.take())
    assert max(map(len, rig.engine.batches)) < 512 + 200


# ---------------------------------------------------------------------- MIDI, and the start


class Loop:
    """A bridge of our own in this thread, whose MIDI is what a test puts into it."""

    def __init__(self, settings: BridgeSettings) -> None:
        here, there = link_pair()
        above, below = link_pair()
        self.engine, self.supervisor = Link(here), Link(above)
        self.bridge = Bridge(settings, Link(there), Link(below))
        self.arrived: list[MidiMessage] = []
        self.bridge.midi = self  # type: ignore[assignment]
        self.name, self.ports, self.listening = None, [], True

    def tend(self) -> None:
        return None

    def poll(self) -> list[MidiMessage]:
        arrived, self.arrived = self.arrived, []
        return arrived

    def close(self) -> None:
        return None

    def turn(self, *messages: MidiMessage) -> list[tuple[str, list[Any]]]:
        """One round; what the engine got, acknowledged."""
        self.arrived += messages
        self.bridge.turn()
        events = []
        for message in self.engine.poll():
            if message["type"] == "events":
                events += [(address, args) for address, args, _ in message["events"]]
                self.engine.send({"type": "ack", "batch": message["batch"], "frame": 0})
        return events


@pytest.fixture
def loop(home: Path) -> Iterator[Loop]:
    made = Loop(BridgeSettings(tuple(load_all().values()), port=0, midi=False))
    yield made
    made.bridge.close()


def program(number: int, channel: int = 1) -> MidiMessage:
    return MidiMessage("program", channel, number, 0)


def loaded(events: list[tuple[str, list[Any]]]) -> list[str]:
    return [args[0] for address, args in events if address == LOAD]


def test_a_program_change_loads_the_preset_of_that_place_counted_from_1(loop: Loop) -> None:
    assert loop.turn(program(0)) == []
    time.sleep(PROGRAM_SETTLES_S)
    assert loaded(loop.turn()) == ["a"]
    loop.turn(program(2))
    time.sleep(PROGRAM_SETTLES_S)
    assert loaded(loop.turn()) == ["bb"]


def test_a_burst_of_program_changes_collapses_to_the_newest(loop: Loop) -> None:
    events = loop.turn(program(0), program(2), program(0))
    for _ in range(10):
        events += loop.turn(program(2))
    events += loop.turn(program(1))
    time.sleep(PROGRAM_SETTLES_S)
    events += loop.turn()
    time.sleep(PROGRAM_SETTLES_S)
    events += loop.turn()
    assert loaded(events) == ["b"]


def test_a_knob_that_was_turned_after_a_program_change_is_not_overwritten_by_it(loop: Loop) -> None:
    from distill_live.control.mapper import MidiMapper
    from distill_live.control.midimap import parse_map

    knob = 'schema="distill-live/midimap/1"\n[[map]]\nparam="temperature"\nsource={type="cc",number=16}'
    loop.bridge.mapper = MidiMapper(parse_map(knob), load_all())
    events = loop.turn(program(1), MidiMessage("cc", 1, 99, 5), MidiMessage("cc", 1, 16, 127))
    events += loop.turn()
    assert loaded(events) == ["b"]
    assert [args for address, args in events if address == "/distill/temperature"] == [[0.5], [2.0]]


def test_a_program_without_a_preset_is_said_and_changes_nothing(loop: Loop) -> None:
    loop.turn(program(127))
    time.sleep(PROGRAM_SETTLES_S)
    assert loop.turn() == []
    said = [text for message in loop.supervisor.poll() for text in message["messages"]]
    assert any("no preset has the place 128" in text for text in said)


def test_next_goes_on_from_the_preset_that_play_was_started_with(home: Path) -> None:
    loop = Loop(BridgeSettings(tuple(load_all().values()), port=0, midi=False, preset="a"))
    try:
        assert loop.turn() == []
        loop.bridge._apply([Call("/distill/preset/next")], None, "osc")
        assert loaded(loop.turn()) == ["b"]
    finally:
        loop.bridge.close()
