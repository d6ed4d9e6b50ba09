"""The train screen against a real program that writes the events of a training, line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from textual.widgets import Input

from distill_live.tui.app import DistillApp
from distill_live.tui.learning import Learning
from distill_live.tui.widgets.curves import HealthTable
from tests.tui.conftest import screen_text, until

MakeApp = Callable[[int], DistillApp]


async def open_train(app: DistillApp, pilot, folder: Path, name: str) -> None:
    await pilot.press("f2")
    await pilot.pause(0.1)
    app.screen.query_one("#folder", Input).value = str(folder)
    app.screen.query_one("#name", Input).value = name


async def test_a_training_is_shown_while_it_runs_and_can_be_played(
    make_app: MakeApp, silent_port: int, tmp_path: Path
) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(app, pilot, tmp_path, "mine")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Structure" in screen_text(app))
        text = screen_text(app)
        assert "94 %" in text
        assert "45 %" in text
        await until(pilot, lambda: "Ctrl+P plays it" in screen_text(app))
        assert "skipped hum.wav: silent" in app.screen.learning.words[2]
        assert [level.name for level in app.screen.query_one(HealthTable).health] == ["Structure", "Timbre", "Detail"]
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "● playing  mine" in screen_text(app))


async def test_stop_interrupts_cleanly_and_says_how_to_resume(
    make_app: MakeApp, silent_port: int, tmp_path: Path
) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(app, pilot, tmp_path, "slow one")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.screen.learning.step > 3)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Ctrl+R resumes it" in screen_text(app))
        assert app.screen.learning.interrupted
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.screen.job is not None and app.screen.learning.step > 0)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen.job is None)


async def test_the_command_line_holds_what_the_form_says(make_app: MakeApp, silent_port: int, tmp_path: Path) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(app, pilot, tmp_path, "mine")
        app.screen.query_one("#budget", Input).value = "90s"
        app.screen.query_one("#param-train-levels").focus()
        await pilot.press("right")
        command = app.screen.plan().command(("distill-live",), resume=True)
    assert command == [
        *("distill-live", "train", str(tmp_path), "--out", "mine", "--budget", "90s", "--levels", "4"),
        *("--grid", "frames", "--seed", "0", "--resume", "--json"),
    ]


async def test_no_folder_or_one_that_is_not_there_is_one_sentence(
    make_app: MakeApp, silent_port: int, tmp_path: Path
) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2", "ctrl+t")
        await until(pilot, lambda: "no folder is chosen" in screen_text(app))
        assert app.screen.job is None
        await open_train(app, pilot, Path("/nowhere"), "mine")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "there is no folder /nowhere; check the path." in screen_text(app))


def test_events_of_the_future_and_nulls_do_not_disturb() -> None:
    seen = Learning()
    for line in (
        '{"type": "dream", "stage": "codec"}',
        '{"type": "progress", "stage": "codec", "epoch": 1, "step": 1, "loss": null, "held_out": null, "eta_s": null}',
        '{"type": "progress", "stage": "codec", "epoch": 1, "step": 2, "loss": 0.5, "elapsed_s": 3, "eta_s": 9}',
    ):
        seen.hear(json.loads(line))
    assert seen.share == 0.25
    assert seen.curves["codec"] == [(2.0, 0.5)]


def test_a_long_curve_keeps_its_first_and_last_point() -> None:
    seen = Learning()
    for step in range(1, 9001):
        seen.hear({"type": "progress", "stage": "prior", "epoch": 1, "step": step, "loss": 1.0})
    curve = seen.curves["prior"]
    assert len(curve) <= 2001
    assert (curve[0][0], curve[-1][0]) == (1.0, 9000.0)
