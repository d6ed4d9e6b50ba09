"""An app under test: its library and its run folder are its own, its instrument is real down to the engine."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from distill_live.tui.app import DistillApp
from tests.tui.instrument import Instrument

PROGRAM = (sys.executable, str(Path(__file__).parent / "distill_program.py"))
PATIENCE_S = 20.0


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    """An instrument that plays ``bells`` with three levels."""
    made = Instrument()
    yield made
    made.close()


@pytest.fixture
def silent_port() -> int:
    """A UDP port on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def make_app(own_home: Path, tmp_path: Path) -> Iterator[Callable[[int], DistillApp]]:
    """``make_app(port)``: an app whose programs are stand-ins; they are ended when the test is over."""
    made: list[DistillApp] = []

    def make(port: int) -> DistillApp:
        made.append(DistillApp(port, program=PROGRAM, folder=tmp_path / "run"))
        return made[-1]

    yield make
    for app in made:
        if app.sound.ours:
            app.sound.stop()


async def until(pilot: Pilot[None], what: Callable[[], object]) -> None:
    """Wait until something is so; the reason why it is not is in the assertion's line."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline_s, "it never became so"
        await pilot.pause(0.03)


def screen_text(app: DistillApp) -> str:
    """What is to be read on the screen, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line)[:width] for line in lines[:height])
