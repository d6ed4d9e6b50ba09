"""Groups of controls: a panel for some groups of the registry, and a strip for each level of the code stream.

What stands on them is read from the registry; a new parameter appears by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.reactive import reactive
from textual.widget import Widget

from distill_live.params import Param, Registry, Value
from distill_live.tui.widgets.control import ParamControl
from distill_live.tui.widgets.slider import Choice, Toggle, control_for

HERE = "here"
BARS = " ▁▂▃▄▅▆▇█"


class Lit(Widget):
    """A panel that is lit while one of its controls has the focus.

    Not by ``:focus-within``, and its class without the usual update: for both Textual styles every control of the panel
    anew, a tenth of a second on a slow machine, and a held arrow key ran on long after it was let go.
    """

    def on_descendant_focus(self) -> None:
        self._light(True)

    def on_descendant_blur(self) -> None:
        focused = self.screen.focused
        self._light(focused is not None and self in focused.ancestors)

    def _light(self, lit: bool) -> None:
        if lit != self.has_class(HERE):
            self.set_class(lit, HERE, update=False)
            self.app.stylesheet.apply(self)  # none of its children looks different
            self.refresh()


class ParamPanel(VerticalScroll, Lit, can_focus=False, inherit_bindings=False):
    """Controls one below the other. The arrow keys are the screen's: they move from control to control."""

    def __init__(self, title: str, params: Sequence[Param], panel_id: str) -> None:
        super().__init__(id=panel_id, classes="panel")
        self.border_title = title
        self.params = tuple(params)

    def compose(self) -> ComposeResult:
        for param in self.params:
            yield control_for(param)


class LevelStrip(Vertical, Lit):
    """One level: its sliders and choices, its switches in one row, and what the prior just did there."""

    def __init__(self, registry: Registry, level: int, name: str) -> None:
        super().__init__(id=f"strip-{level}", classes="panel strip")
        self.level = level
        self.border_title = name
        self.group = registry.group(f"level.{level}")

    def compose(self) -> ComposeResult:
        settable = [p for p in self.group if p.settable]
        for param in settable:
            if param.kind != "bool":
                yield control_for(param, self._label(param))
        with Horizontal(classes="switches"):
            for param in settable:
                if param.kind == "bool":
                    yield Toggle(param, self._label(param))
        self._readings = Readings([p for p in self.group if not p.settable], f"level.{self.level}.")
        yield self._readings

    def hear(self, values: Mapping[str, Value], show: bool = True) -> None:
        """Take the readouts' values in; ``show``: and draw them."""
        self._readings.hear(values, show)

    def name_slots(self, slots: Sequence[str]) -> None:
        """Write the names of the sounds beside the slots' numbers."""
        for choice in self.query(Choice):
            if choice.param.id.endswith(".swap"):
                choice.notes = {str(i): name for i, name in enumerate(slots, 1) if name}
                choice.refresh()

    def _label(self, param: Param) -> str:
        """The parameter's name without the level's: the strip already says it."""
        return param.name.removeprefix(f"Level {self.level} ").capitalize()


class Readings(Widget):
    """The readouts of a level in one line, and below, as far as there is room, how the last of them moved."""

    shown: reactive[str] = reactive("")

    def __init__(self, params: Sequence[Param], prefix: str) -> None:
        super().__init__()
        self.params = tuple(params)
        self._prefix = prefix
        self._trail: deque[float] = deque(maxlen=200)

    def hear(self, values: Mapping[str, Value], show: bool = True) -> None:
        parts = []
        for param in self.params:
            if param.id not in values or isinstance(values[param.id], str):
                return
            number = float(values[param.id])
            parts.append(f"{param.id.removeprefix(self._prefix)} {number:.4g}")
            self._trail.append((number - param.low) / (param.high - param.low))
        if show:
            self.shown = "  ".join(parts)

    def render(self) -> Text:
        width, height = self.size.width, self.size.height
        text = Text(self.shown[:width], no_wrap=True, end="")
        if height > 1 and self.params:
            text.append_text(self._history(width, height - 1))
        return text

    def _history(self, width: int, rows: int) -> Text:
        """The last readout's past as bars, ``rows`` high, full scale the largest seen."""
        last = list(self._trail)[len(self.params) - 1 :: len(self.params)][-width:]
        top = max([*last, 0.5])
        eighths = [round(8 * rows * value / top) for value in last]
        lines = ["".join(BARS[min(max(e - 8 * row, 0), 8)] for e in eighths) for row in reversed(range(rows))]
        return Text("\n" + "\n".join(lines), self.get_component_rich_style("readings--bars", partial=True), end="")

    COMPONENT_CLASSES = {"readings--bars"}  # noqa: RUF012


def main_groups(registry: Registry) -> list[str]:
    """The groups with something to turn that are not a level's, in the registry's order.

    >>> main_groups(Registry([Param("a", "A", "level.0"), Param("b", "B", "master"), Param("c", "C", "x", "readout")]))
    ['master']
    """
    groups = [p.group for p in registry.values() if p.settable and not p.group.startswith("level.")]
    return list(dict.fromkeys(groups))


def controls_by_id(root: Widget) -> dict[str, ParamControl]:
    """Every control below a widget, by its parameter's id."""
    return {control.param.id: control for control in root.query(ParamControl)}
