"""What each address asks for: the registry walked through every form, the swaps, the buttons, the names."""

from __future__ import annotations

import math

import pytest

from distill_live.control.codes import ERROR_CODES
from distill_live.control.desk import Desk
from distill_live.control.namespace import ModelInfo, Namespace, level_aliases
from distill_live.control.outcome import EngineEvent, Outcome
from distill_live.control.validate import Call
from distill_live.errors import DistillError, ParamError, UnknownNameError, UsageError
from distill_live.events import param_address
from distill_live.params import Registry

from .conftest import MODEL, PARAMS

VALUED = [p for p in PARAMS if p.kind not in ("readout", "trigger")]


def make_desk(root: str = "/distill") -> Desk:
    return Desk(Namespace(Registry(PARAMS), root, ModelInfo.from_message(MODEL)))


def ask(desk: Desk, address: str, *args: object) -> Outcome:
    target = desk.namespace.target(address)
    assert target is not None, address
    outcome = desk.handle(Call(address, args), target)
    desk.commit(outcome.events)
    return outcome


def test_every_address_in_the_table_is_of_the_root_and_means_something_that_exists():
    desk = make_desk()
    for address in desk.namespace:
        target = desk.namespace.target(address)
        assert address.startswith("/distill/")
        assert target.verb == "command" or target.name in desk.namespace.registry


@pytest.mark.parametrize("param", VALUED, ids=lambda p: p.id)
def test_a_parameter_is_set_read_moved_and_reset(param):
    desk = make_desk()
    address = f"/distill/param/{param.id}"
    (event,) = ask(desk, address, param.high).events
    assert event.address == param_address(param.id)
    assert event.args == (param.coerce(param.high).value,)
    assert ask(desk, f"/distill/norm/{param.id}").replies[0][1][0] == pytest.approx(1.0)
    ask(desk, f"/distill/norm/{param.id}", 0.0)
    assert desk.bank.number(param.id) == pytest.approx(param.low)
    ask(desk, f"{address}/nudge", 1.0)
    assert desk.bank.number(param.id) == pytest.approx(min(param.low + 1.0, param.high))
    ask(desk, f"{address}/reset")
    assert desk.bank[param.id] == param.default_value
    (reply,) = ask(desk, address).replies
    assert reply == (address, (desk.bank[param.id],))


@pytest.mark.parametrize("param", VALUED, ids=lambda p: p.id)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused_everywhere_and_changes_nothing(param, value):
    desk = make_desk()
    for address in (f"param/{param.id}", f"param/{param.id}/nudge", f"norm/{param.id}"):
        with pytest.raises(ParamError):
            ask(desk, f"/distill/{address}", value)
    assert desk.bank[param.id] == param.default_value


@pytest.mark.parametrize("param", VALUED, ids=lambda p: p.id)
def test_a_value_out_of_range_is_clamped_and_said(param):
    desk = make_desk()
    outcome = ask(desk, f"/distill/param/{param.id}", param.high + 1000)
    assert desk.bank.number(param.id) == param.high
    assert outcome.notice[0] == "clamped"


def test_short_names_levels_and_their_names_are_the_same_parameter():
    desk = make_desk()
    for address, param_id in (
        ("/distill/temperature", "temperature"),
        ("/distill/level/0/mute", "level.0.mute"),
        ("/distill/level/Structure/mute", "level.0.mute"),
        ("/distill/level/structure/mute", "level.0.mute"),
        ("/distill/param/level.timbre.temperature", "level.1.temperature"),
        ("/distill/norm/level.Detail.temperature", "level.2.temperature"),
    ):
        assert desk.namespace.target(address).name == param_id


def test_levels_are_renamed_with_the_model():
    namespace = make_desk().namespace
    namespace.set_model(ModelInfo(level_names=("Low End", "Air")))
    assert namespace.target("/distill/level/low-end/mute").name == "level.0.mute"
    assert namespace.target("/distill/level/Structure/mute") is None
    assert level_aliases(("Low End",))["3"] == ("3",)


@pytest.mark.parametrize(
    ("args", "event"),
    [
        (("Structure", "3"), (0, "3", 1.0)),
        (("timbre", 3), (1, "3", 1.0)),
        ((2.0, 16.0, 0.25), (2, "16", 0.25)),
        ((1, "bells", 1), (1, "1", 1.0)),
        (("Detail", "Drones"), (2, "2", 1.0)),
        (("0", "off"), (0, "off", 1.0)),
        ((0, 0), (0, "off", 1.0)),
        (("Timbre", "Input", 0.5), (1, "input", 0.5)),
    ],
)
def test_a_swap_is_understood_in_every_form(args, event):
    assert ask(make_desk(), "/distill/swap", *args).events == [EngineEvent("/distill/swap", event)]


def test_a_swap_of_all_levels_is_one_event_per_level_of_the_model():
    events = ask(make_desk(), "/distill/swap", "all", 2, 2.0).events
    assert [event.args for event in events] == [(0, "2", 1.0), (1, "2", 1.0), (2, "2", 1.0)]


