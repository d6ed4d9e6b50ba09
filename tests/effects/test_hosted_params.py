"""From the texts a plugin shows to a parameter with kind, range, unit and curve, and back to the plugin's own place."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.effects.hosted_params import Asked, HostedParam, describe, ids_for, places


def read(text_at, steps=0, place=0.5, label="", name="Knob", live=True):
    """A parameter that shows ``text_at(place)``."""
    texts = tuple(text_at(p) for p in places(steps))
    return describe(Asked(3, name, label, steps, place, texts, live), "zed", "Zed", "knob")


def hz(place):
    return 20.0 * 1000.0**place


def test_a_plain_number_is_a_float_in_the_plugins_unit():
    found = read(lambda p: f"{-60 + 66 * p:.2f}", place=10 / 11, label="dB")
    param = found.param
    assert (param.kind, param.low, param.high, param.unit) == ("float", -60.0, 6.0, "dB")
    assert param.default == pytest.approx(0.0, abs=0.005)  # it shows two digits
    assert (param.id, param.name, param.group, param.curve) == ("fx.zed.knob", "Zed Knob", "fx.zed", "linear")
    assert param.help == "What Zed calls Knob."


@pytest.mark.parametrize("value", [-60.0, -12.3, 0.01, 6.0])
def test_a_value_leads_back_to_its_place(value):
    found = read(lambda p: f"{-60 + 66 * p:.2f} dB", place=0.0)
    assert found.place_of(value) == pytest.approx((value + 60.0) / 66.0, abs=1e-4)


def test_the_default_leads_back_to_its_place_to_the_bit():
    place = 0.123456789
    found = read(lambda p: f"{p:.1f}", place=place)
    assert found.place_of(found.param.default_value) == place


def test_kilohertz_and_hertz_are_one_unit_and_their_curve_is_found():
    found = read(lambda p: f"{hz(p):.0f} Hz" if hz(p) < 1000 else f"{hz(p) / 1000:.2f} kHz", place=0.0)
    assert (found.param.low, found.param.high, found.param.unit, found.param.curve) == (20.0, 20000.0, "Hz", "log")
    assert found.place_of(632.5) == pytest.approx(0.5, abs=1e-3)
    assert found.place_of(10000.0) == pytest.approx(math.log(500.0) / math.log(1000.0), abs=1e-3)
    assert len(found.table) <= 65


def test_seconds_and_milliseconds_are_one_unit():
    found = read(lambda p: f"{2000 * p:.0f} ms" if p < 0.5 else f"{2 * p:.3f} s")
    assert (found.param.low, found.param.high, found.param.unit) == (0.0, 2000.0, "ms")
    assert found.place_of(1500.0) == pytest.approx(0.75, abs=1e-3)


def test_a_range_that_falls_is_turned_round():
    found = read(lambda p: f"{100 - 100 * p:.1f} %", place=0.25)
    assert (found.param.low, found.param.high, found.param.default) == (0.0, 100.0, 75.0)
    assert (found.place_of(0.0), found.place_of(100.0), found.place_of(75.0)) == (1.0, 0.0, 0.25)


def test_silence_is_the_lowest_number_that_can_be_told():
    found = read(lambda p: "-inf dB" if p == 0 else f"{60 * p - 60:.2f} dB", place=1.0)
    assert found.param.low == pytest.approx(-59.94) and found.place_of(found.param.low) == 0.0


@pytest.mark.parametrize(
    ("off", "on", "place", "default"),
    [("Off", "On", 0.0, False), ("0.000000", "1.000000", 1.0, True), ("Enabled", "Disabled", 0.0, True)],
)
def test_two_words_for_off_and_on_are_a_switch(off, on, place, default):
    found = read(lambda p: on if p >= 0.5 else off, steps=2, place=place)
    assert (found.param.kind, found.param.default_value) == ("bool", default)
    assert found.place_of(default) == place and found.place_of(not default) == 1.0 - place


def test_a_switch_that_glides_is_a_switch_too():
    assert read(lambda p: "on" if p > 0.5 else "off").param.kind == "bool"


def test_words_are_an_enum_and_a_repeated_word_is_told_apart():
    words = ["Tape", "Tube", "tape", ""]
    found = read(lambda p: words[round(3 * p)], steps=4, place=1 / 3)
    assert (found.param.kind, found.param.labels) == ("enum", ("Tape", "Tube", "tape (3)", "4"))
    assert found.param.default_value == "Tube"
    assert [found.place_of(label) for label in found.param.labels] == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])


def test_words_that_begin_with_a_number_are_words():
    words = ["1959 Bassman 5F6-A", "1981 JCM-2000", "JTM 45"]
    assert read(lambda p: words[round(2 * p)], steps=3).param.labels == tuple(words)


def test_whole_steps_of_one_are_an_int():
    found = read(lambda p: f"{1 + round(99 * p)}", steps=100, place=0.0)
    assert (found.param.kind, found.param.low, found.param.high, found.param.default_value) == ("int", 1.0, 100.0, 1)
    assert [found.place_of(n) for n in (1, 50, 100)] == pytest.approx([0.0, 49 / 99, 1.0])


def test_steps_of_two_are_no_int():
    assert read(lambda p: f"{2 * round(4 * p)}", steps=5).param.kind == "float"


def test_what_cannot_be_read_is_turned_by_its_place():
    found = read(lambda p: f"{math.sin(40 * p):.4f} and so on", place=0.3)
    assert (found.param.kind, found.param.low, found.param.high, found.param.default) == ("float", 0.0, 1.0, 0.3)
    assert found.place_of(0.7) == 0.7


def test_a_number_that_goes_up_and_down_is_no_range():
    found = read(lambda p: f"{abs(p - 0.5):.3f}", place=0.1)
    assert (found.param.low, found.param.high, found.place_of(0.9)) == (0.0, 1.0, 0.9)


@pytest.mark.parametrize("text", ["Zero", "0.0"])
def test_where_one_text_is_all_there_is_nothing_to_turn(text):
    assert read(lambda p: text) is None


def test_a_default_that_is_nearly_nothing_is_nothing():
    assert read(lambda p: f"{-50 + 70 * p:.6f}", place=0.7142857).param.default == 0.0


def test_what_is_not_made_to_be_turned_says_so():
    assert "not made to be turned" in read(lambda p: f"{p:.3f}", live=False).param.help


def test_ids_are_plain_and_each_is_another_one():
    assert ids_for(["Dry/Wet", "Dry Wet", "On", "Größe", "♯", ""], ["on"]) == [
        "dry-wet", "dry-wet-2", "on-2", "gr-e", "p", "p-2",
    ]  # fmt: skip


@given(low=st.floats(-1e4, 1e4), span=st.floats(0.5, 1e4), place=st.floats(0, 1), bend=st.sampled_from([0.3, 1.0, 3.0]))
def test_whatever_a_plugin_shows_survives_its_file_and_every_value_has_a_place(low, span, place, bend):
    found = read(lambda p: f"{low + span * p**bend:.6f}", place=place)
    again = HostedParam.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    for position in np.linspace(0.0, 1.0, 21):
        assert 0.0 <= again.place_of(again.param.from_position(float(position))) <= 1.0


@pytest.mark.parametrize(
    "harm",
    [
        {"low": "x"}, {"high": math.nan}, {"default": 99.0}, {"kind": "knob"}, {"index": None}, {"curve": "bent"},
        {"table": []}, {"table": [[1, 0], [0, 1]]}, {"table": [[0, math.inf]]},
    ],
)  # fmt: skip
def test_a_damaged_description_is_refused(harm):
    told = read(lambda p: f"{p:.3f}").to_json()
    with pytest.raises((ValueError, TypeError, KeyError, AssertionError)):
        HostedParam.from_json({**told, **harm})
