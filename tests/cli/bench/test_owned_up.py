"""Whose fault a gap is: what was counted once explains one gap, and what nobody counted is nobody's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.owned_up import TOLD_LATE, XRUN_REACH, Dry, Owned, dry_spells, own_up
from distill_live.cli.bench.same_bits import Gap, find_runs, gaps_between
from distill_live.cli.bench.tap import Heard
from distill_live.engine.performance import Performance
from distill_live.engine.replay import render_offline
from distill_live.models.playable import Playable
from tests.cli.bench.told import dropped, silenced, tell

GAP = 256


def gap(at: int, frames: int = GAP, silent_before: int = 1) -> Gap:
    """A gap in which so many frames were lost, in a recording that began with the sound."""
    return Gap(at, frames, at, 0, silent_before)


# ------------------------------------------------------------------ when the ring ran dry


def test_a_count_that_stands_still_tells_of_nothing() -> None:
    assert (
        dry_spells([(frame, 3) for frame in range(0, 200_000, 12_000)]) == dry_spells([(5, 0)]) == dry_spells([]) == []
    )


def test_an_early_spell_begins_with_the_take() -> None:
    assert dry_spells([(1000, 0), (2000, 1)]) == [Dry(0, 2000, 1)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 3)), min_size=1, max_size=20))
def test_spells_hold_every_underrun_once(moves: list[tuple[int, int]]) -> None:
    counts = [(0, 0)]
    for frames, more in moves:
        counts.append((counts[-1][0] + frames, counts[-1][1] + more))
    spells = dry_spells(counts)
    assert sum(spell.count for spell in spells) == counts[-1][1]
    assert all(spell.count > 0 and 0 <= spell.first <= spell.last for spell in spells)


# ------------------------------------------------------------------ who owns up


def test_an_underrun_that_was_counted_once_explains_one_gap() -> None:
    first, second = gap(100_000), gap(101_000)
    assert own_up([first, second], [Dry(90_000, 110_000, 1)], []) == Owned([first], [], [second])
    assert own_up([first, second], [Dry(90_000, 110_000, 2)], []) == Owned([first, second], [], [])
    two_spells = [Dry(90_000, 105_000, 1), Dry(95_000, 110_000, 1)]
    assert own_up([first, second], two_spells, []) == Owned([first, second], [], [])


@pytest.mark.parametrize(
    ("at", "during"), [(90_000 - GAP - 1, False), (90_000 - GAP, True), (99_000, True), (99_001, False)]
)
def test_an_underrun_explains_what_lies_in_its_spell(at: int, during: bool) -> None:
    owned = own_up([gap(at, silent_before=0)], [Dry(90_000, 99_000, 1)], [])
    assert (len(owned.underrun), len(owned.nobody)) == (during, not during)


def test_a_gap_in_silence_may_have_been_anywhere_in_it() -> None:
    still = gap(100_000, silent_before=20_000)
    assert own_up([still], [Dry(70_000, 80_000, 1)], []).underrun == [still]
    assert own_up([still], [], [80_000 - XRUN_REACH]).server == [still]
    assert own_up([still], [], [80_000 - XRUN_REACH - 1]).nobody == [still]


@pytest.mark.parametrize("strange", [0, 4096])
def test_a_server_that_was_late_explains_what_is_near(strange: int) -> None:
    one = Gap(50_000, GAP, 60_000, strange)
    for xrun, near in (
        (60_000 - XRUN_REACH - 1, False),
        (60_000 - XRUN_REACH, True),
        (60_000 + strange + XRUN_REACH, True),
        (60_000 + strange + XRUN_REACH + 1, False),
    ):
        assert own_up([one], [], [xrun]) == (Owned([], [one], []) if near else Owned([], [], [one]))


def test_one_late_server_explains_all_that_is_near() -> None:
    both = [gap(100_000), gap(101_000)]
    assert own_up(both, [], [100_500]).server == both


def test_without_a_word_it_was_nobody() -> None:
    gaps = [gap(10_000), gap(80_000)]
    assert own_up(gaps, [], []) == Owned([], [], gaps)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60_000), st.integers(0, 5000)), max_size=12),
    st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 50_000), st.integers(1, 3)), max_size=5),
    st.lists(st.integers(0, 400_000), max_size=5),
)
def test_every_gap_has_one_owner(
    gaps: list[tuple[int, int]], spells: list[tuple[int, int, int]], xruns: list[int]
) -> None:
    at, found = 0, []
    for distance, frames in gaps:
        found.append(gap(at + distance, frames, silent_before=min(distance, 9)))
        at += distance + frames
    dry = [Dry(first, first + frames, count) for first, frames, count in sorted(spells)]
    owned = own_up(found, dry, xruns)
    assert sorted([*owned.underrun, *owned.server, *owned.nobody], key=lambda one: one.rendered) == found
    assert len(owned.underrun) <= sum(spell.count for spell in dry)


# ------------------------------------------------------------------ planted in a real sound


@pytest.fixture(scope="module")
def rendered(tiny_playable: Callable[..., Playable]) -> np.ndarray:
    """Three seconds of a small model, ``[T, 2]``."""
    return np.ascontiguousarray(render_offline(Performance(tiny_playable(), 7), 3.0).T)


@pytest.mark.parametrize("plant", [dropped, silenced])
@pytest.mark.parametrize("at", [9_001, 70_144, 130_000])
def test_a_planted_gap_is_found_and_nobody_owns_it(
    rendered: np.ndarray, plant: Callable[..., np.ndarray], at: int, tmp_path: Path
) -> None:
    recorded = np.concatenate([np.zeros((4096, 2), np.float32), plant(rendered, at, GAP)])
    (found,) = gaps_between(find_runs(rendered, recorded), recorded)
    strange = GAP if plant is silenced else 0
    assert (found.rendered, found.lost, found.recorded, found.strange) == (at, GAP, 4096 + at, strange)
    tapped = tell(tmp_path, rendered, recorded)
    assert tapped.gaps == [found] and tapped.owned == Owned([], [], [found])


def test_what_was_recorded_as_it_was_rendered_has_no_gap(rendered: np.ndarray, tmp_path: Path) -> None:
    tapped = tell(tmp_path, rendered, rendered)
    assert [run.frames for run in tapped.runs] == [len(rendered)] and tapped.owned == Owned()


def test_the_same_gap_is_the_rings_or_the_servers_once_they_say_so(rendered: np.ndarray, tmp_path: Path) -> None:
    at = 70_144
    recorded = dropped(rendered, at, GAP)
    counted = tell(tmp_path, rendered, recorded, counts=[(at - 5000, 0), (at + 5000, 1)])
    assert len(counted.owned.underrun) == 1 and not counted.owned.nobody
    told = tell(tmp_path, rendered, recorded, heard=Heard([(0, 5000)], xruns=[5000 + at + 900]))
    assert len(told.owned.server) == 1 and not told.owned.nobody
    missed = tell(tmp_path, rendered, recorded, heard=Heard([(0, 5000), (at, 5000 + at + GAP)]))
    assert len(missed.owned.server) == 1, "a period that the tap has missed"
    late = tell(tmp_path, rendered, recorded, counts=[(at + TOLD_LATE + GAP + 1, 0), (at + 2 * TOLD_LATE, 1)])
    assert len(late.owned.nobody) == 1, "an underrun that came much later"
