"""Small questions over a screen: pick one of a list, write a name, answer with a word. Escape answers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

PICK_CELLS: Final = 50  # of one option, so that it stays on one line


class Pick(ModalScreen[str | None]):
    """One of several; gives back the option's id."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, question: str, options: Sequence[tuple[str, str]], chosen: str = "") -> None:
        super().__init__()
        self.question = question
        self.options = tuple(options)
        self.chosen = chosen

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self.question, classes="question")
            yield OptionList(*(Option(Text(text), id=option) for option, text in self.options))
            yield Static("↑↓ choose   ⏎ take   Esc back", classes="hint")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        ids = [option for option, _ in self.options]
        options.highlighted = ids.index(self.chosen) if self.chosen in ids else 0
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


class Ask(ModalScreen[str | None]):
    """A line of text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, question: str, text: str = "") -> None:
        super().__init__()
        self.question = question
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self.question, classes="question")
            yield Input(self.text, compact=True)
            yield Static("⏎ take   Esc back", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Help(ModalScreen[None]):
    """Keys and what they do; any key closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter,space", "dismiss(None)", "Close"),
    ]

    def __init__(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.title_text = title
        self.lines = tuple(lines)

    def compose(self) -> ComposeResult:
        text = Text()
        for key, meaning in self.lines:
            text.append(f"{key:>16}  ", "bold")
            text.append(f"{meaning}\n")
        with VerticalScroll(classes="dialog help"):
            yield Static(self.title_text, classes="question")
            yield Static(text)
            yield Static("Esc closes", classes="hint")
