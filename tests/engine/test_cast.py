"""Every model a take needs is found by its hash, wherever it lies now, or named in one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.engine.cast import find_models, roles
from distill_live.engine.performance import MODEL_LOAD
from distill_live.engine.take import TakeStart, header
from distill_live.engine.takes import store_model
from distill_live.errors import TakeError
from distill_live.events import ControlEvent
from distill_live.models.library import factory_path, models_folder
from distill_live.models.playable import Playable, load_playable
from distill_live.takelog import ModelNote, Take

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def pair(tiny_playable: Callable[..., Playable]) -> tuple[Playable, Playable]:
    return tiny_playable(), tiny_playable(seed=1)


def crossing(pair: tuple[Playable, Playable], paths: tuple[str, str] = ("", "")) -> Take:
    first, second = pair
    events = tuple(ControlEvent(512, MODEL_LOAD, (m.name, m.sha256, False), "engine") for m in (second, first, second))
    notes = {second.sha256: ModelNote(second.name, paths[1])}
    return Take({**header(first, TakeStart()), "model_path": paths[0]}, events, frames=1024, models=notes)


def test_a_take_needs_the_model_it_begins_with_and_each_it_crosses_into_once(pair: tuple[Playable, Playable]) -> None:
    first, second = pair
    assert [role.name for role in roles(crossing(pair)).values()] == [first.name, second.name]
    assert list(roles(crossing(pair))) == [first.sha256, second.sha256]


def test_they_are_found_where_the_log_says_beside_it_in_the_library_and_where_somebody_says(
    pair: tuple[Playable, Playable], tmp_path: Path
) -> None:
    first, second = pair
    noted = crossing(pair, (str(first.path), str(second.path)))
    assert [path for _, path in find_models(noted, tmp_path)] == [first.path, second.path]
    lost = crossing(pair, ("/nowhere/a.distill", ""))
    models_folder().mkdir(parents=True)
    (models_folder() / "damaged.distill").write_bytes(b"x")
    shutil.copy(first.path, models_folder() / "another name.distill")
    (tmp_path / "take").mkdir()
    store_model(tmp_path / "take", second.sha256, second.path)
    found = [path for _, path in find_models(lost, tmp_path / "take")]
    assert [path.parent for path in found] == [models_folder(), tmp_path / "take"]
    assert [path for _, path in find_models(lost, tmp_path, [second.path])][1] == second.path


def test_a_file_that_has_changed_since_is_not_taken_for_the_model(
    pair: tuple[Playable, Playable], tmp_path: Path
) -> None:
    second = pair[1]
    with pytest.raises(TakeError, match="needs is neither in the library nor at"):
        find_models(crossing(pair, (str(second.path), str(second.path))), tmp_path)


@pytest.mark.parametrize("missing", [0, 1])
def test_the_one_that_is_missing_is_named(pair: tuple[Playable, Playable], tmp_path: Path, missing: int) -> None:
    there = pair[1 - missing]
    with pytest.raises(TakeError, match="give it with --model") as caught:
        find_models(crossing(pair), tmp_path, [there.path])
    assert pair[missing].sha256[:12] in str(caught.value) and pair[missing].name in str(caught.value)
    assert there.sha256[:12] not in str(caught.value)


def test_the_factory_model_is_found_in_the_package(tmp_path: Path) -> None:
    take = Take({**header(load_playable(factory_path()), TakeStart()), "model_path": "/gone.distill"}, (), frames=1)
    assert [path for _, path in find_models(take, tmp_path)] == [factory_path()]


def test_a_first_line_that_says_nothing_of_a_model_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TakeError, match="not in the library"):
        find_models(Take({"model": 7}, (), frames=1), tmp_path)
