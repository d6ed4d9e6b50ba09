"""What a hand does: as many of each kind as were asked for, on and off, every level and every knob."""

from __future__ import annotations

import tomllib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.series import (
    FIRST_CC,
    KINDS,
    LEAD_IN_S,
    TEMPERATURES,
    at_random,
    edits,
    midi_map,
    temperatures,
)
from distill_live.errors import DistillError

counts = st.integers(1, 60)
levels = st.integers(1, 8)
slots = st.lists(st.integers(1, 16), min_size=1, max_size=16, unique=True)
kinds = st.sampled_from([("edit",), ("midi",), ("edit", "midi")])


@settings(max_examples=50, deadline=None)
@given(counts, levels, slots, kinds)
def test_there_are_as_many_of_each_kind_in_whole_pairs(
    count: int, levels: int, slots: list[int], kinds: tuple[str, ...]
) -> None:
    made = Counter(kind for kind, _ in edits(count, levels, slots, kinds))
    assert made == dict.fromkeys(kinds, count + count % 2), "what is swapped in is swapped out again"


@settings(max_examples=50, deadline=None)
@given(counts, levels, slots, kinds)
def test_every_message_undoes_or_is_undone_by_the_next(
    count: int, levels: int, slots: list[int], kinds: tuple[str, ...]
) -> None:
    series = edits(count, levels, slots, kinds)
    for (kind, on), (other, off) in zip(series[::2], series[1::2], strict=True):
        assert kind == other and on.path == off.path
        if kind == "edit":
            assert on.args[0] == off.args[0] and on.args[1] in slots and off.args[1] == "off"
            assert not on.midi and not off.midi
        else:
            assert int(str(on.args[0])) in slots and off.args == ("off",)
            assert on.midi[:2] == off.midi[:2] and (on.midi[2], off.midi[2]) == (127, 0)


def test_with_three_levels_each_kind_comes_to_every_level() -> None:
    by_kind: dict[str, set[int]] = {"edit": set(), "midi": set()}
    for kind, message in edits(12, 3, [1, 5], ("edit", "midi")):
        by_kind[kind].add(message.midi[1] - FIRST_CC if message.midi else int(message.args[0]))
    assert by_kind == {"edit": {0, 1, 2}, "midi": {0, 1, 2}}


def test_without_sounds_there_is_nothing_to_swap_with() -> None:
    with pytest.raises(DistillError, match="no sounds"):
        edits(2, 3, [], ("edit",))


@settings(max_examples=50, deadline=None)
@given(counts)
def test_temperatures_go_from_one_end_to_the_other(count: int) -> None:
    series = temperatures(count)
    values = [message.args[0] for _, message in series]
    assert len(values) == count and set(values) <= set(TEMPERATURES)
    assert all(a != b for a, b in pairwise(values)) and {kind for kind, _ in series} == {KINDS[2]}


@settings(max_examples=50, deadline=None)
@given(levels, slots)
def test_a_knob_is_mapped_to_the_slot_that_its_messages_are_taken_for(levels: int, slots: list[int]) -> None:
    maps = tomllib.loads(midi_map(levels, slots))["map"]
    knobs = {entry["source"]["number"]: (entry["param"], entry["out"]) for entry in maps}
    assert len(knobs) == len(maps) == levels
    for _, message in edits(20, levels, slots, ("midi",)):
        param, out = knobs[message.midi[1]]
        assert message.path == f"param/{param}"
        assert message.args == ((str(out[1]),) if message.midi[2] else ("off",)) and out[0] == 0


@settings(max_examples=50, deadline=None)
@given(counts, st.integers(0, 100))
def test_random_moments_keep_the_order_and_the_pauses(count: int, seed: int) -> None:
    series = temperatures(count)
    timed = at_random(series, (0.4, 0.7), np.random.default_rng(seed))
    assert [(kind, m.path, m.args, m.midi) for kind, m in timed] == [(k, m.path, m.args, m.midi) for k, m in series]
    moments = [LEAD_IN_S, *(message.at_s for _, message in timed)]
    assert all(0.4 - 1e-9 <= after - before <= 0.7 + 1e-9 for before, after in pairwise(moments))
    assert timed == at_random(series, (0.4, 0.7), np.random.default_rng(seed)), "drawn by seed"