def test_a_level_can_be_swapped_by_the_name_of_a_sound():
    assert ask(make_desk(), "/distill/level/timbre/swap", "drones").events[0].args == ("2",)


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("swap", ()),
        ("swap", ("Structure",)),
        ("swap", ("Nowhere", 1)),
        ("swap", (3, 1)),
        ("swap", (0, 17)),
        ("swap", (0, -1)),
        ("swap", (0, 1.5)),
        ("swap", (0, "gongs")),
        ("swap", (0, 1, math.nan)),
        ("swap", (True, 1)),
        ("bank/load", (1,)),
        ("bank/load", (0, "bells")),
        ("bank/load", (1, "../bells")),
        ("bank/load", (1, "/etc/passwd")),
        ("bank/load", (1, "a\\b")),
        ("bank/load", (1, "")),
        ("bank/load", (1, 5)),
        ("bank/clear", ()),
        ("bank/clear", ("off",)),
        ("bank/grab", ()),
        ("bank/grab", ("off", 1.0)),
        ("bank/grab", (3, "long")),
        ("bank/grab", (3, math.nan)),
        ("bank/grab", (3, 1.0, "dreamt")),
        ("model/load", ()),
        ("model/load", (3,)),
        ("model/load", ("../x",)),
        ("model/load", ("/etc/passwd",)),
        ("describe", (3,)),
        ("describe", ("nothing",)),
        ("sync", ("x",)),
        ("sync", (math.inf,)),
        ("transport/start", ("now",)),
        ("transport/start", (math.nan,)),
        ("transport/record", ("maybe",)),
        ("param/meter.peak_db", (1.0,)),
        ("norm/meter.peak_db", (1.0,)),
        ("param/temperature", ("hot",)),
        ("param/temperature", (1, 2)),
        ("param/level.0.swap", ("gongs",)),
        ("param/rewind", ("x",)),
        ("param/rewind/nudge", (1,)),
        ("param/rewind/reset", ()),
    ],
)
def test_nonsense_is_refused_with_a_code_and_a_sentence(address, args):
    desk = make_desk()
    with pytest.raises(DistillError) as error:
        ask(desk, f"/distill/{address}", *args)
    assert error.value.code in ERROR_CODES
    assert desk.bank.snapshot() == {}


def test_a_grab_is_understood_in_every_form():
    grab = lambda *args: ask(make_desk(), "/distill/bank/grab", *args).events[0].args  # noqa: E731
    assert grab(3) == ("3", 4.0, "played")
    assert grab("5", 2) == ("5", 2.0, "played")
    assert grab(5.0, 0.5, "Heard") == ("5", 0.5, "heard")


def test_models_are_listed_by_name_and_loaded_by_name(own_home):
    desk = make_desk()
    desk.namespace.set_model(ModelInfo("night"))
    (own_home / "models").mkdir(parents=True)
    (own_home / "models" / "night.distill").touch()
    replies = ask(desk, "/distill/model/list").replies
    assert replies[:2] == [("/distill/model/list", ("factory", False)), ("/distill/model/list", ("night", True))]
    assert replies[2] == ("/distill/model/list/end", (2, "night"))
    assert ask(desk, "/distill/model/load", "night").events == [EngineEvent("/distill/model/load", ("night",))]


def test_buttons_fire_on_the_press_and_not_on_the_release():
    desk = make_desk()
    for address in ("/distill/transport/start", "/distill/transport/panic", "/distill/param/rewind"):
        assert ask(desk, address).events == [EngineEvent(address, ())]
        assert ask(desk, address, 1.0).events == [EngineEvent(address, ())]
        assert ask(desk, address, True).events == [EngineEvent(address, ())]
        for release in (0.0, 0, False, 0.5):
            assert ask(desk, address, release).events == []


def test_record_toggles_on_a_press_and_obeys_on_and_off():
    desk = make_desk()
    record = "/distill/transport/record"
    assert [ask(desk, record, *args).events[0].args for args in ((), (1.0,), ("on",), ("off",), (True,), (1,))] == [
        (True,),
        (False,),
        (True,),
        (False,),
        (True,),
        (False,),
    ]
    assert ask(desk, record, 0.0).events == []


def test_lists_end_with_a_message_that_counts_them():
    desk = make_desk()
    replies = ask(desk, "/distill/bank/list").replies
    assert replies[0] == ("/distill/bank/list", ("1", "bells"))
    assert replies[-1] == ("/distill/bank/list/end", (16, 2))
    replies = ask(desk, "/distill/describe").replies
    assert [args[0] for _, args in replies[:-1]] == list(desk.namespace.registry)
    assert replies[-1] == ("/distill/describe/end", (len(PARAMS),))


def test_a_root_is_one_name_or_a_path_of_names():
    assert make_desk("/studio/two").namespace.target("/studio/two/temperature").name == "temperature"
    for root in ("", "/", "distill", "/a b", "/a*"):
        with pytest.raises(UsageError):
            make_desk(root)


def test_slots_and_levels_name_what_there_is_when_they_fail():
    model = ModelInfo.from_message(MODEL)
    with pytest.raises(UnknownNameError, match="Structure, Timbre, Detail"):
        model.level("Bass")
    with pytest.raises(UnknownNameError, match="1 to 16"):
        model.slot("gongs")
