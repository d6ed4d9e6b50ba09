"""Takes a datagram from anywhere apart, or says in one sentence why not. Never raises, never loops, never waits.

python-osc's own parser loops for ever on a bundle with a negative size and raises four kinds of exception on noise,
so every offset is checked here first; only a message whose structure is whole reaches ``OscMessage``. Knows nothing
of parameters, sockets or clocks: time tags stay numbers, values may still be NaN (the registry refuses those).
Pure functions, called from the bridge's loop and from the OSC client.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from pythonosc.osc_message import OscMessage

from distill_live.params import Value

MAX_DATAGRAM_BYTES: Final = 65_536
MAX_ADDRESS_BYTES: Final = 255
MAX_STRING_BYTES: Final = 255
MAX_ARGS: Final = 32
MAX_DEPTH: Final = 4
MAX_MESSAGES: Final = 512
IMMEDIATELY: Final = 1  # the OSC time tag that means "now"
BUNDLE: Final = b"#bundle\0"
WILDCARDS: Final = frozenset(b" #*,?[]{}")

_FIXED_BYTES: Final = {"i": 4, "f": 4, "h": 8, "d": 8, "T": 0, "F": 0}


@dataclass(frozen=True)
class Call:
    """One OSC message: an address and its arguments (i f d h s T F only)."""

    address: str
    args: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Group:
    """Messages that belong together: applied as one, at ``time_tag`` (64-bit NTP; 1 is now)."""

    calls: tuple[Call, ...]
    time_tag: int = IMMEDIATELY


@dataclass(frozen=True)
class Parsed:
    """What a datagram held: its groups, or the reason why nothing of it is used."""

    groups: tuple[Group, ...] = ()
    refused: str = ""


class _RefusedError(Exception):
    """Why a datagram is refused; never leaves this module."""


def parse_datagram(data: bytes) -> Parsed:
    """The messages in a datagram, or the reason why it is refused as a whole.

    >>> parse_datagram(b"/distill/ping\\0\\0\\0,\\0\\0\\0").groups[0].calls
    (Call(address='/distill/ping', args=()),)
    >>> parse_datagram(b"#bundle\\0" + bytes(8) + bytes([255, 255, 255, 240])).refused
    'a bundle element of -16 bytes'
    """
    if not data or len(data) % 4 or len(data) > MAX_DATAGRAM_BYTES:
        return Parsed(refused=f"{len(data)} bytes are not an OSC packet")
    groups: list[tuple[int, list[Call]]] = []
    try:
        _packet(data, IMMEDIATELY, groups, 0)
    except _RefusedError as reason:
        return Parsed(refused=str(reason))
    return Parsed(tuple(Group(tuple(calls), tag) for tag, calls in groups if calls))


def _packet(data: bytes, tag: int, groups: list[tuple[int, list[Call]]], depth: int) -> None:
    """Adds one packet's calls to the group of their time tag (nested bundles of one time stay one group)."""
    if not data.startswith(BUNDLE):
        if not groups or groups[-1][0] != tag:
            groups.append((tag, []))
        groups[-1][1].append(_call(data))
        if sum(len(calls) for _, calls in groups) > MAX_MESSAGES:
            raise _RefusedError(f"a bundle of more than {MAX_MESSAGES} messages")
        return
    if depth >= MAX_DEPTH:
        raise _RefusedError(f"bundles nested deeper than {MAX_DEPTH}")
    if len(data) < 16:
        raise _RefusedError("a bundle without a time tag")
    own_tag = int.from_bytes(data[8:16], "big")
    at = 16
    while at < len(data):
        size, at = _int32(data, at), at + 4
        if size <= 0 or size % 4 or at + size > len(data):
            raise _RefusedError(f"a bundle element of {size} bytes")
        _packet(data[at : at + size], max(tag, own_tag), groups, depth + 1)  # an inner bundle is never earlier
        at += size


def _call(data: bytes) -> Call:
    address, at = _string(data, 0, MAX_ADDRESS_BYTES)
    if not address.startswith(b"/") or any(c <= 32 or c >= 127 or c in WILDCARDS for c in address):
        raise _RefusedError("an address that is not plain ASCII without wildcards")
    if at < len(data):
        _check_args(data, at)
    message = OscMessage(data)
    return Call(message.address, tuple(message.params))


def _check_args(data: bytes, at: int) -> None:
    tags, at = _string(data, at, MAX_ARGS + 1)
    if not tags.startswith(b","):
        raise _RefusedError("arguments without type tags")
    for tag in tags[1:].decode("latin-1"):
        if tag == "s":
            text, at = _string(data, at, MAX_STRING_BYTES)
            _check_text(text)
        elif tag in _FIXED_BYTES:
            at += _FIXED_BYTES[tag]
        else:
            raise _RefusedError(f"type tag {tag!r}; use i f d h s T F")
    if at != len(data):
        raise _RefusedError("arguments that do not fill the message")


def _check_text(text: bytes) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError("a string that is not UTF-8") from None


def _string(data: bytes, at: int, most: int) -> tuple[bytes, int]:
    """The zero-terminated string at ``at`` and the place after its padding to four bytes."""
    end = data.find(b"\0", at, at + most + 1)
    after = end + 4 - (end - at) % 4
    if end < 0 or after > len(data):
        raise _RefusedError("a string that is too long or does not end")
    return data[at:end], after


def _int32(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise _RefusedError("a bundle that ends inside a size")
    return int(struct.unpack_from(">i", data, at)[0])
