"""The loss curve of a training, and how each level's codebook is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget
from textual_plotext import PlotextPlot

from distill_live.tui.learning import Health

LEARNED_RGB: Final = (224, 164, 88)
JUDGED_RGB: Final = (127, 183, 190)
TEXT_RGB: Final = (140, 140, 135)

Points = Sequence[tuple[float, float]]


class LossCurve(PlotextPlot):
    """Loss of the training steps and, on its own axis, of held-out sound, over steps."""

    def on_mount(self) -> None:
        self.auto_theme = False

    def draw(self, learned: Points, judged: Points, unit: str) -> None:
        """Show these points instead of the last ones."""
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.canvas_color("default")
        plot.axes_color("default")
        plot.ticks_color(TEXT_RGB)
        plot.frame(False)
        if learned and all(value > 0.0 for _, value in learned):
            plot.yscale("log", "left")
        if learned:
            plot.plot([x for x, _ in learned], [y for _, y in learned], color=LEARNED_RGB, marker="braille")
        if judged:
            plot.plot([x for x, _ in judged], [y for _, y in judged], color=JUDGED_RGB, marker="braille", yside="right")
        self.border_subtitle = f"held out: {judged[-1][1]:.3g} {unit}, right".rstrip() if judged else ""
        self.refresh()


class HealthTable(Widget):
    """A line for each level: share of codes in use, perplexity, dead codes, each in its colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"health--green", "health--yellow", "health--red", "health--head"}

    health: reactive[tuple[Health, ...]] = reactive(())

    def render(self) -> Text:
        text = Text(no_wrap=True, end="")
        text.append(f"{'level':10}{'codes used':12}{'perplexity':>11}{'dead':>5}", self._style("head"))
        for level in self.health:
            text.append(f"\n{level.name[:9]:10}")
            text.append(self._used(level), self._style(level.utilisation_word))
            text.append(f"{level.perplexity:11.1f}", self._style(level.perplexity_word))
            text.append(f"{level.dead_codes:5d}", self._style(level.dead_codes_word))
        return text

    def _used(self, level: Health) -> str:
        cells = 6
        filled = round(level.utilisation_percent / 100.0 * cells)
        return f"{'■' * filled}{'·' * (cells - filled)}{level.utilisation_percent:4.0f} %"

    def _style(self, word: str) -> str:
        known = word if word in ("green", "yellow", "red") else "head"
        return str(self.get_component_rich_style(f"health--{known}", partial=True))
