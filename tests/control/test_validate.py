"""Datagrams from anywhere: whole ones are read, all others are refused with a reason, in bounded time."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import OscMessageBuilder

from distill_live.control.osc import encode, encode_bundle
from distill_live.control.validate import (
    BUNDLE,
    IMMEDIATELY,
    MAX_DEPTH,
    MAX_MESSAGES,
    Call,
    parse_datagram,
)

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
ARGS = st.lists(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), FINITE, st.text("abc é-1", max_size=30)), max_size=8
)
ADDRESSES = st.from_regex(r"\A(/[a-z0-9_.\-]{1,12}){1,4}\Z")


def bundle(*elements: bytes, tag: int = IMMEDIATELY) -> bytes:
    return BUNDLE + tag.to_bytes(8, "big") + b"".join(len(e).to_bytes(4, "big") + e for e in elements)


@STEADY
@given(ADDRESSES, ARGS)
def test_what_is_encoded_is_read_back(address, args):
    parsed = parse_datagram(encode(address, args))
    assert parsed.groups[0].calls == (Call(address, tuple(args)),)


def test_a_large_float_survives_as_a_double():
    assert parse_datagram(encode("/a", [1e300])).groups[0].calls[0].args == (1e300,)


@STEADY
@given(st.lists(st.tuples(ADDRESSES, ARGS), min_size=1, max_size=20))
def test_a_bundle_is_one_group_in_order(messages):
    calls = [Call(address, tuple(args)) for address, args in messages]
    (group,) = parse_datagram(encode_bundle(calls)).groups
    assert list(group.calls) == calls


def test_values_that_are_not_finite_are_read_and_left_to_the_registry():
    (nan, infinity) = parse_datagram(encode("/a", [math.nan, math.inf])).groups[0].calls[0].args
    assert math.isnan(nan)
    assert infinity == math.inf


def test_an_inner_bundle_is_never_earlier_than_the_outer_one():
    message = encode("/a", [1])
    groups = parse_datagram(bundle(bundle(message, tag=5), message, tag=9)).groups
    assert [(group.time_tag, len(group.calls)) for group in groups] == [(9, 2)]
    groups = parse_datagram(bundle(message, bundle(message, tag=12), tag=9)).groups
    assert [group.time_tag for group in groups] == [9, 12]


def nested(depth: int) -> bytes:
    data = encode("/a")
    for _ in range(depth):
        data = bundle(data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"abcd",
        b"/a\0",
        b"/abc",
        encode("/a", [1])[:-4],
        encode("/a", [1]) + b"\0\0\0\0",
        encode("/a", ["text"])[:-4],
        b"/a*c\0\0\0\0,\0\0\0",
        b"/a{b}\0\0\0,\0\0\0",
        b"/\xc3\xa4\0,\0\0\0",
        b"/a b\0\0\0\0,\0\0\0",
        b"/a\0\0ii\0\0" + bytes(8),
        b"/a\0\0,s\0\0\xff\xfe\0\0",
        b"/a\0\0,b\0\0" + struct.pack(">i", -4),
        b"/a\0\0,[]\0",
        b"/a\0\0,N\0\0",
        b"/a\0\0,t\0\0" + bytes(8),
        BUNDLE,
        BUNDLE + bytes(4),
        BUNDLE + bytes(8) + struct.pack(">i", -16),
        BUNDLE + bytes(8) + struct.pack(">i", 0),
        BUNDLE + bytes(8) + struct.pack(">i", 2**31 - 1),
        BUNDLE + bytes(8) + struct.pack(">i", 6) + b"/a\0\0,\0\0\0",
        nested(MAX_DEPTH + 1),
        bundle(*[encode("/a")] * (MAX_MESSAGES + 1)),
        encode("/" + "a" * 300),
        encode("/a", ["x" * 300]),
        encode("/a", list(range(40))),
        bytes(65_540),
    ],
)
def test_what_is_not_osc_as_we_take_it_is_refused_with_a_reason(data):
    parsed = parse_datagram(data)
    assert parsed.refused
    assert parsed.groups == ()


def test_limits_are_reached_not_passed():
    assert not parse_datagram(nested(MAX_DEPTH)).refused
    assert not parse_datagram(bundle(*[encode("/a")] * MAX_MESSAGES)).refused


@STEADY
@given(st.binary(max_size=300))
def test_noise_never_raises(data):
    parse_datagram(data)


def test_ten_thousand_random_and_ten_thousand_mutated_datagrams_never_raise():
    dice = random.Random(7)
    valid = [
        encode("/distill/temperature", [0.7]),
        encode("/distill/swap", ["Structure", 3, 0.5]),
        bundle(encode("/a", [True, "text"]), bundle(encode("/b", [2**40]))),
    ]
    for _ in range(10_000):
        parse_datagram(dice.choice((b"", BUNDLE, b"/")) + dice.randbytes(dice.randrange(120)))
        mutated = bytearray(dice.choice(valid))
        for _ in range(dice.randrange(1, 5)):
            mutated[dice.randrange(len(mutated))] = dice.randrange(256)
        parsed = parse_datagram(bytes(mutated[: dice.randrange(1, len(mutated) + 1)]))
        assert bool(parsed.refused) or all(group.calls for group in parsed.groups)


def test_the_bundle_that_hangs_python_osc_is_refused():
    """python-osc 1.10.2 goes back 16 bytes each time it reads this size, for ever."""
    assert "-16" in parse_datagram(BUNDLE + bytes(8) + struct.pack(">i", -16)).refused


def test_an_empty_bundle_is_nothing_and_no_error():
    assert parse_datagram(BUNDLE + bytes(8)) == parse_datagram(bundle())
    assert parse_datagram(bundle()).groups == ()


def test_old_senders_without_type_tags_are_understood():
    assert parse_datagram(b"/distill/ping\0\0\0").groups[0].calls == (Call("/distill/ping"),)


def test_blobs_are_refused_by_name():
    builder = OscMessageBuilder("/a")
    builder.add_arg(b"1234")
    assert "'b'" in parse_datagram(builder.build().dgram).refused
