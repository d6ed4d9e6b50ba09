"""What ``/distill/preset/...`` asks for: one bundle in a fixed order, nothing half done, places, morphs, the mirror."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from distill_live.control.codes import ERROR_CODES
from distill_live.control.desk import Desk
from distill_live.control.namespace import ModelInfo, Namespace
from distill_live.control.outcome import EngineEvent, Outcome
from distill_live.control.validate import Call
from distill_live.errors import DistillError
from distill_live.events import param_address
from distill_live.params import Param, Registry, Value
from distill_live.presets import shelf
from distill_live.presets.preset import Preset, belongs
from distill_live.presets.shelf import own_folder, read_preset, save_preset

from .conftest import MODEL, PARAMS

REGISTRY = Registry(
    [
        *PARAMS,
        Param("engine.lead", "Lead", "engine", "int", 512, 48000, 2048, help="How far ahead."),
        Param("input.gain", "Input", "input", low=-60.0, high=12.0, default=0.0, unit="dB", help="Loudness."),
    ]
)
LOAD, BANK = "/distill/preset/load", "/distill/bank/load"


@pytest.fixture(autouse=True)
def nothing_from_the_factory(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "factory_folder", lambda: tmp_path / "no factory")


@pytest.fixture
def desk() -> Desk:
    return Desk(Namespace(REGISTRY, model=ModelInfo.from_message(MODEL)))


@pytest.fixture
def three(own_home: Path) -> None:
    """``calm`` (place 1), ``Mild`` (2) and ``wild`` (3), in alphabetical order."""
    save_preset(Preset("calm", {"temperature": 0.2, "level.0.mute": True}), REGISTRY)
    save_preset(Preset("Mild", {"temperature": 1.0}), REGISTRY)
    save_preset(Preset("wild", {"temperature": 2.0, "topk": 100, "level.1.swap": "3"}, {3: "drones"}), REGISTRY)


def ask(desk: Desk, path: str, *args: Value) -> Outcome:
    target = desk.namespace.target(f"/distill/{path}")
    assert target is not None, path
    outcome = desk.handle(Call(f"/distill/{path}", args), target)
    desk.commit(outcome.events)
    return outcome


def values(events: list[EngineEvent]) -> dict[str, Value]:
    return {event.address: event.args[0] for event in events if event.is_value}


def test_a_load_is_the_command_then_every_value_then_the_sounds(desk: Desk, three: None) -> None:
    ask(desk, "param/mix", 0.25)
    outcome = ask(desk, "preset/load", "wild")
    first, *middle, last = outcome.events
    assert first == EngineEvent(LOAD, ("wild",))
    assert last == EngineEvent(BANK, ("3", "drones"))
    held = [param for param in REGISTRY.values() if belongs(param)]
    assert [event.address for event in middle] == [param_address(param.id) for param in held]
    assert all(event.is_value for event in middle)
    wanted = {param.id: param.default_value for param in held} | {"temperature": 2.0, "topk": 100, "level.1.swap": "3"}
    assert values(outcome.events) == {param_address(i): value for i, value in wanted.items()}
    assert outcome.replies == [("/distill/done", ("/distill/preset/load", "wild"))]
    assert outcome.notice is None
    assert desk.bank.snapshot() == {"temperature": 2.0, "topk": 100, "level.1.swap": "3"}


def test_a_load_leaves_alone_what_is_the_machines_or_has_no_value(desk: Desk, three: None) -> None:
    ask(desk, "param/engine.lead", 4096)
    ask(desk, "param/input.gain", -6.0)
    addresses = {event.address for event in ask(desk, "preset/load", "calm").events}
    for param_id in ("engine.lead", "input.gain", "rewind", "meter.peak_db"):
        assert param_address(param_id) not in addresses
    assert (desk.bank["engine.lead"], desk.bank["input.gain"]) == (4096, -6.0)
    ask(desk, "preset/save", "mine")
    assert read_preset("mine", REGISTRY).preset.values.keys() == {"temperature", "level.0.mute"}


def test_a_preset_is_asked_for_by_name_by_place_as_int_as_float_and_as_text(desk: Desk, three: None) -> None:
    for wanted in ("wild", " Wild ", 3, 3.0, "3"):
        assert ask(desk, "preset/load", wanted).events[0].args == ("wild",)


def test_only_slots_that_differ_are_loaded(desk: Desk) -> None:
    save_preset(Preset("p", bank={1: "bells", 2: "bells"}), REGISTRY)
    assert [e.args for e in ask(desk, "preset/load", "p").events if e.address == BANK] == [("2", "bells")]
    slots = ["bells", "bells", *[""] * 14]
    desk.namespace.set_model(ModelInfo.from_message({**MODEL, "slots": slots}))
    assert [e.args for e in ask(desk, "preset/load", "p").events if e.address == BANK] == []


def test_a_slot_that_is_about_to_hold_something_else_is_loaded_again(desk: Desk) -> None:
    """The engine says what its slots hold a moment later; two presets in quick succession must not be fooled by it."""
    save_preset(Preset("other", bank={1: "drones"}), REGISTRY)
    save_preset(Preset("usual", bank={1: "bells"}), REGISTRY)
    ask(desk, "preset/load", "other")
    assert [e.args for e in ask(desk, "preset/load", "usual").events if e.address == BANK] == [("1", "bells")]


def test_what_is_saved_is_what_is_loaded_again(desk: Desk) -> None:
    ask(desk, "param/temperature", 0.699999988079071)  # 0.7 as OSC carries it
    ask(desk, "level/Timbre/mute", 1)
    ask(desk, "level/Detail/swap", "drones")
    assert ask(desk, "preset/save", "night").replies == [("/distill/done", ("/distill/preset/save", "night"))]
    preset = read_preset("night", REGISTRY).preset
    assert preset.values == {"temperature": 0.7, "level.1.mute": True, "level.2.swap": "2"}
    assert (preset.bank, preset.model) == ({1: "bells", 2: "drones"}, "test")
    for param_id in ("temperature", "level.1.mute", "level.2.swap"):
        ask(desk, f"param/{param_id}/reset")
    ask(desk, "preset/load", "night")
    assert desk.bank.snapshot() == preset.values


def test_a_sound_that_could_not_be_asked_for_is_not_saved(desk: Desk) -> None:
    desk.namespace.set_model(ModelInfo.from_message({**MODEL, "slots": ["bells", "../secret", "x" * 200]}))
    ask(desk, "preset/save", "night")
    assert read_preset("night", REGISTRY).preset.bank == {1: "bells"}


def test_a_preset_that_is_saved_again_keeps_its_number_and_its_note(desk: Desk) -> None:
    save_preset(Preset("night", number=7, note="Slow."), REGISTRY)
    ask(desk, "topk", 8)
    ask(desk, "preset/save", "night")
    preset = read_preset("night", REGISTRY).preset
    assert (preset.number, preset.note, preset.values) == (7, "Slow.", {"topk": 8})


def test_next_and_previous_go_round_in_alphabetical_order_on_the_press_alone(desk: Desk, three: None) -> None:
    def step(path: str, *args: Value) -> str:
        events = ask(desk, path, *args).events
        return str(events[0].args[0]) if events else ""

    assert [step("preset/next") for _ in range(4)] == ["calm", "Mild", "wild", "calm"]
    assert [step("preset/prev") for _ in range(3)] == ["wild", "Mild", "calm"]
    assert [step("preset/next", release) for release in (0, 0.0, False, 0.5)] == [""] * 4
    assert [step("preset/next", press) for press in (1, 1.0, True)] == ["Mild", "wild", "calm"]
    assert ask(desk, "preset/next").replies == [("/distill/done", ("/distill/preset/next", "Mild"))]


def test_a_damaged_file_does_not_bar_the_way_to_the_next(desk: Desk, three: None) -> None:
    (own_folder() / "Mild.toml").write_text("oops")
    ask(desk, "preset/load", "calm")
    outcome = ask(desk, "preset/next")
    assert outcome.events[0].args == ("wild",)
    assert outcome.notice is not None and outcome.notice[0] == "skipped" and "Mild is not TOML" in outcome.notice[1]
    with pytest.raises(DistillError, match="Mild is not TOML"):
        ask(desk, "preset/load", "Mild")
    assert desk.presets.current == "wild"


def test_without_any_preset_next_says_so(desk: Desk) -> None:
    with pytest.raises(DistillError, match="no preset"):
        ask(desk, "preset/next")


def test_a_list_names_places_and_ends_with_a_count_and_the_current_one(desk: Desk, three: None) -> None:
    ask(desk, "preset/load", 2)
    assert ask(desk, "preset/list").replies == [
        ("/distill/preset/list", (1, "calm", "own", "")),
        ("/distill/preset/list", (2, "Mild", "own", "")),
        ("/distill/preset/list", (3, "wild", "own", "")),
        ("/distill/preset/list/end", (3, "Mild")),
    ]


def test_what_was_skipped_or_clamped_is_said_and_the_rest_is_loaded(desk: Desk) -> None:
    own_folder().mkdir(parents=True)
    head = 'schema = "distill-live/preset/1"\n[values]\n'
    (own_folder() / "a.toml").write_text(f"{head}temperature = 9\n")
    (own_folder() / "b.toml").write_text(f"{head}temperature = 9\nfx.gone.mix = 1\n")
    outcome = ask(desk, "preset/load", "a")
    assert outcome.notice == ("clamped", "temperature 9 is outside 0.1 to 2, 2 is set.")
    assert values(outcome.events)["/distill/temperature"] == 2.0
    outcome = ask(desk, "preset/load", "b")
    assert outcome.notice is not None and outcome.notice[0] == "skipped"
    assert "fx.gone.mix" in outcome.notice[1] and "temperature 9" in outcome.notice[1]
    assert {outcome.notice[0], "clamped"} <= set(ERROR_CODES)


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("preset/load", ()),
        ("preset/load", ("calm", "wild")),
        ("preset/load", ("gongs",)),
        ("preset/load", ("",)),
        ("preset/load", ("../calm",)),
        ("preset/load", ("/etc/passwd",)),
        ("preset/load", (0,)),
        ("preset/load", (5,)),
        ("preset/load", (-1,)),
        ("preset/load", (1.5,)),
        ("preset/load", (math.nan,)),
        ("preset/load", (math.inf,)),
        ("preset/load", (1e30,)),
        ("preset/load", (True,)),
        ("preset/load", ("broken",)),
        ("preset/save", ()),
        ("preset/save", (3,)),
        ("preset/save", ("",)),
        ("preset/save", ("../night",)),
        ("preset/save", ("a/b",)),
        ("preset/save", (".night",)),
        ("preset/save", ("x" * 200,)),
        ("preset/next", ("now",)),
        ("preset/prev", (math.nan,)),
        ("preset/next", (1, 1)),
        ("preset/morph", ()),
        ("preset/morph", ("calm", "wild")),
        ("preset/morph", ("calm", "gongs", 0.5)),
        ("preset/morph", ("broken", "calm", 0.5)),
        ("preset/morph", ("calm", "wild", math.nan)),
        ("preset/morph", ("calm", "wild", "half")),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(
    desk: Desk, three: None, path: str, args: tuple[Value, ...]
) -> None:
    (own_folder() / "broken.toml").write_text("schema = 3\nvalues = { temperature = nan }")
    files = sorted(own_folder().iterdir())
    with pytest.raises(DistillError) as error:
        ask(desk, path, *args)
    assert error.value.code in ERROR_CODES
    assert desk.bank.snapshot() == {} and desk.presets.current == ""
    assert sorted(own_folder().iterdir()) == files


def test_a_morph_sends_only_what_moves_and_ends_at_the_second_preset(desk: Desk, three: None) -> None:
    ask(desk, "preset/load", "calm")
    assert ask(desk, "preset/morph", "calm", "wild", 0.0).events == []
    half = ask(desk, "preset/morph", "calm", "wild", 0.5)
    assert values(half.events).keys() == {
        param_address(i) for i in ("temperature", "topk", "level.0.mute", "level.1.swap")
    }
    assert desk.bank["temperature"] == pytest.approx(math.sqrt(0.2 * 2.0))  # the middle of a logarithmic curve
    assert desk.bank["topk"] == 50 and desk.bank["level.1.swap"] == "3" and desk.bank["level.0.mute"] is False
    assert all(event.is_value for event in half.events)
    ask(desk, "preset/morph", "calm", "wild", 1)
    assert desk.bank.snapshot() == read_preset("wild", REGISTRY).preset.values
    assert desk.presets.current == "calm"


def test_a_morph_beyond_its_ends_is_clamped_and_said(desk: Desk, three: None) -> None:
    outcome = ask(desk, "preset/morph", "calm", "wild", 7.0)
    assert desk.bank["temperature"] == 2.0
    assert outcome.notice == ("clamped", "7.0 is outside 0 to 1, 1 is used")


def test_another_root_answers_under_its_own_name_and_asks_the_engine_canonically(three: None) -> None:
    desk = Desk(Namespace(REGISTRY, "/two", ModelInfo.from_message(MODEL)))
    target = desk.namespace.target("/two/preset/load")
    assert target is not None
    outcome = desk.handle(Call("/two/preset/load", ("calm",)), target)
    assert outcome.events[0].address == LOAD
    assert outcome.replies == [("/two/done", ("/two/preset/load", "calm"))]
