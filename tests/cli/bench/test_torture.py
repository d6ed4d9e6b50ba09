"""What counts as a cut, and that the same music without the cuts is the same music."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from distill_live.cli.bench.torture import BEHIND, cuts_of, is_cut, near_a_cut, undisturbed
from distill_live.engine.performance import BLOCK, MODEL_LOAD, PANIC, PRESET_LOAD, START, STOP, SWAP, Performance
from distill_live.engine.take import TakeStart
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable
from distill_live.takelog import Take, read_take
from tests.engine.played import Played, play_take

BYPASS, BACK = set_event("bypass", True, "test"), set_event("bypass", False, "test")


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


# ------------------------------------------------------------------ cuts


@pytest.mark.parametrize("event", [*(ControlEvent(0, address) for address in (START, STOP, PANIC)), BYPASS, BACK])
def test_what_cuts_into_the_sound_is_a_cut(event: ControlEvent) -> None:
    assert is_cut(event)
    assert is_cut(ControlEvent(0, MODEL_LOAD, ("x", "aa"))) and is_cut(ControlEvent(0, PRESET_LOAD, ("x",)))


@pytest.mark.parametrize("event", [ControlEvent(0, SWAP, (0, "1")), set_event("temperature", 0.5, "test")])
def test_what_an_instrument_is_for_is_none(event: ControlEvent) -> None:
    assert not is_cut(event)


def test_cuts_are_counted_by_their_kind() -> None:
    addresses = [MODEL_LOAD, START, STOP, STOP, PANIC, PRESET_LOAD, PRESET_LOAD, PRESET_LOAD, SWAP]
    take = Take({}, (*(ControlEvent(0, address) for address in addresses), BYPASS, BACK, BYPASS))
    expected = {"model swaps": 1, "preset jumps": 3, "stops": 2, "panics": 1, "starts": 1, "bypasses": 2}
    assert cuts_of(take) == expected
    assert cuts_of(Take({}, ())) == dict.fromkeys(expected, 0)


def test_near_is_just_behind_and_never_before() -> None:
    take = Take({}, (ControlEvent(10_240, STOP), ControlEvent(51_200, SWAP, (0, "1"))))
    for frame, near in ((10_239, False), (10_240, True), (10_240 + BEHIND, True), (10_241 + BEHIND, False)):
        assert near_a_cut(frame, take) == near
    assert not near_a_cut(51_300, take), "a swap is no cut"


# ------------------------------------------------------------------ the same music

Events = Mapping[int, Sequence[ControlEvent]]


def played(
    model: Playable, folder: Path, events: Events, blocks: int = 30
) -> tuple[Played, list[tuple[int, np.ndarray]]]:
    """A take, and its stretches ``[T, 2]`` without what cut into them."""
    done = play_take(model, folder, events, blocks, recorded=None)
    return done, undisturbed(read_take(done.log), done.folder)


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_a_take_without_a_cut_is_one_stretch_and_that_is_the_take(model: Playable, tmp_path: Path) -> None:
    done, stretches = played(model, tmp_path, {})
    assert [frame for frame, _ in stretches] == [0]
    assert np.array_equal(stretches[0][1], done.wet.T)


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_the_values_a_take_begins_with_are_those_of_its_stretch(model: Playable, tmp_path: Path) -> None:
    start = TakeStart(3, {"temperature": 0.3, "fx.delay.mix": 0.5}, look_ahead=2)
    done = play_take(model, tmp_path, blocks=30, recorded=None, start=start)
    ((frame, sound),) = undisturbed(read_take(done.log), done.folder)
    assert frame == 0 and np.array_equal(sound, done.wet.T)


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_stretches_reach_from_cut_to_cut_and_leave_out_where_it_stood_still(model: Playable, tmp_path: Path) -> None:
    events: Events = {
        8: [BYPASS],
        12: [BACK],
        16: [ControlEvent(0, STOP)],
        19: [ControlEvent(0, START)],
        23: [ControlEvent(0, PANIC)],
        26: [ControlEvent(0, START)],
    }
    done, stretches = played(model, tmp_path, events)
    ends = [(frame // BLOCK, (frame + len(sound)) // BLOCK) for frame, sound in stretches]
    assert ends == [(0, 8), (8, 12), (12, 16), (19, 23), (26, 30)]
    assert all(np.isfinite(sound).all() and np.abs(sound).max() > 0 for _, sound in stretches)
    first = stretches[0][1]
    assert np.array_equal(first, done.wet.T[: len(first)]), "nothing has cut into it yet"


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_a_stretch_behind_a_cut_goes_on_from_the_same_codes_with_the_new_model(
    model: Playable, tiny_playable: Callable[..., Playable], tmp_path: Path
) -> None:
    other = tiny_playable(seed=1)
    swap = {20: [ControlEvent(0, MODEL_LOAD, (other.name, other.sha256))]}
    done = play_take(model, tmp_path, swap, blocks=50, recorded=None, others=[other])
    before, after = undisturbed(read_take(done.log), done.folder)
    assert (before[0], len(before[1]), after[0], len(after[1])) == (0, 20 * BLOCK, 20 * BLOCK, 30 * BLOCK)
    crossed = done.wet.T[20 * BLOCK :]
    settled = slice(10 * BLOCK, 30 * BLOCK)
    level = float(np.sqrt(np.mean(crossed[settled] ** 2)))
    assert np.sqrt(np.mean(after[1][settled] ** 2)) == pytest.approx(level, rel=0.5), "the same music"


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_a_stretch_has_the_values_and_the_codes_that_were_behind_it(model: Playable, tmp_path: Path) -> None:
    _, stretches = played(model, tmp_path, {20: [BYPASS]})
    until_then = Performance(model, 7)
    for _ in range(20):
        until_then.render_block()
    until_then.apply(BYPASS)
    values = until_then.params.snapshot()
    alone, fresh = (
        np.concatenate([one.render_block() for _ in range(10)], axis=1).T
        for one in (Performance(model, 7, values, memory=until_then.memory), Performance(model, 7, values))
    )
    assert np.array_equal(stretches[1][1], alone) and not np.array_equal(alone, fresh)
