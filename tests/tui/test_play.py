"""The play screen: what is turned leaves as the right message, what is heard is shown, what is gone is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events

from distill_live.engine.params import load_all
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import own_folder, read_preset, save_preset
from distill_live.tui.app import DistillApp
from distill_live.tui.widgets.control import ParamControl, control_id
from distill_live.tui.widgets.meter import Meter
from distill_live.tui.widgets.panel import LevelStrip
from distill_live.tui.widgets.slider import Choice, Slider, Toggle
from tests.tui.conftest import screen_text, until
from tests.tui.instrument import Instrument

MakeApp = Callable[[int], DistillApp]


def control(app: DistillApp, param_id: str) -> ParamControl:
    return app.screen.query_one(f"#{control_id(param_id)}", ParamControl)


async def test_every_settable_parameter_has_a_control_of_its_kind(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    kinds = {"enum": Choice, "bool": Toggle, "float": Slider, "int": Slider}
    async with app.run_test(size=(80, 24)):
        controls = {c.param.id: type(c) for c in app.screen.query(ParamControl)}
    wanted = {p.id: kinds[p.kind] for p in load_all().values() if p.kind in kinds}
    assert controls == wanted


async def test_a_turned_slider_sends_the_value_on_its_curve(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        control(app, "temperature").focus()
        place = control(app, "temperature").param.to_position(1.0)
        for key, step in (("right", 0.01), ("shift+right", 0.1), ("ctrl+left", -0.001), ("left", -0.01)):
            place += step
            value = pytest.approx(0.1 * 20.0**place, rel=1e-3)
            await pilot.press(key)
            await until(pilot, lambda v=value: (instrument.last("/distill/temperature") or [None])[0] == v)
            assert control(app, "temperature").value == value


async def test_home_sets_the_default_and_a_typed_number_is_taken(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        control(app, "volume").focus()
        await pilot.press("enter", "minus", "1", "2", ".", "5", "enter")
        await until(pilot, lambda: instrument.last("/distill/param/volume") == [-12.5])
        await pilot.press("home")
        await until(pilot, lambda: instrument.last("/distill/param/volume") == [0.0])
        assert app.heard.state.state == "playing"  # no letter or digit fell through to the screen's keys


async def test_a_digit_begins_a_number_and_escape_forgets_it(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        control(app, "topk").focus()
        await pilot.press("4", "0", "escape", "7", "enter")
        await until(pilot, lambda: instrument.last("/distill/topk") is not None)
        assert [args for address, args in instrument.events if address == "/distill/topk"] == [[7]]


async def test_a_typed_value_outside_the_range_is_clamped_and_said(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        control(app, "temperature").focus()
        await pilot.press("9", "enter")
        await until(pilot, lambda: instrument.last("/distill/temperature") == [2.0])
        assert "0.1 to 2" in screen_text(app)


async def test_something_that_is_no_number_is_refused_in_a_sentence(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        control(app, "temperature").focus()
        await pilot.press("enter", "h", "o", "t", "enter")
        await pilot.pause()
        assert "temperature cannot be 'hot'; use 0.1 to 2." in screen_text(app)


async def test_level_strips_carry_the_names_of_the_levels_and_set_their_own(
    make_app: MakeApp, instrument: Instrument
) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Timbre" in screen_text(app))
        shown = [strip.border_title for strip in app.screen.query(LevelStrip) if strip.display]
        assert shown == ["Structure", "Timbre", "Detail"]
        control(app, "level.1.mute").focus()
        await pilot.press("enter")
        await until(pilot, lambda: instrument.last("/distill/param/level.1.mute") == [True])
        control(app, "level.2.swap").focus()
        await pilot.press("right")
        await until(pilot, lambda: instrument.last("/distill/param/level.2.swap") == ["1"])
        await until(pilot, lambda: "1 bells" in screen_text(app))  # the name of the sound in the slot
        assert "code 11" in screen_text(app)
        assert "entropy 2.5" in screen_text(app)


async def test_meters_and_figures_show_what_the_engine_says(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "load 23 %" in screen_text(app))
        text = screen_text(app)
        for figure in ("xruns 2 (1/min)", "latency 96 ms", "queue 4", "null device", "● playing  bells"):
            assert figure in text
        await until(pilot, lambda: app.screen.query_one("#meter-left", Meter).level_db == pytest.approx(-12.5))


async def test_a_value_set_elsewhere_moves_the_slider(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        app.wire.set("topp", 0.25)  # as any other client would
        await until(pilot, lambda: control(app, "topp").value == pytest.approx(0.25))


async def test_transport_keys_stop_start_record_and_panic(make_app: MakeApp, instrument: Instrument) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        for key, address, then in (
            ("r", "/distill/transport/record", "◉ REC"),
            ("r", "/distill/transport/record", "● playing"),
            ("s", "/distill/transport/stop", "○ stopped"),
            ("s", "/distill/transport/start", "● playing"),
            ("p", "/distill/transport/panic", "● playing"),
        ):
            await pilot.press(key)
            await until(pilot, lambda a=address: instrument.last(a) is not None)
            await until(pilot, lambda t=then: t in screen_text(app))


async def test_a_preset_is_picked_and_its_name_stands_beside_the_models(
    make_app: MakeApp, instrument: Instrument
) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.presets.lines)
        await pilot.press("l")
        await until(pilot, lambda: "Load which preset?" in screen_text(app))
        shown = [line for line in screen_text(app).splitlines() if "deep-drone" in line]
        assert len(shown) == 1 and "hardly moving." in shown[0]
        names = [line.name for line in app.heard.presets.lines]
        await pilot.press(*["down"] * names.index("deep-drone"), "enter")
        await until(pilot, lambda: instrument.last("/distill/preset/load") == ["deep-drone"])
        await until(pilot, lambda: control(app, "fx.filter.mode").value == "low-pass")
        await until(pilot, lambda: "bells · deep-drone" in screen_text(app))


async def test_what_is_set_is_saved_and_another_preset_is_replaced_only_after_a_question(
    make_app: MakeApp, instrument: Instrument
) -> None:
    app = make_app(instrument.port)
    save_preset(Preset("night", {"mix": 0.5}), load_all())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.presets.lines)
        app.wire.set("topp", 0.25)
        await pilot.press("w", *"dawn", "enter")
        await until(pilot, lambda: "dawn" in {line.name for line in app.heard.presets.lines})
        assert read_preset("dawn", load_all()).preset.values == {"topp": 0.25}
        await until(pilot, lambda: "bells · dawn" in screen_text(app))
        await pilot.press("w", *["backspace"] * 4, *"night", "enter")
        await until(pilot, lambda: "There is a preset night already." in screen_text(app))
        await pilot.press("enter")  # keep it
        await pilot.press("w", *["backspace"] * 4, *"night", "enter", "down", "enter")
        await until(pilot, lambda: app.heard.presets.current == "night")
        assert read_preset("night", load_all()).preset.values == {"topp": 0.25}
        await pilot.press("w")
        await until(pilot, lambda: "Save as which preset?" in screen_text(app))
        await pilot.press("slash", "x", "enter")
        await until(pilot, lambda: "cannot be a name" in screen_text(app))


async def test_without_a_sound_there_is_nothing_to_load_or_save(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        for key, says in (("l", "nothing to load a preset into"), ("w", "nothing to save")):
            await pilot.press(key)
            await until(pilot, lambda s=says: s in screen_text(app))


async def test_a_folder_of_presets_that_cannot_be_read_leaves_the_rest_as_it_is(
    make_app: MakeApp, instrument: Instrument
) -> None:
    """A refusal must not end the thread that asks: the screen would stand still for ever."""
    own_folder().parent.mkdir(parents=True, exist_ok=True)
    own_folder().write_text("a file in its place")
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        app.wire.set("topp", 0.25)
        await until(pilot, lambda: control(app, "topp").value == pytest.approx(0.25))
        assert app.heard.presets.lines == ()


async def test_the_keys_fit_on_one_line_of_80_cells(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.focused is control(app, "temperature")
        await until(pilot, lambda: screen_text(app).splitlines()[-1].rstrip().endswith("Quit"))


async def test_arrows_and_tab_reach_every_control(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.focused is control(app, "temperature")
        every = list(app.screen.query(ParamControl))
        seen = {app.focused}
        for _ in every[1:]:
            app.post_message(events.Key("down", None))
        await until(pilot, lambda: seen.add(app.focused) or app.focused is every[-1])
        await pilot.press("down")
        assert app.focused is every[0]  # round the end
        await pilot.press("tab", "tab")
        assert app.focused is control(app, "level.0.temperature")


async def test_the_panel_with_the_focus_is_lit_and_no_other(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        first, second = (app.screen.query_one(f"#panel-{n}") for n in (0, 1))
        await until(pilot, lambda: first.has_class("here") and not second.has_class("here"))
        lit, dark = first.styles.border.top, second.styles.border.top
        assert lit != dark
        await pilot.press("tab")
        await until(pilot, lambda: second.styles.border.top == lit and first.styles.border.top == dark)


async def test_keys_that_come_in_a_burst_act_in_their_order(make_app: MakeApp, instrument: Instrument) -> None:
    """Focus used to move a moment after the key, so a fast hand turned the control it had just left."""
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        for key in ("right", "down", "down", "left", "tab", "tab", "down", "down", "down", "down", "right"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: instrument.last("/distill/param/level.0.swap") is not None)
    assert instrument.events == [
        ("/distill/temperature", [pytest.approx(1.0304, rel=1e-3)]),
        ("/distill/topp", [pytest.approx(0.89)]),
        ("/distill/param/level.0.swap", ["1"]),
    ]


async def test_a_dead_engine_and_a_dead_bridge_are_shown_and_found_again(make_app: MakeApp) -> None:
    instrument = Instrument()
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● playing" in screen_text(app))
        instrument.lose_engine()
        await until(pilot, lambda: "engine gone" in screen_text(app))
        instrument.close()
        await until(pilot, lambda: f"no sound on port {instrument.port}" in screen_text(app))
        assert "looking for it" in screen_text(app)
        again = Instrument(instrument.port)
        try:
            await until(pilot, lambda: "● playing" in screen_text(app))
        finally:
            again.close()


async def test_the_screen_exports_with_its_labels(make_app: MakeApp, instrument: Instrument, tmp_path: Path) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Timbre" in screen_text(app))
        picture = Path(app.save_screenshot("play.svg", str(tmp_path)))
    text = re.sub("<[^>]*>", " ", picture.read_text(encoding="utf-8")).replace("&#160;", " ")
    for label in ("Temperature", "Structure", "Output and effects", "Panic", "Help", "load 23 %"):
        assert label in text


async def test_keys_and_message_are_on_the_last_lines_of_every_screen(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "s starts it" in screen_text(app).splitlines()[-2])
        for mode in app.ROOMS:
            app.switch_mode(mode)
            await pilot.pause(0.1)
            app.screen.set_focus(None)
            await until(pilot, lambda: "Help" in screen_text(app).splitlines()[-1])
            assert "Quit" in screen_text(app).splitlines()[-1]
        await pilot.press("f1", "question_mark")
        await until(pilot, lambda: "panic: silence at once" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "panic: silence at once" not in screen_text(app))
