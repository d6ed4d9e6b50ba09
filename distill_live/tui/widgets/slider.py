"""The controls a parameter can have, by its kind: a slider, a choice of labels, a toggle, a trigger.

Wide controls draw a track between name and value; narrow ones (level strips) are filled behind their text. Either way
the fill is the value's place on the parameter's own curve.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size

from distill_live.params import Param
from distill_live.tui.widgets.control import WIDE, ParamControl

NAME_CELLS = 15
VALUE_CELLS = 8


class Slider(ParamControl):
    """A float or a whole number."""

    @property
    def position(self) -> float:
        """Where the value lies, 0..1 of the curve."""
        return self.param.to_position(self.value)

    def render(self) -> Text:
        width = self.size.width
        return self._wide(width) if width >= WIDE else self._narrow(width)

    def _wide(self, width: int) -> Text:
        shown = f" {self.shown_value:>{VALUE_CELLS}}"
        cells = width - NAME_CELLS - len(shown)
        filled = round(self.position * (cells - 1))
        line = Text(no_wrap=True, end="")
        line.append(f"{self.label[: NAME_CELLS - 1]:{NAME_CELLS}}", self.style_of("name"))
        line.append("━" * filled, self.style_of("fill"))
        line.append("●" if self.has_focus else "┃", self.style_of("fill"))
        line.append("─" * (cells - 1 - filled), self.style_of("track"))
        value = self.style_of("edit" if self.typed is not None else "value")
        line.append(shown, value)
        return line

    def _narrow(self, width: int) -> Text:
        line = self.named(width, Text(""))
        filled = round(self.position * width)
        line.stylize(self.style_of("bar"), 0, filled)
        return line


class Choice(ParamControl):
    """One of several labels. ``notes`` says more about a label (the sound in a slot)."""

    def __init__(self, param: Param, label: str = "") -> None:
        super().__init__(param, label)
        self.notes: dict[str, str] = {}

    @property
    def shown_value(self) -> str:
        if self.typed is not None:
            return f"{self.typed}▏"
        note = self.notes.get(str(self.value), "")
        return f"‹ {self.value} {note} ›" if note else f"‹ {self.value} ›"

    def render(self) -> Text:
        width = self.size.width
        if width >= WIDE:
            line = Text(f"{self.label[: NAME_CELLS - 1]:{NAME_CELLS}}", self.style_of("name"), no_wrap=True, end="")
            return line.append(self.shown_value, self.style_of("edit" if self.typed is not None else "value"))
        line = self.named(width, Text(""))
        line.truncate(width, overflow="ellipsis")
        return line


class Toggle(ParamControl):
    """On or off."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "switch", "Switch", key_display="⏎")]

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """Its mark and its name."""
        del container, viewport
        return len(self.label) + 2

    def render(self) -> Text:
        mark, style = ("■", self.style_of("fill")) if self.value else ("□", self.style_of("track"))
        width = self.size.width
        text = Text(no_wrap=True, end="")
        if width >= WIDE:
            text.append(f"{self.label[: NAME_CELLS - 1]:{NAME_CELLS}}", self.style_of("name"))
            text.append(f"{mark} {self.param.format(self.value)}", style)
            return text
        text.append(f"{mark} ", style)
        text.append(self.label[: max(width - 2, 0)], style if self.value else self.style_of("name"))
        return text

    def action_switch(self) -> None:
        self.turn_to(not self.value)


class Trigger(ParamControl):
    """A button that fires."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "fire", "Fire", key_display="⏎")]

    def render(self) -> Text:
        return Text(f"▶ {self.label}", self.style_of("name"), no_wrap=True, end="")

    def action_turn(self, direction: int, size: str) -> None:
        """Nothing: a trigger is fired, not turned."""
        del direction, size

    def action_fire(self) -> None:
        self.turn_to(True)


def control_for(param: Param, label: str = "") -> ParamControl:
    """The control that suits a settable parameter's kind."""
    kinds: dict[str, type[ParamControl]] = {"enum": Choice, "bool": Toggle, "trigger": Trigger}
    return kinds.get(param.kind, Slider)(param, label)
