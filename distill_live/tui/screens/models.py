"""The library: which models there are, what they learned, a new name, and out with one."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Static

from distill_live.errors import DistillError
from distill_live.models.library import Listed, delete_model, list_models, models_folder, rename_model
from distill_live.tui.screens.dialogs import Ask, Pick
from distill_live.tui.screens.room import Room

LIGHTS = {"green": "green", "yellow": "yellow", "red": "red"}


class ModelsRoom(Room):
    """Models."""

    mode = "models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "play", "Play it"),
        Binding("n", "rename", "Rename"),
        Binding("d", "delete", "Delete"),
        Binding("u", "look", "Look again", show=False),
    ]
    help_lines = (
        ("↑ ↓", "choose a model"),
        ("Enter, p", "play it"),
        ("n", "give it another name"),
        ("d", "delete it (asks first)"),
        ("u", "look at the folder again"),
    )

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="library"):
            table: DataTable[str] = DataTable(cursor_type="row", id="models", classes="panel glow")
            table.border_title = "Library"
            yield table
            with VerticalScroll(id="info-panel", classes="panel glow", can_focus=False):
                yield Static(id="info")

    def on_mount(self) -> None:
        self.query_one("#info-panel").border_title = "About it"
        table = self._table
        table.add_columns("name", "levels", "grid")
        self._listed: dict[str, Listed] = {}
        table.focus()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.action_look()

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one("#models", DataTable)

    def action_look(self) -> None:
        """Read the library's folder again."""
        table = self._table
        row = table.cursor_row
        table.clear()
        try:
            self._listed = {line.name: line for line in list_models()}
        except DistillError as error:
            self._listed = {}
            self.say(str(error), warning=True)
        for line in self._listed.values():
            table.add_row(*_row(line), key=line.name)
        if self._listed:
            table.move_cursor(row=min(row, len(self._listed) - 1))
            return
        nothing = f"No models yet.\n\nF2 trains one from a folder of recordings; it will lie in\n{models_folder()}"
        self.query_one("#info", Static).update(nothing)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        line = self._listed.get(str(event.row_key.value))
        if line is not None:
            self.query_one("#info", Static).update(info_text(line))

    def on_data_table_row_selected(self) -> None:
        self.action_play()

    def _chosen(self) -> Listed | None:
        names = list(self._listed)
        row = self._table.cursor_row
        return self._listed[names[row]] if 0 <= row < len(names) else None

    def action_play(self) -> None:
        line = self._chosen()
        if line is None:
            return
        if line.problem:
            self.say(line.problem, warning=True)
            return
        self.instrument.play(line.name)
        self.app.switch_mode("play")

    def action_rename(self) -> None:
        line = self._chosen()
        if line is None:
            return

        def take(new_name: str | None) -> None:
            if new_name is not None and new_name != line.name:
                self._change(lambda: rename_model(line.name, new_name), f"{line.name} is called {new_name} now.")

        self.app.push_screen(Ask(f"What is {line.name} to be called?", line.name), take)

    def action_delete(self) -> None:
        line = self._chosen()
        if line is None:
            return

        def take(answer: str | None) -> None:
            if answer == "delete":
                self._change(lambda: delete_model(line.name), f"{line.name} is gone.")

        answers = [("keep", "Keep it"), ("delete", f"Delete {line.name} for good")]
        self.app.push_screen(Pick(f"Delete {line.name}?", answers), take)

    def _change(self, change: Any, done: str) -> None:
        try:
            change()
        except DistillError as error:
            self.say(str(error), warning=True)
            return
        self.say(done)
        self.action_look()


def _row(line: Listed) -> tuple[str, str, str]:
    if line.model is None:
        return line.name, "damaged", ""
    return line.name, str(line.model.codec.levels), _grid(line)


def _grid(line: Listed) -> str:
    grid = line.model.metadata["codec"].get("grid", "") if line.model else ""
    return str(grid.get("name", "")) if isinstance(grid, dict) else str(grid)


def info_text(line: Listed) -> Text:
    """Everything worth knowing about a model, or what is wrong with its file."""
    text = Text()
    text.append(f"{line.name}\n\n", "bold")
    if line.model is None:
        return text.append(line.problem, "red")
    metadata = line.model.metadata
    size_mb = line.path.stat().st_size / 1e6 if line.path.exists() else 0.0
    seconds = sum(grid.source_samples for grid in line.model.grids) / line.model.mel.sample_rate
    facts = {
        "levels": ", ".join(line.model.level_names),
        "grid": _grid(line),
        "codes": line.model.codec.codebook_size,
        "learned from": f"{len(line.model.grids)} recordings, {seconds:.0f} s",
        "prior": metadata["prior"].get("kind", ""),
        "created": metadata["created"],
        "size": f"{size_mb:.1f} MB",
        "hash": line.model.sha256[:12],
    }
    training = {
        str(k).replace("_", " "): v for k, v in metadata["training"].items() if isinstance(v, (str, int, float))
    }
    for name, value in {**facts, **training}.items():
        text.append(f"{name:>14}  ", "dim").append(f"{value}\n")
    for level in metadata["health"]:
        if isinstance(level, dict):
            text.append(f"{level.get('name', '?'):>14}  ", "dim")
            text.append(f"{level.get('word', '')}\n", LIGHTS.get(str(level.get("word")), ""))
    return text
