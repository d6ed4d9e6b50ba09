"""One event's way: its parts add up, and what is not measured is counted and not averaged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench import latency
from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.follow import Change, Followed
from distill_live.cli.bench.heard import RATE
from distill_live.cli.bench.latency import LOST, NAMES, UNHEARD, UNMEASURED, Way, way
from distill_live.cli.bench.sender import Message
from distill_live.cli.bench.tap import Heard
from tests.cli.bench.told import tell

frames = st.integers(0, 200_000)


@settings(max_examples=50, deadline=None)
@given(frames, frames, frames, frames, st.integers(0, 500), st.sampled_from([512, 2048, 4096]))
def test_the_parts_add_up_to_the_total(sent: int, total: int, differs: int, rise: int, effects: int, lead: int) -> None:
    found = way("edit", sent, Change(0, differs, differs + rise, -20.0, lead, effects), sent + total)
    parts = [getattr(found, name) for name in NAMES]
    assert sum(parts) == pytest.approx(found.total_ms, abs=0.003), "each is rounded to a thousandth"
    assert found.total_ms == pytest.approx(1000.0 * total / RATE, abs=0.0006)
    assert min(found.effects_ms, found.codes_ms, found.rise_ms) >= 0
    assert found.ring_ms == pytest.approx(1000.0 * lead / RATE, abs=0.0006)


def test_a_change_before_the_look_ahead_is_over_takes_nothing_for_the_codes() -> None:
    found = way("edit", 0, Change(0, 10, 20, -20.0, 0, effects=240), 48_000)
    assert found.codes_ms == 0.0 and found.effects_ms == pytest.approx(1000 * 10 / RATE, abs=0.001)


def test_an_event_is_measured_by_the_servers_clock_or_is_said_not_to_be(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal((60_000, 2)).astype(np.float32)
    recorded = np.concatenate([np.zeros((1000, 2), np.float32), sound])
    recorded[1000 + 40_100] += 1.0  # something was wrong with what is heard there
    sent = [Message(float(n), "temperature", (n / 8,), frame=500_000 + n) for n in range(4)]
    changes = {
        sent[0]: Change(10_240, 300, 700, -20.0, 2048, 100),
        sent[1]: Change(20_480, None, None, -20.0),
        sent[2]: Change(39_936, 100, 200, -20.0),
    }
    tapped = tell(tmp_path, sound, recorded, heard=Heard([(0, 495_000)]))
    found = latency._ways([("edit", message) for message in sent], Followed(changes, sound), tapped)
    assert [outcome for _, outcome in found[1:]] == [UNHEARD, UNMEASURED, LOST]
    first = found[0][1]
    assert isinstance(first, Way)
    assert first.total_ms == pytest.approx(1000.0 * (495_000 + 1000 + 10_240 + 700 - 500_000) / RATE, abs=0.001)


def plain(kind: str, packet_ms: float) -> Way:
    return Way(kind, packet_ms + 60.0, packet_ms, 40.0, 1.0, 14.0, 5.0)


def outcomes(by_kind: Mapping[str, list[Any]]) -> tuple[list[tuple[str, Message]], list[tuple[str, Any]]]:
    found = [(kind, outcome) for kind, of_it in by_kind.items() for outcome in of_it]
    return [(kind, Message(float(n), "x", ())) for n, (kind, _) in enumerate(found)], found


def described(by_kind: Mapping[str, list[Any]], with_bars: bool = True) -> Part:
    part = Part("latency")
    part.details["beside_ms"] = {}
    latency._describe_all(part, *outcomes(by_kind), behind_ms=5.0, with_bars=with_bars)
    return part


def test_what_is_missing_is_counted_by_its_reason_and_lost_ones_miss_the_bar() -> None:
    part = described({"edit": [plain("edit", 5.0), LOST, UNHEARD, UNHEARD, UNMEASURED], "midi": [UNHEARD]})
    value = {figure.name: figure for figure in part.figures}
    assert value["edit: sent"].value == 5 and value["midi: sent"].value == 1
    assert value[f"edit: {LOST}"].value == 1 and value[f"edit: {LOST}"].reached is False
    assert value[f"edit: {UNHEARD}"].value == 2 and value[f"midi: {UNHEARD}"].value == 1
    assert value[f"edit: {UNMEASURED}, the server was late"].value == 1
    assert value["edit: packet to heard at the port, p95"].value == 65.0
    assert value["edit: and 5.00 ms that JACK says lie behind the port, p95"].value == 70.0
    assert value["midi: packet to heard at the port, p95"].value is None
    assert not any("adds" in name for name in value), "there is no MIDI to compare"


def test_bars_are_for_the_lead_that_is_promised() -> None:
    slow = {"edit": [plain("edit", 41.0)], "sampling": [plain("sampling", 41.0)]}
    missed = [figure.name for figure in described(slow).figures if figure.reached is False]
    assert missed and all(name.startswith("edit: ") and name.endswith("p95") for name in missed), "150 ms for sampling"
    assert all(figure.bar is None for figure in described(slow, with_bars=False).figures)


def test_midi_adds_what_its_packets_take_longer_whatever_the_rest_takes() -> None:
    osc = [plain("edit", ms) for ms in (1.0, 2.0, 3.0)]
    midi = [replace(plain("midi", ms), total_ms=500.0) for ms in (4.0, 6.0, 8.0)]
    part = described({"edit": osc, "midi": midi})
    assert part.details["beside_ms"]["midi_adds_ms"] == {"p50": 4.0, "p95": pytest.approx(4.9)}


def test_doubts_are_said_and_without_any_there_is_none() -> None:
    change = Change(0, 1, 2, -20.0)
    take = SimpleNamespace(events=())
    tapped: Any = SimpleNamespace(play=SimpleNamespace(devices=[{}]), heard=Heard(), take=take)
    assert latency._doubts(Followed({}, np.zeros((0, 2), np.float32)), tapped) == []
    changes = {
        Message(0.0, "a", ()): replace(change, level_db=-70.0),
        Message(1.0, "b", ()): replace(change, level_db=None),
    }
    tapped = SimpleNamespace(play=SimpleNamespace(devices=[{}, {}]), heard=Heard(lost=4800), take=take)
    text = " ".join(latency._doubts(Followed(changes, np.zeros((0, 2), np.float32)), tapped))
    for part in ("output changed", "0.1 s are missing", "1 events came while", "1 events led to"):
        assert part in text
