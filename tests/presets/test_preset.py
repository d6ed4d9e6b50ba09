"""A preset and its text: what is written is read back, and no file from anywhere does more than raise one sentence."""

from __future__ import annotations

import struct
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.engine.params import load_all
from distill_live.errors import PresetError
from distill_live.params import Param, Registry, Value
from distill_live.presets.morph import between, morph
from distill_live.presets.preset import MAX_NUMBER, UNTOUCHED, Preset, belongs, gather, written_short
from distill_live.presets.text import SCHEMA, format_preset, parse_preset

STEADY = settings(deadline=None, derandomize=True, max_examples=150)
REGISTRY = Registry(
    [
        *load_all().values(),
        Param("rewind", "Rewind", "prior", "trigger", help="Starts again."),
        Param('fx.odd name.a"b', "Odd", "fx.odd", low=0.0, high=1.0, help="A plugin's."),
        Param("fx.odd", "Odd", "fx.odd", low=0.0, high=1.0, help="Its id begins another's."),
        Param("fx.odd.more", "Odd", "fx.odd", low=0.0, high=1.0, help="Its id begins with another's."),
    ]
)
HELD = [param for param in REGISTRY.values() if belongs(param)]
HEAD = f'schema = "{SCHEMA}"\n'


def legal(param: Param) -> st.SearchStrategy[Value]:
    """Every value that a parameter can have."""
    if param.kind == "enum":
        return st.sampled_from(param.labels)
    if param.kind == "bool":
        return st.booleans()
    if param.kind == "int":
        return st.integers(round(param.low), round(param.high))
    return st.floats(param.low, param.high)


WHOLE = st.fixed_dictionaries({param.id: legal(param) for param in HELD})
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='/\\:*?"<>|.'), min_size=1, max_size=12)
LINES = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=30).map(str.strip)
PRESETS = st.builds(
    Preset,
    name=NAMES,
    values=WHOLE.map(lambda values: {i: v for i, v in values.items() if v != REGISTRY[i].default_value}),
    bank=st.dictionaries(st.integers(1, 16), NAMES, max_size=16),
    model=LINES,
    number=st.none() | st.integers(1, MAX_NUMBER),
    note=LINES,
)


@STEADY
@given(PRESETS)
def test_what_is_written_is_read_back_with_nothing_to_remark(preset: Preset) -> None:
    read = parse_preset(format_preset(preset, REGISTRY), REGISTRY)
    assert read.preset == preset
    assert read.remarks == ""


def test_the_file_is_plain_and_says_the_units() -> None:
    preset = Preset("bells", {"temperature": 0.7, "level.1.swap": "3", "fx.delay.time": 750.0}, {3: "bells.flac"})
    text = format_preset(preset, REGISTRY)
    assert text.splitlines()[1:] == [
        f'schema = "{SCHEMA}"',
        'name = "bells"',
        "",
        "[values]",
        "temperature = 0.7",
        "",
        'level.1.swap = "3"',
        "",
        "fx.delay.time = 750.0  # ms",
        "",
        "[bank]",
        '3 = "bells.flac"',
    ]


def test_what_stands_at_its_default_is_not_written() -> None:
    assert gather({param.id: param.default_value for param in HELD}, REGISTRY) == {}
    assert parse_preset(f"{HEAD}values = {{ temperature = 1.0, bypass = false }}", REGISTRY).preset.values == {}


def test_a_number_that_came_over_osc_is_written_as_it_was_meant() -> None:
    sent = struct.unpack("<f", struct.pack("<f", 0.7))[0]
    assert sent != 0.7
    assert gather({"temperature": sent}, REGISTRY) == {"temperature": 0.7}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_writing_short_moves_a_value_by_less_than_32_bits_can_say(value: float) -> None:
    short = written_short(value)
    assert isinstance(short, float)
    assert short == value or struct.pack("<f", short) == struct.pack("<f", value)
    assert written_short(short) == short


def test_values_may_stand_in_tables_in_dotted_or_in_quoted_keys() -> None:
    forms = (
        "[values]\nlevel.0.mute = true\n",
        "[values.level.0]\nmute = true\n",
        '[values]\n"level.0.mute" = true\n',
        "values = { level = { 0 = { mute = true } } }\n",
    )
    for form in forms:
        assert parse_preset(HEAD + form, REGISTRY).preset.values == {"level.0.mute": True}, form


