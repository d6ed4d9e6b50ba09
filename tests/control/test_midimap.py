"""MIDI maps: read, refused, written; knobs and pads translated."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_live.control.mapper import MidiMapper, MidiMessage, read_message
from distill_live.control.midimap import Device, Knob, MidiMap, MidiSource, Pad, parse_map, read_map, write_map
from distill_live.control.validate import Call
from distill_live.errors import DistillError, UsageError
from distill_live.params import Registry

from .conftest import PARAMS

HEAD = 'schema = "distill-live/midimap/1"\n'
KNOB = '[[map]]\nparam = "temperature"\nsource = { type = "cc", number = 16 }\n'
PAD = '[[map]]\nslot = 3\nsource = { type = "note", number = 38 }\n'


def mapper(text: str, root: str = "/distill") -> MidiMapper:
    return MidiMapper(parse_map(HEAD + text), Registry(PARAMS), root)


def cc(number: int, value: int, channel: int = 1) -> MidiMessage:
    return MidiMessage("cc", channel, number, value)


def hit(number: int, velocity: int = 127) -> MidiMessage:
    return MidiMessage("note_on", 1, number, velocity)


def release(number: int) -> MidiMessage:
    return MidiMessage("note_off", 1, number, 0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "schema"),
        ('schema = "distill-live/midimap/2"', "schema"),
        ("schema = \n", "line 1"),
        (HEAD + "knobs = 1", "knobs"),
        (HEAD + "map = 3", "map"),
        (HEAD + "device = 3", "device"),
        (HEAD + "[device]\nchannel = 17", "channel"),
        (HEAD + "[device]\nchannel = true", "channel"),
        (HEAD + "[device]\ninput = 3", "input"),
        (HEAD + '[device]\noutput = "nano"', "output"),
        (HEAD + "[[map]]\n", "line 2"),
        (HEAD + '[[map]]\nparam = "temperature"\n', "source"),
        (HEAD + KNOB + "slot = 3", "either"),
        (HEAD + KNOB + "takover = 1", "takover"),
        (HEAD + KNOB + "out = [0.5]", "out"),
        (HEAD + KNOB + "out = [0.5, nan]", "out"),
        (HEAD + KNOB + "out = [0.5, inf]", "out"),
        (HEAD + KNOB + 'out = ["a", "b"]', "out"),
        (HEAD + KNOB + 'mode = "rel_twos"', "rel_twos"),
        (HEAD + KNOB + 'mode = "sideways"', "sideways"),
        (HEAD + KNOB + 'takeover = "pickup"', "pickup"),
        (HEAD + KNOB + "feedback = true", "feedback"),
        (HEAD + KNOB + "page = 2", "page"),
        (HEAD + KNOB.replace("16", "128"), "128"),
        (HEAD + KNOB.replace("16", "16.5"), "16.5"),
        (HEAD + KNOB.replace('"cc"', '"nrpn"'), "nrpn"),
        (HEAD + KNOB.replace('"cc"', '"note"'), "note"),
        (HEAD + KNOB.replace("16", '16, channel = "x"'), "channel"),
        (HEAD + PAD.replace("slot = 3", "slot = 17"), "17"),
        (HEAD + PAD + "level = 9", "level"),
        (HEAD + PAD + "amount = 2.0", "amount"),
        (HEAD + PAD + "amount = nan", "amount"),
        (HEAD + PAD + 'mode = "absolute"', "absolute"),
        (HEAD + PAD.replace('"note"', '"cc"'), "cc"),
    ],
)
def test_a_map_that_is_wrong_is_refused_and_the_place_named(text, word):
    with pytest.raises(UsageError) as error:
        parse_map(text)
    assert word in str(error.value)


def test_the_line_of_a_bad_entry_is_named():
    with pytest.raises(UsageError, match="line 5: takeover"):
        parse_map(HEAD + KNOB + KNOB + 'takeover = "scale"')


@pytest.mark.parametrize(
    "text",
    [
        KNOB.replace("temperature", "tempo"),
        KNOB.replace("temperature", "meter.peak_db"),
        KNOB + "out = [0.5, 3.0]",
        KNOB + "out = [-1, 1]",
    ],
)
def test_unknown_parameters_and_ranges_outside_theirs_are_refused(text):
    with pytest.raises(UsageError, match="entry 1"):
        mapper(text)


def test_a_file_that_cannot_be_read_is_said_in_a_sentence(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\xff")
    for name in ("missing.toml", "bytes.toml", "."):
        with pytest.raises(DistillError, match="cannot read"):
            read_map(tmp_path / name)


def test_what_is_written_is_read_back(tmp_path):
    midi_map = MidiMap(
        entries=(
            Knob("temperature", MidiSource("cc", 16), out=(1.5, 0.5)),
            Knob("mix", MidiSource("cc", 17, channel=3)),
            Pad(3, MidiSource("note", 38), level="Structure", amount="velocity", mode="momentary"),
            Pad("off", MidiSource("note", 39), amount=0.5),
        )
    )
    path = tmp_path / "map.toml"
    write_map(path, midi_map)
    again = read_map(path)
    assert (again.device, again.entries) == (midi_map.device, midi_map.entries)
    with pytest.raises(UsageError, match="cannot write"):
        write_map(tmp_path / "no" / "map.toml", midi_map)


@pytest.mark.parametrize("param", [p for p in PARAMS if p.settable and p.kind != "trigger"], ids=lambda p: p.id)
def test_a_knob_covers_the_whole_range_of_every_parameter(param):
    knob = mapper(KNOB.replace("temperature", param.id))
    values = [param.coerce(knob.translate(cc(16, v))[0].args[0]).value for v in range(128)]
    places = [param.to_position(value) for value in values]
    assert (places[0], places[-1]) == (pytest.approx(0.0), pytest.approx(1.0))
    assert places == sorted(places)


def test_out_sets_the_ends_exactly_and_reversed_is_inverted():
    knob = mapper(KNOB + "out = [1.5, 0.5]")
    assert knob.translate(cc(16, 0))[0].args == (1.5,)
    assert knob.translate(cc(16, 127))[0].args == (0.5,)
    assert 0.5 < knob.translate(cc(16, 64))[0].args[0] < 1.5


def test_a_switch_is_on_from_64_up():
    knob = mapper(KNOB.replace("temperature", "bypass"))
    assert [knob.translate(cc(16, value))[0].args[0] for value in (0, 63, 64, 127)] == [False, False, True, True]


def test_a_trigger_fires_once_on_the_way_up():
    knob = mapper(KNOB.replace("temperature", "rewind"))
    fired = [len(knob.translate(cc(16, value))) for value in (0, 70, 100, 127, 20, 64)]
    assert fired == [0, 1, 0, 0, 0, 1]


def test_channels_are_told_apart_and_zero_is_any():
    assert mapper(KNOB).translate(cc(16, 1, channel=9))
    only_two = mapper("[device]\nchannel = 2\n" + KNOB)
    assert only_two.translate(cc(16, 1, channel=2))
    assert not only_two.translate(cc(16, 1, channel=1))
    assert mapper(KNOB.replace("16", "16, channel = 5")).translate(cc(16, 1, channel=5))


def test_what_is_not_mapped_does_nothing():
    knob = mapper(KNOB + PAD)
    assert knob.translate(cc(17, 1)) == []
    assert knob.translate(hit(16)) == []
    assert knob.translate(cc(38, 1)) == []


def test_another_root_is_used_in_the_calls():
    assert mapper(KNOB, "/two").translate(cc(16, 0))[0].address == "/two/param/temperature"


def test_a_selecting_pad_stays_and_its_amount_is_the_velocity():
    pad = mapper(PAD + 'level = "Timbre"\namount = "velocity"')
    assert pad.translate(hit(38)) == [Call("/distill/swap", ("Timbre", 3, 1.0))]
    assert pad.translate(hit(38, 64))[0].args[2] == pytest.approx(64 / 127)
    assert pad.translate(release(38)) == []


def test_a_momentary_pad_ends_with_its_release_and_an_older_one_comes_back():
    pads = mapper(PAD + 'mode = "momentary"\n' + PAD.replace("3", "4", 1).replace("38", "39") + 'mode = "momentary"')
    played = [
        [call.args[1] for call in pads.translate(message)]
        for message in (hit(38), hit(39), release(39), release(38), hit(38), hit(39), release(38), release(39))
    ]
    assert played == [[3], [4], [3], ["off"], [3], [4], [], ["off"]]


def test_a_toggle_is_ended_by_the_next_hit():
    pads = mapper(PAD + 'mode = "toggle"\n' + PAD.replace("3", "4", 1).replace("38", "39") + 'mode = "toggle"')
    played = [pads.translate(hit(number))[0].args[1] for number in (38, 38, 38, 39, 39)]
    assert played == [3, "off", 3, 4, "off"]


def test_bytes_from_a_controller_are_read_and_noise_is_not():
    assert read_message([0x9F, 60, 1]) == MidiMessage("note_on", 16, 60, 1)
    assert read_message([0x80, 60, 64]).kind == "note_off"
    assert read_message([0xC2, 5]) == MidiMessage("program", 3, 5, 0)
    for noise in ([], [0xB0], [0xB0, 1, 200], [0xF0, 1, 2, 3], [0xC0, 200], [0xC0, 5, 0], [0xD0, 5], [0xE0, 0, 64]):
        assert read_message(noise) is None


def test_a_program_change_on_the_devices_channel_is_a_preset_with_any_map_and_with_none():
    registry = Registry(PARAMS)
    (call,) = MidiMapper(MidiMap(), registry, "/two").translate(MidiMessage("program", 7, 0, 0))
    assert (call.address, call.args) == ("/two/preset/load", (1,))
    tenth = MidiMapper(MidiMap(Device(channel=10)), registry)
    assert tenth.translate(MidiMessage("program", 10, 127, 0))[0].args == (128,)
    assert tenth.translate(MidiMessage("program", 9, 127, 0)) == []


def test_the_generic_map_that_we_ship_loads_and_every_target_exists():
    from distill_live.engine.params import load_all

    path = Path(__file__).parents[2] / "patches" / "midi" / "generic-cc.toml"
    shipped = read_map(path)
    assert sum(isinstance(entry, Knob) for entry in shipped.entries) == 8
    assert sum(isinstance(entry, Pad) for entry in shipped.entries) == 16
    MidiMapper(shipped, load_all())
