"""The app: its screens, the wire to the bridge, the sound it may have started, and how it is left.

It makes no sound and trains nothing itself: both are programs beside it that go on when it is gone (DESIGN.md, section
2). One event loop; the wire has a thread of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message as TextualMessage
from textual.screen import Screen
from textual.theme import Theme

from distill_live.engine.params import load_all
from distill_live.errors import DistillError
from distill_live.home import home
from distill_live.tui.names import FACTORY
from distill_live.tui.screens.dialogs import Help, Pick
from distill_live.tui.screens.models import ModelsRoom
from distill_live.tui.screens.play import PlayRoom
from distill_live.tui.screens.room import Room
from distill_live.tui.screens.train import TrainRoom
from distill_live.tui.sound import Sound
from distill_live.tui.wire import Snapshot, Wire

PROGRAM: Final = (sys.executable, "-m", "distill_live")
LOOK_S: Final = 0.25

THEME: Final = Theme(
    name="distill",
    primary="#e0a458",
    secondary="#7fb7be",
    accent="#f2c879",
    warning="#e9c46a",
    error="#e76f51",
    success="#8ab17d",
    foreground="#d9d4c7",
    background="#12151a",
    surface="#171b21",
    panel="#20262e",
    dark=True,
    variables={"footer-key-foreground": "#e0a458", "footer-background": "#171b21"},
)


class DistillApp(App[None]):
    """``distill-live`` alone."""

    TITLE = "distill live"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012  # typed by Textual as it is
    ROOMS: ClassVar[dict[str, type[Room]]] = {"play": PlayRoom, "train": TrainRoom, "models": ModelsRoom}
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = dict(ROOMS)
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(f"f{i}", f"switch_mode('{mode}')", show=False, priority=True) for i, mode in enumerate(ROOMS, 1)),
        Binding("question_mark", "show_help", "Help", key_display="?"),
        Binding("q", "leave", "Quit"),
        Binding("ctrl+q,ctrl+c", "leave", show=False, priority=True),
    ]

    class Heard(TextualMessage):
        """News from the wire's thread."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    def __init__(
        self, port: int = 7480, host: str = "127.0.0.1", program: Sequence[str] = PROGRAM, folder: Path | None = None
    ) -> None:
        """``program`` is what starts the sound and the training; ``folder`` is where they write what they say."""
        super().__init__()
        self.registry = load_all()
        self.program = tuple(program)
        self.folder = folder or home() / "run"
        self.sound = Sound(self.program, self.folder, port)
        self.heard = Snapshot(port=port)
        self.chosen: str | None = None
        self.wire = Wire(self.registry, self._deliver, port, host)

    def _deliver(self, snapshot: Snapshot) -> None:
        """Called in the wire's thread."""
        self.post_message(self.Heard(snapshot))

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.sound.find()
        self.switch_mode("play")
        self.wire.start()
        self.set_interval(LOOK_S, self._look_at_sound)

    def on_unmount(self) -> None:
        self.wire.stop()

    def on_distill_app_heard(self, event: Heard) -> None:
        self.heard = event.snapshot
        for screen in self.screen_stack:
            if isinstance(screen, Room) and screen.is_mounted and self.is_running:
                screen.hear(event.snapshot)

    def say(self, sentence: str, warning: bool = False) -> None:
        """Show a sentence on whichever screen is open."""
        for screen in self.screen_stack:
            if isinstance(screen, Room):
                screen.say(sentence, warning)

    # ------------------------------------------------------------------ the sound

    def play(self, model: str | None) -> None:
        """Play a model by its library name (None: the factory's); what sounds already crosses over into it."""
        self.chosen = model
        if self.heard.alive:
            self.wire.send("model/load", model or FACTORY)
            self.say(f"Crossing over into {model or 'the factory model'} ...")
            return
        try:
            self.sound.play(model)
        except DistillError as error:
            self.say(str(error), warning=True)
            return
        self.say(f"Starting {model or 'the factory model'} ...")

    def end_sound(self) -> None:
        """End the program that plays, when it is ours."""
        if not self.sound.ours:
            self.say("There is no sound that this app has started.")
            return
        self.sound.stop()
        self.say("The sound fades out and ends.")

    def _look_at_sound(self) -> None:
        try:
            news = self.sound.look()
        except DistillError as error:
            self.say(str(error), warning=True)
            return
        if news.port is not None:
            self.wire.connect(news.port)
        for sentence in news.sentences:
            self.say(sentence, warning=news.ended)

    # ------------------------------------------------------------------ help, leaving

    def action_show_help(self) -> None:
        room = self.screen
        if not isinstance(room, Room):
            return
        rooms = ", ".join(f"F{i} {name}" for i, name in enumerate(self.ROOMS, 1))
        everywhere = ((rooms, "the screens"), ("?", "this page"), ("q, Ctrl+Q", "leave; the sound may stay"))
        self.push_screen(Help(f"Keys: {room.mode}", (*room.help_lines, *everywhere)))

    def action_leave(self) -> None:
        """Leave; asks first when something goes on that the app has started."""
        if not self.sound.ours:
            self.exit()
            return
        answers = [("on", "Leave the sound on and close"), ("off", "End the sound and close"), ("stay", "Stay")]
        if not isinstance(self.screen, Pick):
            self.push_screen(Pick("The sound is still on.", answers), self._left)

    def _left(self, answer: str | None) -> None:
        if answer == "off":
            self.sound.stop()
        if answer in ("on", "off"):
            self.exit()


def run_app(port: int = 7480) -> None:
    """Open the terminal app; returns when it is closed."""
    DistillApp(port).run()
