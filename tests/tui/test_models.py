"""The library's screen: what is listed, renamed, deleted after a question, and played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.tui.app import DistillApp
from tests.fixtures import tiny_model_file
from tests.tui.conftest import screen_text, until

MakeApp = Callable[[int], DistillApp]


@pytest.fixture
def library(own_home: Path) -> Path:
    """Two models, one of them damaged."""
    folder = own_home / "models"
    folder.mkdir(parents=True)
    tiny_model_file(folder / "bells.distill", levels=3)
    (folder / "wreck.distill").write_bytes(b"not a model")
    return folder


async def test_models_are_listed_with_what_they_are(make_app: MakeApp, silent_port: int, library: Path) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "Structure, Timbre, Detail" in screen_text(app))
        await pilot.press("down")
        await until(pilot, lambda: "damaged" in screen_text(app))


async def test_rename_refuses_what_is_no_name_and_delete_asks_twice(
    make_app: MakeApp, silent_port: int, library: Path
) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "Timbre" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "to be called?" in screen_text(app))
        await pilot.press("end", "slash", "enter")
        await until(pilot, lambda: "cannot be a name" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "to be called?" in screen_text(app))
        await pilot.press("end", "2", "enter")
        await until(pilot, lambda: (library / "bells2.distill").exists())
        await pilot.press("d", "enter")  # the first answer keeps it
        await pilot.pause(0.2)
        assert (library / "bells2.distill").exists()
        await pilot.press("d", "down", "enter")
        await until(pilot, lambda: not (library / "bells2.distill").exists())


async def test_enter_plays_the_model(make_app: MakeApp, silent_port: int, library: Path) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "Timbre" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "● playing  bells" in screen_text(app))
