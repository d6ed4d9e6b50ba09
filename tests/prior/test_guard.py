"""The guard notices a stuck stream, leaves music alone, and is as pure as the stream it guards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distill_live.errors import CorpusError
from distill_live.prior.guard import Guard, GuardConfig, guard_config, guard_excerpt, longest_repetition

CONFIG = GuardConfig(longest_period=12, loop_columns=20, silence_columns=5)


def watch(columns: Any, loudness_db: Any = None, config: GuardConfig = CONFIG) -> list[str | None]:
    guard = Guard(config)
    state, alarms = guard.initial_state(), []
    for i, column in enumerate(columns):
        state, alarm = guard.update(state, column, None if loudness_db is None else loudness_db[i])
        alarms.append(alarm)
    return alarms


def random_columns(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 64, (count, 2, 3)).astype(np.int16)


@pytest.mark.parametrize("period", [1, 2, 5, 7, 12])
def test_a_loop_of_any_period_is_noticed_when_it_has_lasted(period: int) -> None:
    loop = np.tile(random_columns(period), (40, 1, 1))
    alarms = watch(np.concatenate([random_columns(30, seed=1), loop]))
    assert alarms.index("loop") == 30 + period + max(20, 3 * period) - 1


def test_music_that_does_not_repeat_is_left_alone() -> None:
    assert set(watch(random_columns(500))) == {None}


def test_a_short_repetition_is_music() -> None:
    twice = np.concatenate([random_columns(9), random_columns(9), random_columns(60, seed=2)])
    assert set(watch(twice)) == {None}


def test_a_stream_whose_coarsest_level_is_stuck_is_a_loop_though_finer_levels_tremble() -> None:
    loop = np.tile(random_columns(4), (10, 1, 1))
    loop[:, :, 1:] = random_columns(len(loop))[:, :, 1:]
    assert "loop" in set(watch(loop))


def test_one_coarse_code_that_differs_breaks_a_loop() -> None:
    loop = np.tile(random_columns(4), (10, 1, 1))
    loop[15:, 1, 0] += 1
    loop = loop[:34]
    assert set(watch(loop)) == {None}


def test_silence_is_noticed_after_so_many_columns_and_not_before() -> None:
    loud = np.full(40, -20.0)
    loud[10:14] = -80.0  # four columns: a rest
    loud[20:25] = -80.0
    alarms = watch(random_columns(40), loud)
    assert [i for i, a in enumerate(alarms) if a] == [24]
    assert alarms[24] == "silence"


def test_loudness_that_nobody_knows_is_not_silence() -> None:
    assert set(watch(random_columns(40))) == {None}


def test_the_guard_begins_anew_after_an_alarm() -> None:
    alarms = watch(np.tile(random_columns(1), (100, 1, 1)))
    assert [i for i, a in enumerate(alarms) if a] == [20, 41, 62, 83]


def test_a_kept_guard_state_is_a_rewind() -> None:
    guard = Guard(CONFIG)
    loop = np.tile(random_columns(3), (20, 1, 1))
    state = guard.initial_state()
    for column in loop[:10]:
        state, _ = guard.update(state, column)
    kept = state
    results = []
    for _ in range(2):
        state, alarms = kept, []
        for column in loop[10:]:
            state, alarm = guard.update(state, column)
            alarms.append(alarm)
        results.append(alarms)
    assert results[0] == results[1]
    assert "loop" in results[0]
    assert kept.recent is not None
    with pytest.raises(ValueError, match="read-only"):
        kept.recent[...] = 0


def test_material_that_repeats_itself_may_be_repeated() -> None:
    """A drone that holds a column for 20 s gets a guard that waits for 30."""
    held = np.tile(random_columns(1), (469, 1, 1))
    assert longest_repetition(held, 140) == 468
    assert guard_config(23.4375, [held]).loop_columns == 702
    assert guard_config(23.4375, [random_columns(469)]).loop_columns == 188


def test_an_excerpt_is_a_pure_function_of_seed_and_column() -> None:
    grids = [random_columns(50, seed=i) for i in range(3)]
    assert (guard_excerpt(grids, 7, 100, 12) == guard_excerpt(grids, 7, 100, 12)).all()
    different = {guard_excerpt(grids, 7, c, 12).tobytes() for c in range(40)}
    assert len(different) > 20


def test_an_excerpt_is_a_piece_of_a_training_grid() -> None:
    grids = [random_columns(50, seed=1), random_columns(5, seed=2)[:0], random_columns(4, seed=3)]
    places = {g[i : i + 12].tobytes() for g in grids for i in range(len(g))}
    lengths = set()
    for column in range(60):
        excerpt = guard_excerpt(grids, 1, column, 12)
        assert excerpt.tobytes() in places
        lengths.add(len(excerpt))
    assert lengths == {12, 4}


def test_an_excerpt_that_ends_in_silence_is_passed_over() -> None:
    grids = [random_columns(50, seed=1), random_columns(50, seed=2)]
    loudness = [np.full(50, -90.0, np.float32), np.full(50, -20.0, np.float32)]
    for column in range(30):
        excerpt = guard_excerpt(grids, 1, column, 12, loudness)
        assert any((grids[1][i : i + 12] == excerpt).all() for i in range(39))


def test_a_model_without_codes_says_so() -> None:
    with pytest.raises(CorpusError, match="no training codes"):
        guard_excerpt([], 1, 2, 3)