def test_a_preset_never_holds_what_belongs_to_the_machine_or_has_no_value() -> None:
    left_out = [param.id for param in REGISTRY.values() if not belongs(param)]
    assert {"engine.lead", "input.gain", "model.fade", "rewind", "meter.left"} <= set(left_out)
    for param_id in left_out:
        read = parse_preset(f"{HEAD}values = {{ {param_id} = 1 }}", REGISTRY)
        assert read.preset.values == {}
        assert read.skipped == (f"{param_id} is not a preset's to set.",)
    assert not any(i.startswith(UNTOUCHED) for i in Preset("x").all_values(REGISTRY))
    assert gather({"engine.lead": 4096}, REGISTRY) == {}


def test_a_load_means_a_value_for_every_parameter_that_belongs_to_it() -> None:
    values = Preset("x", {"mix": 0.25}).all_values(REGISTRY)
    assert list(values) == [param.id for param in HELD]
    assert values["mix"] == 0.25 and values["temperature"] == 1.0


def test_what_is_unknown_here_is_named_and_skipped_and_the_rest_is_read() -> None:
    text = f'{HEAD}tempo = 3\n[values]\nfx.gone.depth = 1\nmix = 0.5\nfx.filter.mode = "comb"\n'
    read = parse_preset(text, REGISTRY)
    assert read.preset.values == {"mix": 0.5}
    assert read.skipped == (
        "There is no fx.gone.depth here.",
        "fx.filter.mode cannot be 'comb' here, it stays off.",
        "There is no field tempo in a preset.",
    )


def test_many_unknown_things_stay_one_short_sentence() -> None:
    body = "\n".join(f"gone.{n} = 1" for n in range(1000))
    (sentence,) = parse_preset(f"{HEAD}[values]\n{body}", REGISTRY).skipped
    assert sentence.endswith("gone.5 and 994 more here.") and len(sentence) < 120


def test_what_is_out_of_range_is_clamped_and_said() -> None:
    read = parse_preset(f"{HEAD}values = {{ temperature = 9, topk = -5, volume = {'9' * 300} }}", REGISTRY)
    assert read.preset.values == {"temperature": 2.0, "volume": 6.0}  # topk -5 is topk 0, its default
    assert len(read.clamped) == 3
    assert read.clamped[0] == "temperature 9 is outside 0.1 to 2, 2 is set."
    assert "999" not in read.clamped[2]


HOSTILE = [
    ("", "is not a preset"),
    ("name = 3", "is not a preset"),
    ("schema = 7", "is not a preset"),
    ('schema = "distill-live/midimap/1"', "is not a preset"),
    ('schema = "distill-live/preset/2"', "this program reads"),
    ("not toml at all", "is not TOML"),
    (f"{HEAD}[values", "is not TOML"),
    (f"{HEAD}values = {{ mix = 1, mix = 0 }}", "is not TOML"),
    (f"{HEAD}x = {'[' * 30000}", "is not TOML"),
    (f"{HEAD}x = {'9' * 20000}", "is not TOML"),
    (f"{HEAD}values = 3", "values is not a table"),
    (f"{HEAD}bank = []", "bank is not a table"),
    *((f"{HEAD}values = {{ temperature = {bad} }}", "temperature") for bad in ("nan", "inf", "-inf", "+nan")),
    *((f"{HEAD}values = {{ temperature = {bad} }}", "temperature") for bad in ("[]", '"hot"', "1979-05-27", "[[1]]")),
    (f"{HEAD}values = {{ temperature = 1{'0' * 400} }}", "temperature cannot be inf"),
    (f'{HEAD}values = {{ temperature = "{"1" * 5000}" }}', "temperature has no value"),
    (f'{HEAD}values = {{ level.0.mute = "maybe" }}', "level.0.mute cannot be"),
    (f"{HEAD}values = {{ level.0.swap = nan }}", "level.0.swap"),
    (f"{HEAD}number = 0", "no proper number"),
    (f"{HEAD}number = true", "no proper number"),
    (f"{HEAD}number = 129", "no proper number"),
    (f"{HEAD}number = 1.5", "no proper number"),
    *((f"{HEAD}bank = {{ {slot} = 'x' }}", "no slot") for slot in ("0", "17", "-1", "one", "1e1", "0x1", "'³'", "''")),
    *((f"{HEAD}bank = {{ 1 = {bad} }}", "no name of a sound") for bad in ("3", "''", "'../x'", "'/etc/passwd'", "{}")),
    (f"{HEAD}bank = {{ 1 = 'C:\\secret' }}", "no name of a sound"),
]


