"""The screen to perform on: start and stop, every main parameter, a strip for each level, meters and figures."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from distill_live.control.client import PresetLine
from distill_live.control.desk import EngineState
from distill_live.params import MAX_LEVELS
from distill_live.tui.names import FACTORY, playable_choices
from distill_live.tui.screens.dialogs import PICK_CELLS, Ask, Pick
from distill_live.tui.screens.room import Room
from distill_live.tui.widgets.control import ParamControl
from distill_live.tui.widgets.meter import Meter
from distill_live.tui.widgets.panel import LevelStrip, ParamPanel, controls_by_id, main_groups
from distill_live.tui.wire import Snapshot, levels_shown


class PlayRoom(Room):
    """Play."""

    mode = "play"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start_stop", "Start/stop"),
        Binding("p", "panic", "Panic"),
        Binding("r", "record", "Rec"),
        Binding("m", "model", "Model"),
        Binding("b", "bank", "Bank"),
        Binding("l", "preset", "Preset"),
        Binding("w", "save_preset", "Save"),
        Binding("e", "end", "End sound", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("tab", "panel(1)", show=False),
        Binding("shift+tab", "panel(-1)", show=False),
    ]
    help_lines = (
        ("s", "start or stop the sound"),
        ("p", "panic: silence at once, all level edits off"),
        ("r", "record on and off"),
        ("m", "pick a model and play it"),
        ("b", "load a sound into a bank slot, for the levels' swap"),
        ("l", "load a preset: everything that can be turned, in one step"),
        ("w", "write what is set now into a preset"),
        ("e", "end the sound's program (it goes on when the app is closed)"),
        ("↑ ↓   Tab", "next control, next panel"),
        ("← →", "turn; Shift coarse, Ctrl fine"),
        ("Home", "default"),
        ("Enter or digits", "write a value, Enter takes it, Esc does not; switches: on and off"),
    )

    def compose_body(self) -> ComposeResult:
        registry = self.instrument.registry
        groups = main_groups(registry)
        with Horizontal(id="figures"):
            yield Static(id="model")
            yield Static(id="numbers")
        with Horizontal(id="main"):
            first = [p for p in registry.group(groups[0]) if p.settable]
            with Vertical(id="left"):
                yield ParamPanel(groups[0].capitalize(), first, "panel-0")
                yield Meter("L", "meter-left")
                yield Meter("R", "meter-right")
            rest = [p for group in groups[1:] for p in registry.group(group) if p.settable]
            yield ParamPanel("Output and effects", rest, "panel-1")
        with Horizontal(id="levels"):
            for level, name in enumerate(levels_shown((), MAX_LEVELS)):
                yield LevelStrip(registry, level, name)

    def on_mount(self) -> None:
        self._level_names: tuple[str, ...] = ()
        self._slots: tuple[str, ...] = ()
        self._written: dict[Static, Text] = {}
        self._was_alive: bool | None = None
        self._controls = controls_by_id(self)
        self._strips = list(self.query(LevelStrip))
        self._meters = {f"meter.{name}": self.query_one(f"#meter-{name}", Meter) for name in ("left", "right")}
        self._model = self.query_one("#model", Static)
        self._numbers = self.query_one("#numbers", Static)
        self._body = self.query_one("#body")
        next(iter(self._controls.values())).focus()

    # ------------------------------------------------------------------ what is heard

    def hear(self, snapshot: Snapshot) -> None:
        super().hear(snapshot)
        for param_id, meter in self._meters.items():
            level_db = snapshot.values.get(param_id, None if snapshot.alive else -100.0)
            if isinstance(level_db, (int, float)):
                meter.level_db = float(level_db)
        whole = snapshot.whole or snapshot.alive != self._was_alive
        for strip in self._strips:
            strip.hear(snapshot.values, whole)
        for notice in snapshot.notices:
            self.say(notice, warning=True)
        if whole:
            self._show_all(snapshot)

    def _show_all(self, snapshot: Snapshot) -> None:
        """Everything but the meters. Not in every round: Textual draws all that lies between two changes."""
        self._body.set_class(not snapshot.alive, "gone")
        self._say_who_plays(snapshot)
        for param_id, value in snapshot.values.items():
            if param_id in self._controls:
                self._controls[param_id].hear(value)
        self._show_levels(snapshot)
        self._show_figures(snapshot)

    def _say_who_plays(self, snapshot: Snapshot) -> None:
        if snapshot.alive == self._was_alive:
            return
        if snapshot.alive:
            self.say(f"Playing on port {snapshot.port}. ← → turn, ↑ ↓ move, ? for all keys.")
        elif self._was_alive:
            self.say(f"The sound on port {snapshot.port} is gone; values stay as they were, looking for it.", True)
        elif not self.instrument.sound.starting:
            self.say("No sound yet: s starts it, m picks another model, F2 trains one.")
        self._was_alive = snapshot.alive

    def _show_levels(self, snapshot: Snapshot) -> None:
        names = levels_shown(snapshot.level_names, MAX_LEVELS)
        if names != self._level_names:
            self._level_names = names
            for strip in self._strips:
                strip.display = strip.level < len(names)
                strip.border_title = names[strip.level] if strip.level < len(names) else ""
        if snapshot.bank.slots != self._slots:
            self._slots = snapshot.bank.slots
            for strip in self._strips:
                strip.name_slots(self._slots)

    def _show_figures(self, snapshot: Snapshot) -> None:
        s = snapshot.state
        model = s.model if snapshot.alive else self.instrument.chosen or FACTORY
        device = f" → {s.device}" if snapshot.alive and s.device else ""
        preset = f" · {snapshot.presets.current}" if snapshot.alive and snapshot.presets.current else ""
        shown = Text(f" {model}{preset}{device}", no_wrap=True, overflow="ellipsis", end="")
        self._write(self._model, shown)
        thrift = int(snapshot.values.get("engine.thrift", 0))
        self._write(self._numbers, figures_text(s, thrift) if snapshot.alive else Text(""))

    def _write(self, widget: Static, text: Text) -> None:
        if self._written.get(widget) != text:
            self._written[widget] = text
            widget.update(text, layout=False)

    # ------------------------------------------------------------------ what hands do

    def on_param_control_changed(self, event: ParamControl.Changed) -> None:
        wire = self.instrument.wire
        if event.param.kind == "trigger":
            wire.send(f"param/{event.param.id}")
        else:
            wire.set(event.param.id, event.value)

    def on_param_control_said(self, event: ParamControl.Said) -> None:
        (self.hint if event.hint else self.say)(event.text)

    def action_move(self, step: int) -> None:
        self.focus_next_of([c for c in self.query(ParamControl) if c.focusable], step)

    def action_panel(self, step: int) -> None:
        """Jump to the first control of the next panel."""
        panels = [p for p in (*self.query(ParamPanel), *self.query(LevelStrip)) if p.display]
        here = next((i for i, p in enumerate(panels) if self.focused and p in self.focused.ancestors), -step)
        self.set_focus(panels[(here + step) % len(panels)].query(ParamControl).first(ParamControl))

    def action_start_stop(self) -> None:
        app = self.instrument
        if app.heard.alive:
            app.wire.send("transport/stop" if app.heard.state.state != "stopped" else "transport/start")
        elif app.sound.starting:
            self.say("The sound is starting.")
        else:
            app.play(app.chosen)

    def action_panic(self) -> None:
        self.instrument.wire.send("transport/panic")
        self.say("Panic: silence, and all level edits off.")

    def action_record(self) -> None:
        if not self.instrument.heard.alive:
            self.say("There is no sound to record; s starts it.")
            return
        self.instrument.wire.send("transport/record")
        self.say("Recording ends." if self.instrument.heard.state.state == "recording" else "Recording.")

    def action_end(self) -> None:
        self.instrument.end_sound()

    def action_model(self) -> None:
        choices = playable_choices()
        if not choices:
            self.say("There is no model yet: F2 trains one from a folder of recordings.", warning=True)
            return
        options = [(c.name, f"{c.name}  {c.problem}".rstrip()) for c in choices]
        by_name = {c.name: c for c in choices}

        def take(name: str | None) -> None:
            if name is not None and not by_name[name].problem:
                self.instrument.play(by_name[name].argument)
            elif name is not None:
                self.say(by_name[name].problem, warning=True)

        self.app.push_screen(Pick("Play which model?", options, self.instrument.heard.state.model), take)

    def action_bank(self) -> None:
        bank = self.instrument.heard.bank
        if not self.instrument.heard.alive or not bank.sounds:
            self.say("There are no sounds to load: start a model, or put recordings into the library's sounds folder.")
            return
        slots = [(str(i), f"{i:>2}  {name or '-'}") for i, name in enumerate(bank.slots, 1)]
        sounds = [(f"{i}", name) for i, name in enumerate(bank.sounds)]

        def take_slot(slot: str | None) -> None:
            if slot is not None:
                self.app.push_screen(Pick(f"Which sound into slot {slot}?", sounds), lambda s: take_sound(slot, s))

        def take_sound(slot: str, sound: str | None) -> None:
            if sound is not None:
                self.instrument.wire.send("bank/load", slot, bank.sounds[int(sound)])

        self.app.push_screen(Pick("Load which slot?", slots), take_slot)

    def action_preset(self) -> None:
        presets = self.instrument.heard.presets
        if not self.instrument.heard.alive or not presets.lines:
            self.say("There is nothing to load a preset into: s starts the sound.")
            return
        options = [(line.name, preset_text(line)) for line in presets.lines]

        def take(name: str | None) -> None:
            if name is not None:
                self.instrument.wire.send("preset/load", name)
                self.instrument.wire.look_again()

        self.app.push_screen(Pick("Load which preset?", options, presets.current), take)

    def action_save_preset(self) -> None:
        """Ask for a name; asks once more when another preset has it."""
        presets = self.instrument.heard.presets
        if not self.instrument.heard.alive:
            self.say("There is nothing to save: s starts the sound.")
            return
        own = {line.name for line in presets.lines if line.whose == "own"}
        answers = [("keep", "Keep it"), ("replace", "Put what is set now in its place")]

        def take(name: str | None) -> None:
            if name in own - {presets.current}:
                question = Pick(f"There is a preset {name} already.", answers)
                self.app.push_screen(question, lambda answer: save(name) if answer == "replace" else None)
            else:
                save(name)

        def save(name: str | None) -> None:
            if name is not None:
                self.instrument.wire.send("preset/save", name)
                self.instrument.wire.look_again()

        self.app.push_screen(Ask("Save as which preset?", presets.current if presets.current in own else ""), take)


def preset_text(line: PresetLine) -> str:
    """A preset on one line of a question.

    >>> preset_text(PresetLine(3, "calm", "own", "Long and slow. " * 9))
    '  3  calm             Long and slow. Long and slo…'
    """
    text = f"{line.place:>3}  {line.name:<16} {line.note}".rstrip()
    return text if len(text) <= PICK_CELLS else f"{text[: PICK_CELLS - 1]}…"


def figures_text(s: EngineState, thrift: int = 0) -> Text:
    """Load, xruns, latency and queue, and how much work is left out; what should worry a performer in colour."""
    text = Text(no_wrap=True, end="")
    load_style = "bold red" if s.load > 0.9 else "yellow" if s.load > 0.6 else ""
    if thrift:
        text.append(f"thrift {thrift}", "bold yellow").append("  ")
    text.append(f"load {100 * s.load:.0f} %", load_style).append("  ")
    text.append(f"xruns {s.xruns} ({s.xruns_minute}/min)", "bold red" if s.xruns_minute else "").append("  ")
    return text.append(f"latency {s.latency_ms:.0f} ms  queue {s.queue} ")
