"""The sibling is a model like any other: it loads, it is another one, and it plays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distill_live.cli.bench.sibling import NAMES, SHRUNK, sibling, stock_library
from distill_live.engine.performance import Performance
from distill_live.engine.replay import render_offline
from distill_live.models.file import read_model
from distill_live.models.library import list_models
from distill_live.models.playable import Playable, load_playable


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def test_a_sibling_loads_with_the_same_shape_and_a_hash_of_its_own(model: Playable, tmp_path: Path) -> None:
    told = sibling(Path(model.path), tmp_path / "sibling.distill")
    other = load_playable(tmp_path / "sibling.distill")
    assert other.sha256 == told != model.sha256
    assert (other.levels, other.rows, other.level_names) == (model.levels, model.rows, model.level_names)
    assert [name for name, _ in other.sounds] == [name for name, _ in model.sounds]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(other.sounds, model.sounds, strict=True))


def test_only_its_code_vectors_are_smaller(model: Playable, tmp_path: Path) -> None:
    sibling(Path(model.path), tmp_path / "sibling.distill")
    ours, theirs = read_model(Path(model.path)).tensors, read_model(tmp_path / "sibling.distill").tensors
    assert set(ours) == set(theirs)
    assert [name for name in ours if not np.array_equal(ours[name], theirs[name])] == ["codebooks"]
    np.testing.assert_allclose(theirs["codebooks"], SHRUNK * ours["codebooks"], rtol=1e-6)


def test_the_same_model_has_the_same_sibling(model: Playable, tmp_path: Path) -> None:
    hashes = [sibling(Path(model.path), tmp_path / f"{n}.distill") for n in range(2)]
    assert hashes[0] == hashes[1]


@pytest.mark.usefixtures("live_numbers")
def test_it_sings_the_same_codes_with_another_voice(model: Playable, tmp_path: Path) -> None:
    sibling(Path(model.path), tmp_path / "sibling.distill")
    ours, theirs = (
        render_offline(Performance(one, 7), 0.5) for one in (model, load_playable(tmp_path / "sibling.distill"))
    )
    assert not np.array_equal(ours, theirs) and np.isfinite(theirs).all() and np.abs(theirs).max() > 1e-3


def test_both_are_in_the_library(model: Playable, own_home: Path) -> None:
    own, other = stock_library(Path(model.path))
    assert read_model(own).sha256 == model.sha256 != read_model(other).sha256
    assert {own.stem, other.stem} == set(NAMES) <= {listed.name for listed in list_models()}
