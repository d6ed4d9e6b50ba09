"""The base of the screens: rooms at the top, one sentence and the keys at the bottom, in between what it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from distill_live.tui.widgets.frame import Keys, Message, Rooms
from distill_live.tui.wire import Snapshot

if TYPE_CHECKING:
    from distill_live.tui.app import DistillApp


class Room(Screen[None]):
    """A screen of the app. ``mode`` is its name among ``app.ROOMS``."""

    mode: ClassVar[str] = ""
    help_lines: ClassVar[tuple[tuple[str, str], ...]] = ()

    @property
    def instrument(self) -> DistillApp:
        """The app, as what it is."""
        from distill_live.tui.app import DistillApp

        assert isinstance(self.app, DistillApp)
        return self.app

    def compose(self) -> ComposeResult:
        yield Rooms(
            [(mode, room.__name__.removesuffix("Room")) for mode, room in self.instrument.ROOMS.items()], self.mode
        )
        with Container(id="body"):
            yield from self.compose_body()
        yield Message(id="message")
        yield Keys()

    def compose_body(self) -> ComposeResult:
        """What the screen is for."""
        yield from ()

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.hear(replace(self.instrument.heard, whole=True))

    def hear(self, snapshot: Snapshot) -> None:
        """News from the bridge, a dozen times a second while this screen is shown."""
        for rooms in self.query(Rooms):
            rooms.state = state_text(snapshot)
            rooms.set_class(snapshot.alive, "alive")
            rooms.set_class(snapshot.state.state == "recording", "recording")

    def say(self, sentence: str, warning: bool = False) -> None:
        """Show one sentence above the keys."""
        for line in self.query(Message):
            line.say(sentence, warning)

    def hint(self, sentence: str) -> None:
        """Show a hint, unless something that was said a moment ago is still there."""
        for line in self.query(Message):
            line.hint(sentence)

    def focus_next_of(self, widgets: list[Widget], step: int) -> None:
        """Move the focus by ``step`` within a list, round its ends."""
        if not widgets:
            return
        index = widgets.index(self.focused) if self.focused in widgets else -step
        self.set_focus(widgets[(index + step) % len(widgets)])  # at once: the next key may already wait


def state_text(snapshot: Snapshot) -> str:
    """The state of the sound in two or three words.

    >>> state_text(Snapshot(port=7480))
    '○ no sound on port 7480'
    """
    if not snapshot.alive:
        return f"○ no sound on port {snapshot.port}"
    if snapshot.state.state == "recording":
        return f"◉ REC  {snapshot.state.model}"
    mark = "●" if snapshot.state.state == "playing" else "○"
    return f"{mark} {snapshot.state.state}  {snapshot.state.model}"