@pytest.mark.parametrize(("text", "says"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_damaged_or_hostile_file_is_one_clear_sentence(text: str, says: str) -> None:
    with pytest.raises(PresetError) as error:
        parse_preset(text, REGISTRY, "mine")
    sentence = str(error.value)
    assert says in sentence and "mine" in sentence
    assert len(sentence) < 250 and "\n" not in sentence


def test_a_file_that_nests_without_end_is_read_without_recursion() -> None:
    read = parse_preset(f"{HEAD}[values]\n{'a.' * 10000}a = 1\nmix = 0.5", REGISTRY)
    assert read.preset.values == {"mix": 0.5}
    assert len(read.remarks) < 100


def test_notes_and_hints_are_one_printable_line_that_fits_an_osc_string() -> None:
    read = parse_preset(f'{HEAD}note = "a\\nb\\u001b[31m{"é" * 500}"\nmodel = 7', REGISTRY)
    assert read.preset.note.startswith("ab[31mé") and len(read.preset.note.encode()) <= 200
    assert read.preset.model == ""


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@STEADY
@given(st.text(max_size=200), st.binary(max_size=200))
def test_random_text_raises_nothing_but_a_preset_error(text: str, raw: bytes) -> None:
    for hostile in (text, HEAD + text, HEAD + raw.decode("latin-1")):
        try:
            parse_preset(hostile, REGISTRY)
        except PresetError:
            continue


@STEADY
@given(st.dictionaries(st.sampled_from([p.id for p in REGISTRY.values()]), JUNK, max_size=6), JUNK, JUNK, JUNK)
def test_whatever_stands_in_the_fields_the_values_that_come_out_are_legal(
    values: dict[str, Any], bank: Any, number: Any, note: Any
) -> None:
    from distill_live.presets.text import preset_of

    table = {"schema": SCHEMA, "values": values, "bank": bank, "number": number, "note": note}
    try:
        preset = preset_of(table, REGISTRY).preset
    except PresetError:
        return
    for param_id, value in preset.values.items():
        assert REGISTRY[param_id].coerce(value).value == value and not REGISTRY[param_id].coerce(value).clamped
    assert all(1 <= slot <= 16 for slot in preset.bank)
    assert tomllib.loads(format_preset(preset, REGISTRY))["schema"] == SCHEMA


# ---------------------------------------------------------------------- morph


@STEADY
@given(PRESETS, PRESETS, st.floats(0.0, 1.0))
def test_a_morph_is_the_first_at_0_and_the_second_at_1_and_legal_between(a: Preset, b: Preset, share: float) -> None:
    assert morph(a, b, 0.0, REGISTRY) == a.all_values(REGISTRY)
    assert morph(a, b, 1.0, REGISTRY) == b.all_values(REGISTRY)
    for param_id, value in morph(a, b, share, REGISTRY).items():
        param = REGISTRY[param_id]
        assert param.coerce(value).value == value
        if param.kind in ("bool", "enum"):
            assert value == (b if share >= 0.5 else a).all_values(REGISTRY)[param_id]


@pytest.mark.parametrize("param", [p for p in HELD if p.kind in ("float", "int")], ids=lambda p: p.id)
def test_a_number_moves_along_its_own_curve(param: Param) -> None:
    low, high = param.coerce(param.low).value, param.coerce(param.high).value
    values = [between(param, low, high, n / 8) for n in range(9)]
    assert (values[0], values[-1]) == (low, high)
    for n, value in enumerate(values):
        assert value == (param.from_position(n / 8) if 0 < n < 8 else value)
        assert isinstance(value, int if param.kind == "int" else float)


def test_what_is_the_same_in_both_stays_to_the_last_bit() -> None:
    value = 0.1 + 0.2
    twin = Preset("x", {"mix": value})
    assert all(morph(twin, twin, n / 7, REGISTRY)["mix"] == value for n in range(8))
