"""What every screen has around it: the rooms and the state of the sound above, the message line and the keys below."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Footer, Static

SAID_STAYS_S: Final = 4.0


class Rooms(Widget):
    """The names of the screens, the one shown marked, and on the right the state of the sound."""

    state: reactive[str] = reactive("")
    COMPONENT_CLASSES = {"rooms--title", "rooms--here", "rooms--other", "rooms--sound"}  # noqa: RUF012

    def __init__(self, names: Sequence[tuple[str, str]], here: str) -> None:
        super().__init__()
        self._names = tuple(names)
        self._here = here

    def render(self) -> Text:
        text = Text(no_wrap=True, end="")
        text.append(" distill live ", self._style("title"))
        for number, (mode, name) in enumerate(self._names, 1):
            text.append(" ")
            text.append(f" F{number} {name} ", self._style("here" if mode == self._here else "other"))
        text.append(" " * max(1, self.size.width - text.cell_len - len(self.state) - 1))
        text.append(self.state, self._style("sound"))
        return text

    def _style(self, part: str) -> str:
        return str(self.get_component_rich_style(f"rooms--{part}", partial=True))


class Message(Static):
    """One sentence at a time. A hint gives way to what was said in the last seconds."""

    _said_at = -SAID_STAYS_S

    def say(self, sentence: str, warning: bool = False) -> None:
        self._said_at = time.monotonic()
        self._show(sentence, warning)

    def hint(self, sentence: str) -> None:
        if time.monotonic() - self._said_at >= SAID_STAYS_S:
            self._show(sentence, False)

    def _show(self, sentence: str, warning: bool) -> None:
        self.set_class(warning, "warning")
        self.update(Text(sentence, no_wrap=True, overflow="ellipsis", end=""), layout=False)


class Keys(Footer):
    """The keys that work here, always visible."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)


class Button(Static, can_focus=True):
    """A word that can be pressed with Enter, Space or the mouse; it runs an action of its screen."""

    def __init__(self, label: str, action: str, button_id: str) -> None:
        super().__init__(label, id=button_id, classes="button")
        self._action = action

    async def on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "space"):
            event.stop()
            event.prevent_default()
            await self.run_action(self._action)

    async def on_click(self) -> None:
        await self.run_action(self._action)


class Buttons(Horizontal):
    """A row of them."""

    def __init__(self, *buttons: Button) -> None:
        super().__init__(classes="buttons")
        self._buttons = buttons

    def compose(self) -> ComposeResult:
        yield from self._buttons
