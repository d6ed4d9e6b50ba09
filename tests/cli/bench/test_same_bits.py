"""The search for what is not the very sound that was rendered: every planted fault is found, to the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distill_live.cli.bench.same_bits import Gap, Run, find_runs, gaps_between, place_of

SECOND = 48000


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Stereo frames ``[T, 2]`` of a mono sound, as the instrument makes them, with half a second of silence."""
    rng = np.random.default_rng(seed)
    sound = (0.1 * rng.standard_normal(round(seconds * SECOND))).astype(np.float32)
    middle = len(sound) // 2
    sound[middle : middle + SECOND // 2] = 0.0
    return np.repeat(sound[:, None], 2, axis=1)


RENDERED = music(8.0)


@pytest.mark.parametrize("frames", [1, 7, 256, 4096, 3 * SECOND])
@pytest.mark.parametrize("at", [1000, 70_001, 5 * SECOND + 13])
def test_samples_that_were_recorded_otherwise_are_one_gap_of_their_length(at: int, frames: int) -> None:
    stop = min(at + frames, len(RENDERED) - 1000)
    recorded = RENDERED.copy()
    recorded[at:stop] = 0.5
    (gap,) = gaps_between(find_runs(RENDERED, recorded), recorded)
    assert (gap.rendered, gap.lost, gap.recorded, gap.strange) == (at, stop - at, at, stop - at)


@pytest.mark.parametrize("frames", [1, 256, 10_000])
def test_samples_that_are_missing_are_found_where_they_are_missing(frames: int) -> None:
    recorded = np.concatenate([RENDERED[:90_000], RENDERED[90_000 + frames :]])
    assert gaps_between(find_runs(RENDERED, recorded), recorded) == [Gap(90_000, frames, 90_000, 0, 1)]


@pytest.mark.parametrize("frames", [1, 256, 10_000])
def test_samples_that_came_in_between_are_found_silent_or_not(frames: int) -> None:
    for strange in (np.zeros((frames, 2), np.float32), np.full((frames, 2), 0.25, np.float32)):
        recorded = np.concatenate([RENDERED[:90_000], strange, RENDERED[90_000:]])
        assert gaps_between(find_runs(RENDERED, recorded), recorded) == [Gap(90_000, 0, 90_000, frames, 1)]


def test_a_period_that_was_heard_twice_is_a_gap() -> None:
    recorded = np.concatenate([RENDERED[:51_200], RENDERED[50_944:]])
    (gap,) = gaps_between(find_runs(RENDERED, recorded), recorded)
    assert (gap.lost, gap.strange) == (0, 256)


def test_a_gap_within_silence_has_room_for_all_of_it() -> None:
    silent_from = len(RENDERED) // 2
    recorded = np.insert(RENDERED, silent_from + 10_000, np.zeros((256, 1), np.float32), axis=0)
    (gap,) = gaps_between(find_runs(RENDERED, recorded), recorded)
    assert gap.strange == 256 and gap.silent_before == SECOND // 2


def test_an_underrun_as_the_player_makes_it_is_one_gap_and_what_follows_agrees_again() -> None:
    fall, rise = np.linspace(1, 0, 240)[:, None], np.linspace(0, 1, 960)[:, None]
    dry = np.concatenate([RENDERED[99_999] * fall, np.zeros((500, 2)), RENDERED[100_000:100_960] * rise])
    recorded = np.concatenate([RENDERED[:100_000], dry.astype(np.float32), RENDERED[100_960:]])
    (gap,) = gaps_between(find_runs(RENDERED, recorded), recorded)
    assert gap == Gap(100_000, 959, 100_000, 240 + 500 + 959, 1), "the last sample of the rise is whole again"


def test_a_recording_that_began_early_faded_in_and_ended_early_is_one_run() -> None:
    recorded = np.concatenate([np.zeros((12_345, 2), np.float32), RENDERED[:300_000]])
    recorded[12_345:13_305] *= np.linspace(0, 0.999, 960, dtype=np.float32)[:, None]
    assert find_runs(RENDERED, recorded) == [Run(960, 13_305, 299_040)]


def test_another_sound_agrees_nowhere_and_nothing_has_no_runs() -> None:
    assert find_runs(RENDERED, music(3.0, seed=1)) == []
    assert find_runs(RENDERED[:0], RENDERED[:0]) == find_runs(RENDERED, RENDERED * 0.0) == []


def test_one_bit_of_one_channel_is_enough() -> None:
    recorded = RENDERED.copy()
    recorded.view(np.uint32)[60_000, 1] ^= 1
    assert gaps_between(find_runs(RENDERED, recorded), recorded) == [Gap(60_000, 1, 60_000, 1, 1)]


def heard(sound: np.ndarray) -> int:
    """Frames that are not silent."""
    return int(np.count_nonzero(sound.any(axis=1)))


@settings(max_examples=40, deadline=None)
@example([(2000, 1, "a"), (2000, 1, "a"), (58960, 3000, "a"), (60000, 3000, "a"), (60000, 2953, "a"), (2000, 1, "a")])
@given(st.lists(st.tuples(st.integers(2000, 60_000), st.integers(1, 3000), st.sampled_from("alc")), max_size=6))
def test_whatever_is_planted_runs_hold_only_what_agrees_and_all_that_does(faults: list[tuple[int, int, str]]) -> None:
    pieces, at, good = [], 0, 0
    for distance, frames, kind in faults:
        if at + distance + frames + 2000 > len(RENDERED):
            break
        pieces.append(RENDERED[at : at + distance])
        good += heard(pieces[-1])
        at += distance + (frames if kind in "al" else 0)
        if kind in "ac":
            pieces.append(np.full((frames, 2), 0.75, np.float32))
    recorded = np.concatenate([*pieces, RENDERED[at:]])
    good += heard(RENDERED[at:])
    runs = find_runs(RENDERED, recorded)
    found = 0
    for run in runs:
        ours = recorded[run.recorded : run.recorded + run.frames]
        assert np.array_equal(ours, RENDERED[run.rendered : run.rendered + run.frames])
        found += heard(ours)
    assert found >= good - 128 * len(faults), "silence says nothing of where it belongs"


def test_a_place_is_known_only_where_all_around_it_agrees() -> None:
    runs = [Run(0, 100, 1000), Run(1200, 1400, 1000)]
    assert place_of(runs, 600, 480, 390) == 700
    assert place_of(runs, 600, 480, 400) is None, "the run ends"
    assert place_of(runs, 1100, 10, 10) is None, "lost"
    assert place_of(runs, 1700, 480, 480) == 1900
