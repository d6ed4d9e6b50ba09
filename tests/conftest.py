"""What every room's tests may use: tiny models that need no training, and a library of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

sys.path.insert(
    0, str(Path(__file__).parent.parent)
)  # so that `pytest` finds tests.fixtures as `python -m pytest` does

os.environ["DISTILL_HOME"] = str(Path(tempfile.gettempdir()) / f"distill-live-no-home-{os.getpid()}")
"""There is none: what the developer's own library holds (plugins, models) must not decide whether a test holds."""

settings.register_profile("no clock", deadline=None)  # how long an example takes says something of the machine alone
settings.load_profile("no clock")

if TYPE_CHECKING:
    from distill_live.models.playable import Playable


@pytest.fixture(scope="session")
def tiny_playable(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Playable]:
    """``tiny_playable(seed=0, levels=3, grid="frames")``: a small real model, loaded from a real file, made once."""
    from tests import fixtures  # loads torch, which most tests of other rooms do without

    folder, made = tmp_path_factory.mktemp("tiny"), {}

    def make(seed: int = 0, levels: int = 3, grid: str = "frames") -> Playable:
        key = (seed, levels, grid)
        if key not in made:
            made[key] = fixtures.tiny_playable(folder, seed, levels, grid)
        return made[key]

    return make


@pytest.fixture
def live_numbers() -> Iterator[None]:
    """Numbers as a process that plays has them, and as they were again afterwards."""
    from distill_live.engine.live_setup import flush_denormals, prepare_live

    prepare_live()
    yield
    flush_denormals(False)


@pytest.fixture(autouse=True)
def denormals_come_back() -> Iterator[None]:
    """Whatever a test has set for the live path, hypothesis needs subnormal numbers in the next."""
    yield
    from distill_live.engine.live_setup import flush_denormals

    flush_denormals(False)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``DISTILL_HOME``: the library of this test alone."""
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
