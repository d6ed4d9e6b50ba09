"""The screen to learn on: pick a folder, say how long, watch it learn, play it.

The training is a program of its own; this screen reads the file it writes. Closing the app leaves it learning, and the
next app finds it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DirectoryTree, Input, Label, ProgressBar, Static

from distill_live.codec.config import DEFAULT_GRID, GRIDS
from distill_live.errors import DistillError
from distill_live.params import Param
from distill_live.tui.jobs import Job, find_job, start_job
from distill_live.tui.learning import Learning, Plan, span
from distill_live.tui.screens.room import Room
from distill_live.tui.widgets.control import ParamControl
from distill_live.tui.widgets.curves import HealthTable, LossCurve
from distill_live.tui.widgets.frame import Button, Buttons
from distill_live.tui.widgets.slider import control_for

LOOK_S: Final = 0.2
GRID_NAMES: Final = tuple(GRIDS)
OPTIONS: Final = (
    Param("train.levels", "Levels", "train", "enum", labels=("2", "3", "4"), default=1, help="Levels of codes."),
    Param(
        "train.grid",
        "Grid",
        "train",
        "enum",
        labels=GRID_NAMES,
        default=GRID_NAMES.index(DEFAULT_GRID),
        help="How codes lie in time and pitch: frames is the quickest to play.",
    ),
    Param("train.seed", "Seed", "train", "int", 0, 2**31 - 1, help="Another seed is another model."),
)


class FolderTree(DirectoryTree):
    """Folders only: a corpus is a folder."""

    def filter_paths(self, paths: object) -> list[Path]:
        return [p for p in paths if p.is_dir() and not p.name.startswith(".")]  # type: ignore[attr-defined]


class TrainRoom(Room):
    """Train."""

    mode = "train"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "start", "Train"),
        Binding("ctrl+s", "stop", "Stop"),
        Binding("ctrl+r", "resume", "Resume", show=False),
        Binding("ctrl+p", "play", "Play it"),
        Binding("escape", "leave_input", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    help_lines = (
        ("↑ ↓   Enter", "choose a folder in the tree; or write its path above it"),
        ("Tab", "next field;  ← → change levels, grid and seed"),
        ("Ctrl+T", "begin to train"),
        ("Ctrl+S", "stop: everything learned so far is saved and can be resumed"),
        ("Ctrl+R", "resume what was stopped"),
        ("Ctrl+P", "play what was trained"),
    )

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="train"):
            with Vertical(id="form", classes="panel glow"):
                yield Field("Folder", Input(placeholder="a folder of recordings", id="folder", compact=True))
                yield FolderTree(Path.home(), id="tree")
                yield Field("Name", Input(placeholder="what to call it", id="name", compact=True))
                yield Field("Budget", Input("5m", id="budget", compact=True))
                for option in OPTIONS:
                    yield control_for(option)
                yield Buttons(
                    Button("Train", "screen.start", "start"),
                    Button("Stop", "screen.stop", "stop"),
                    Button("Resume", "screen.resume", "resume"),
                    Button("Play it", "screen.play", "play"),
                )
            with Vertical(id="watch"):
                with Vertical(id="where"):
                    yield Static(id="stage")
                    yield ProgressBar(total=1000, show_eta=False, id="progress")
                yield LossCurve(id="curve", classes="panel glow")
                yield HealthTable(id="health", classes="panel glow")
                with VerticalScroll(id="report", classes="panel glow"):
                    yield Static(id="words")

    def on_mount(self) -> None:
        titles = {"form": "Learn from", "curve": "Loss", "health": "Levels", "report": "Report"}
        for widget_id, title in titles.items():
            self.query_one(f"#{widget_id}").border_title = title
        self.learning = Learning()
        self.job: Job | None = find_job(self._log)
        self._name = ""
        self._words_shown = -1
        self.query_one("#folder").focus()
        self.set_interval(LOOK_S, self.look)
        self._show()

    # ------------------------------------------------------------------ what hands do

    def on_directory_tree_directory_selected(self, event: DirectoryTree.DirectorySelected) -> None:
        self.query_one("#folder", Input).value = str(event.path)
        name = self.query_one("#name", Input)
        if not name.value:
            name.value = event.path.name

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._look_into(event.input)
        self.focus_next()

    def on_input_blurred(self, event: Input.Blurred) -> None:
        self._look_into(event.input)

    def _look_into(self, entry: Input) -> None:
        """A folder that was written is where the tree begins, and names the model when nothing else does."""
        folder = Path(entry.value).expanduser()
        if entry.id == "folder" and entry.value.strip() and folder.is_dir():
            self.query_one(FolderTree).path = folder
            name = self.query_one("#name", Input)
            name.value = name.value or folder.resolve().name

    def on_param_control_said(self, event: ParamControl.Said) -> None:
        (self.hint if event.hint else self.say)(event.text)

    def action_leave_input(self) -> None:
        self.set_focus(self.query_one("#start"))

    def action_start(self) -> None:
        self._start(resume=False)

    def action_resume(self) -> None:
        self._start(resume=True)

    def action_stop(self) -> None:
        if self.job is None or not self.job.alive():
            self.say("Nothing is training.")
            return
        self.job.interrupt()
        self.say("Stopping after this step; what was learned is saved, Ctrl+R goes on with it.")

    def action_play(self) -> None:
        if self.job is not None and self.job.alive():
            self.say("It is still learning; Ctrl+S stops it.")
        elif not self._name:
            self.say("Nothing was trained yet.")
        else:
            self.instrument.play(self._name)
            self.app.switch_mode("play")

    def _start(self, resume: bool) -> None:
        if self.job is not None and self.job.alive():
            self.say("A training is running; Ctrl+S stops it.", warning=True)
            return
        try:
            plan = self.plan()
            self.job = start_job(plan.command(self.instrument.program, resume), self._log)
        except DistillError as error:
            self.say(str(error), warning=True)
            return
        self._name = plan.name
        self.learning = Learning()
        self.say(f"Training {plan.name} on {plan.folder}.")
        self._show()

    def plan(self) -> Plan:
        """What the form asks for.

        Raises:
            UsageError: when something is missing.
        """
        values = {control.param.id: control.value for control in self.query(ParamControl)}
        folder = self.query_one("#folder", Input).value.strip()
        name = self.query_one("#name", Input).value.strip() or (Path(folder).name if folder else "")
        budget = self.query_one("#budget", Input).value.strip()
        seed = values["train.seed"]
        return Plan(
            str(Path(folder).expanduser()) if folder else "",
            name,
            budget,
            str(values["train.levels"]),
            str(values["train.grid"]),
            int(seed),
        )

    # ------------------------------------------------------------------ what is seen

    def look(self) -> None:
        """Read what the training has said."""
        if self.job is None:
            return
        alive = self.job.alive()  # before the lines are read: the last ones are not missed
        for record in self.job.lines():
            self.learning.hear(record)
        if not alive:
            self._ended(self.job)
            self.job = None
        self._show()

    def _ended(self, job: Job) -> None:
        done = self.learning.done
        if done is None:
            self.say(job.last_words() or f"The training ended (exit code {job.exit_code}).", warning=True)
        elif self.learning.interrupted:
            self.say("Stopped. Ctrl+R resumes it where it was.")
        else:
            self._name = Path(str(done.get("path", self._name))).stem
            self.say(f"{self._name} is ready: Ctrl+P plays it.")

    @property
    def _log(self) -> Path:
        return self.instrument.folder / "train.jsonl"

    def _show(self) -> None:
        seen = self.learning
        running = self.job is not None
        self.set_class(running, "learning")
        self.set_class(seen.interrupted and not running, "stopped")
        self.set_class(seen.done is not None and not running, "learned")
        self.query_one("#stage", Static).update(_stage_text(seen, running))
        bar = self.query_one("#progress", ProgressBar)
        share = seen.share
        bar.update(total=1000 if share is not None or not running else None, progress=1000 * (share or 0.0))
        self.query_one(LossCurve).draw(seen.curves[seen.stage], seen.judged[seen.stage], seen.unit)
        self.query_one(HealthTable).health = seen.health
        if len(seen.words) != self._words_shown:
            self._words_shown = len(seen.words)
            self.query_one("#words", Static).update(_report(seen.words))
            self.query_one("#report", VerticalScroll).scroll_end(animate=False)


class Field(Horizontal):
    """A name and what is written beside it."""

    def __init__(self, name: str, entry: Input) -> None:
        super().__init__(classes="field")
        self._label = name
        self._entry = entry

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield self._entry


def _stage_text(seen: Learning, running: bool) -> Text:
    if not running and seen.done is None:
        return Text("Choose a folder, then Ctrl+T.", no_wrap=True, end="")
    text = Text(seen.title, "bold", no_wrap=True, overflow="ellipsis", end="")
    if seen.loss is not None:
        text.append(f"  loss {seen.loss:.3g}", "not bold")
    steps = f"epoch {seen.epoch}  step {seen.step}  " if seen.step else ""
    return text.append(f"\n{steps}{span(seen.elapsed_s)} gone  {span(seen.eta_s)} left", "not bold dim")


def _report(words: Sequence[str]) -> Text:
    text = Text(end="")
    for line in words:
        style = "yellow" if line.startswith("! ") else "dim" if line.startswith("  ") else ""
        text.append(f"{line.removeprefix('! ')}\n", style)
    return text
