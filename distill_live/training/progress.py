"""What training says while it runs: small events, handed to a callback and written as JSON lines for other processes.

Every event is a JSON object with a ``type``: ``stage`` (a part begins), ``report`` (facts), ``progress`` (numbers, at
most a few times a second), ``warning`` (words the user should read), ``done``. Numbers that are not finite become null.
Standard library only; the training thread calls it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

Kind = Literal["stage", "report", "progress", "warning", "done"]


@dataclass(frozen=True)
class Progress:
    """Where a stage is.

    Attributes:
        stage: ``codec``, ``prior``.
        epoch, step: steps count from the stage's beginning, resumed runs included.
        loss, held_out: of the newest step, and of the newest validation; None before the first.
        unit: of ``held_out`` (``dB``, ``bits/code``).
        elapsed_s, eta_s: of this stage; None where nobody can know.
        health: per level (``codec.health.LevelHealth.to_json``), from the newest validation.
    """

    stage: str
    epoch: int
    step: int
    loss: float | None
    held_out: float | None
    unit: str
    elapsed_s: float
    eta_s: float | None
    health: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"type": "progress", **asdict(self)}


@dataclass(frozen=True)
class Notice:
    """Anything but numbers: ``text`` for people, ``data`` for programs.

    >>> Notice("warning", "codec", "Detail uses 12 % of its codes").to_json()["text"]
    'Detail uses 12 % of its codes'
    """

    type: Kind
    stage: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "stage": self.stage, "text": self.text, **self.data}


Event = Progress | Notice
OnEvent = Callable[[Event], None]


def to_line(event: Event) -> str:
    """One JSON line, without its newline, whatever is in the event."""
    return json.dumps(_finite(event.to_json()), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class ProgressLog:
    """Appends events to ``progress.jsonl`` and hands them on. A full disk ends the writing, not the training."""

    def __init__(self, path: Path, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._file: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            on_event(Notice("warning", "", f"progress is not written to {path}: {error.strerror}"))

    def __call__(self, event: Event) -> None:
        self._on_event(event)
        if self._file is None:
            return
        try:
            self._file.write(to_line(event) + "\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            self._on_event(Notice("warning", "", f"progress is no longer written: {error.strerror}"))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
