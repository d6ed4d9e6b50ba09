"""One parameter under one hand: the base of sliders, choices, toggles and triggers, driven by its ``Param`` alone.

Left and right turn it, Shift coarse, Ctrl fine, Home the default, Enter takes a typed value. What is turned is posted
as ``Changed``; a value that comes from outside waits while a hand is on the control, so that the two do not fight.
The screen's thread only.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from distill_live.errors import DistillError
from distill_live.params import Param, Value

HAND_S: Final = 0.5  # a value from outside is ignored for so long after the last turn
WIDE: Final = 34  # cells from which a control has a track of its own beside its name


class ParamControl(Widget, can_focus=True):
    """A control for one settable parameter. ``label`` is what stands on it; ``value`` is always a legal value."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "control--name",
        "control--value",
        "control--fill",
        "control--bar",
        "control--track",
        "control--edit",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1, 'step')", "Turn", key_display="←→"),
        Binding("right", "turn(1, 'step')", show=False),
        Binding("shift+left", "turn(-1, 'coarse')", show=False),
        Binding("shift+right", "turn(1, 'coarse')", show=False),
        Binding("ctrl+left", "turn(-1, 'fine')", show=False),
        Binding("ctrl+right", "turn(1, 'fine')", show=False),
        Binding("home,backspace", "default", show=False),
        Binding("enter", "enter", show=False),
    ]

    value: reactive[Value] = reactive[Value](0.0)
    typed: reactive[str | None] = reactive[str | None](None)

    class Changed(Message):
        """A hand has turned it."""

        def __init__(self, control: ParamControl, value: Value) -> None:
            super().__init__()
            self.param_control = control
            self.param = control.param
            self.value = value

        @property
        def control(self) -> ParamControl:
            return self.param_control

    class Said(Message):
        """A sentence for the message line; ``hint``: one that may give way to others."""

        def __init__(self, text: str, hint: bool = False) -> None:
            super().__init__()
            self.text = text
            self.hint = hint

    def __init__(self, param: Param, label: str = "") -> None:
        super().__init__(id=control_id(param.id))
        self.param = param
        self.label = label or param.name
        self.tooltip = param.help
        self.set_reactive(ParamControl.value, param.default_value)
        self._turned_at = -HAND_S

    def hear(self, value: Value) -> None:
        """Take over a value from outside, unless a hand is on it."""
        if time.monotonic() - self._turned_at < HAND_S:
            return
        try:
            self.value = self.param.coerce(value).value
        except DistillError:  # a bridge of another version may know values that we do not
            return

    def turn_to(self, value: Value) -> None:
        """What a hand does: show the value and post it."""
        self._turned_at = time.monotonic()
        self.value = value
        self.post_message(self.Changed(self, value))

    def action_turn(self, direction: int, size: str) -> None:
        self.turn_to(self.turned(direction, size))

    def turned(self, direction: int, size: str) -> Value:
        """The value one ``size`` ("step", "coarse", "fine") further in ``direction``."""
        return nudged(self.param, self.value, direction, size)

    def action_default(self) -> None:
        self.turn_to(self.param.default_value)

    def action_enter(self) -> None:
        self.typed = ""

    def on_focus(self) -> None:
        self.post_message(self.Said(f"{self.param.range_text}: {self.param.help}", hint=True))

    def on_blur(self) -> None:
        self.typed = None

    def on_click(self) -> None:
        self.focus()

    def on_key(self, event: events.Key) -> None:
        """While a value is being typed every key belongs to it; a digit, a point or a minus begins one."""
        if self.typed is None:
            if event.character and event.character in "0123456789.-" and self.param.kind in ("float", "int"):
                self.typed = event.character
                event.stop()
                event.prevent_default()
            return
        event.stop()
        event.prevent_default()
        if event.key == "enter":
            self._take_typed(self.typed)
        elif event.key == "escape":
            self.typed = None
        elif event.key == "backspace":
            self.typed = self.typed[:-1]
        elif event.is_printable and event.character and len(self.typed) < 12:
            self.typed += event.character

    def _take_typed(self, text: str) -> None:
        self.typed = None
        if not text.strip():
            return
        try:
            coerced = self.param.coerce(text)
        except DistillError as error:
            self.post_message(self.Said(str(error)))
            return
        if coerced.clamped or self._was_cut(text):
            self.post_message(self.Said(f"{self.param.name} goes from {self.param.range_text}."))
        self.turn_to(coerced.value)

    def _was_cut(self, text: str) -> bool:
        """Whether a typed number lies outside (``Param.coerce`` clamps numbers given as text without saying so)."""
        try:
            number = float(text)
        except ValueError:
            return False
        return not self.param.low <= number <= self.param.high

    @property
    def shown_value(self) -> str:
        return f"{self.typed}▏" if self.typed is not None else self.param.format(self.value)

    def style_of(self, part: str) -> str:
        """The colours of one part, from the style sheet."""
        return str(self.get_component_rich_style(f"control--{part}", partial=True))

    def named(self, width: int, middle: Text) -> Text:
        """A line of ``width`` cells: the name, ``middle``, the value to the right."""
        value = self.shown_value
        name_cells = width - middle.cell_len - len(value) - 1
        name = self.label if len(self.label) <= name_cells else self.label[: max(name_cells - 1, 0)] + "…"
        line = Text(no_wrap=True, end="")
        line.append(f"{name:{max(name_cells, 0)}}", self.style_of("name"))
        line.append_text(middle)
        line.append(f" {value}", self.style_of("edit" if self.typed is not None else "value"))
        return line


def nudged(param: Param, value: Value, direction: int, size: str) -> Value:
    """The next value: 1/100 of the curve (coarse 1/10, fine 1/1000), at least one whole number, one label.

    A whole number on a straight scale goes by 1 (coarse 10): nobody steps through seeds by the million.

    >>> p = Param("t", "T", "g", low=0.0, high=2.0, help="x")
    >>> nudged(p, 1.0, 1, "coarse"), nudged(Param("s", "S", "g", "int", 0, 9999), 7, -1, "step")
    (1.2, 6)
    """
    if param.kind == "enum":
        index = param.labels.index(str(value)) + direction
        return param.labels[min(max(index, 0), len(param.labels) - 1)]
    if param.kind in ("bool", "trigger"):
        return direction > 0
    if param.kind == "int" and param.curve == "linear":
        return param.coerce(int(value) + direction * (10 if size == "coarse" else 1)).value
    share = {"step": 0.01, "coarse": 0.1, "fine": 0.001}[size]
    target = param.from_position(param.to_position(value) + direction * share)
    if param.kind == "int" and target == value:
        return param.coerce(int(value) + direction).value
    return float(f"{target:.6g}") if param.kind == "float" else target


def control_id(param_id: str) -> str:
    """The widget id of a parameter's control.

    >>> control_id("level.0.mute")
    'param-level-0-mute'
    """
    return "param-" + param_id.replace(".", "-")
