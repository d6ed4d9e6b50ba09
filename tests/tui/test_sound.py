"""The sound as a program beside the app: started, left on, found again, changed, ended."""

from __future__ import annotations

from collections.abc import Callable

from distill_live.tui.app import DistillApp
from tests.fixtures import tiny_model_file
from tests.tui.conftest import screen_text, until

MakeApp = Callable[[int], DistillApp]


async def test_s_starts_the_sound_which_outlives_the_app_and_is_found_again(
    make_app: MakeApp, silent_port: int
) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: "● playing  factory" in screen_text(app))
        await pilot.press("q")
        await until(pilot, lambda: "The sound is still on." in screen_text(app))
        await pilot.press("enter")  # leave it on
        await pilot.pause(0.2)
    assert app.sound.ours
    later = make_app(silent_port)
    async with later.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● playing  factory" in screen_text(later))
        assert later.sound.ours
        await pilot.press("e")
        await until(pilot, lambda: "no sound on port" in screen_text(later))
    assert not later.sound.ours


async def test_quitting_can_end_the_sound(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: "● playing" in screen_text(app))
        await pilot.press("q")
        await until(pilot, lambda: "The sound is still on." in screen_text(app))
        await pilot.press("down", "enter")
        await pilot.pause(0.1)
    assert app.sound.job is not None
    assert app.sound.job.child is not None
    assert app.sound.job.child.wait(10) == 0


async def test_another_model_is_picked_by_name_and_the_sound_crosses_over_into_it(
    make_app: MakeApp, silent_port: int, own_home
) -> None:
    (own_home / "models").mkdir(parents=True)
    tiny_model_file(own_home / "models" / "night drones.distill")
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: "● playing  factory" in screen_text(app))
        await pilot.press("m")
        await until(pilot, lambda: "Play which model?" in screen_text(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: "● playing  night drones" in screen_text(app))


async def test_a_model_that_cannot_be_played_is_one_sentence(make_app: MakeApp, silent_port: int) -> None:
    app = make_app(silent_port)
    async with app.run_test(size=(80, 24)) as pilot:
        app.play("broken")
        await until(pilot, lambda: "broken.distill is damaged; restore it from a copy." in screen_text(app))
        assert not app.sound.ours


async def test_a_sound_that_somebody_else_plays_is_asked_for_another_model_and_not_taken_away(
    make_app: MakeApp, instrument
) -> None:
    app = make_app(instrument.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.heard.alive)
        app.play("other")
        await until(pilot, lambda: instrument.last("/distill/model/load") == ["other"])
        assert app.sound.job is None
        await pilot.press("q")
        await pilot.pause(0.1)
    assert app.return_code == 0
