"""How training looks on a command line: one redrawn line on a terminal, plain lines elsewhere, or JSON lines.

Hears events (``training.progress``); knows nothing of training itself. Called from the training thread.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import Final

from distill_live.cli.durations import spoken_duration
from distill_live.training.progress import Event, Notice, OnEvent, Progress, to_line

_PLAIN_EVERY_S: Final = 10.0
_COLOURS: Final = {"green": "32", "yellow": "33", "red": "31"}


def view(as_json: bool) -> OnEvent:
    """What suits the place that the command was called from."""
    if as_json:
        return _print_json
    return TerminalView() if sys.stdout.isatty() else PlainView()


def _print_json(event: Event) -> None:
    print(to_line(event), flush=True)


def progress_text(event: Progress, coloured: bool = False) -> str:
    """One line: stage, epoch, step, loss, held-out value, a word for each level, and the time left."""
    parts = [f"{event.stage:5}", f"epoch {event.epoch}", f"step {event.step}"]
    if event.loss is not None:
        parts.append(f"loss {event.loss:.3f}")
    if event.held_out is not None:
        parts.append(f"held-out {event.held_out:.2f} {event.unit}")
    parts += [_level_text(str(level["name"]), str(level["word"]), coloured) for level in event.health]
    if event.eta_s is not None:
        parts.append(f"{spoken_duration(event.eta_s)} left")
    return "  ".join(parts)


def _level_text(name: str, word: str, coloured: bool) -> str:
    text = f"{name} {word}"
    return f"\x1b[{_COLOURS.get(word, '0')}m{text}\x1b[0m" if coloured else text


def _notice_lines(event: Notice) -> list[str]:
    if event.type == "warning":
        return [f"note: {event.text}"]
    lines = event.data.get("lines", ())
    return [event.text, *(f"  {line}" for line in lines)]


class PlainView:
    """A line when something happens, and at most one of progress every ten seconds."""

    def __init__(self) -> None:
        self._last_s = -_PLAIN_EVERY_S

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            print("\n".join(_notice_lines(event)), flush=True)
            return
        now = time.monotonic()
        if now - self._last_s >= _PLAIN_EVERY_S:
            self._last_s = now
            print(progress_text(event), flush=True)


class TerminalView:
    """Progress redrawn in place; everything else stands above it."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            width = shutil.get_terminal_size().columns
            text = progress_text(event)
            fits = len(text) < width
            print("\r\x1b[K" + (progress_text(event, coloured=True) if fits else text[: width - 1]), end="", flush=True)
            return
        print("\r\x1b[K" + "\n".join(_notice_lines(event)), flush=True)
