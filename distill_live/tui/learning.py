"""A training run as it is seen from outside: its command line, and what its JSON lines add up to.

The events are those of ``training.progress``; unknown ones are left out, so an older app can watch a newer training.
Knows no widgets. One thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from distill_live.errors import UsageError
from distill_live.home import check_name

MOST_POINTS: Final = 2000
STAGES: Final = {
    "scan": "Looking at the folder",
    "mels": "Listening",
    "codec": "Learning the codes",
    "prior": "Learning the language",
}


@dataclass(frozen=True)
class Plan:
    """What the form asks for."""

    folder: str
    name: str
    budget: str
    levels: str
    grid: str
    seed: int

    def __post_init__(self) -> None:
        if not self.folder.strip():
            raise UsageError("no folder is chosen", fix="pick one on the left or write its path")
        check_name(self.name)

    def command(self, program: Sequence[str], resume: bool = False) -> list[str]:
        """The command line of this training."""
        options = ["--budget", self.budget] if self.budget.strip() else []
        options += ["--levels", self.levels, "--grid", self.grid, "--seed", str(self.seed)]
        options += [*(["--resume"] if resume else []), "--json"]
        return [*program, "train", self.folder, "--out", self.name, *options]


@dataclass(frozen=True)
class Health:
    """How one level's codebook is used; each figure with its traffic-light word (``codec.health``)."""

    name: str
    codes: int
    utilisation_percent: float
    perplexity: float
    dead_codes: int
    utilisation_word: str
    perplexity_word: str
    dead_codes_word: str


@dataclass
class Learning:
    """Where a training stands, from all events so far."""

    stage: str = ""
    epoch: int = 0
    step: int = 0
    loss: float | None = None
    held_out: float | None = None
    unit: str = ""
    elapsed_s: float = 0.0
    eta_s: float | None = None
    health: tuple[Health, ...] = ()
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    judged: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    words: list[str] = field(default_factory=list)
    done: dict[str, Any] | None = None

    @property
    def share(self) -> float | None:
        """How much of the stage's time has passed, 0..1; None when nobody knows."""
        if self.done is not None:
            return 1.0
        total_s = self.elapsed_s + (self.eta_s or 0.0)
        return None if self.eta_s is None or total_s <= 0.0 else self.elapsed_s / total_s

    @property
    def title(self) -> str:
        if self.done is not None:
            return "Stopped" if self.interrupted else "Done"
        return STAGES.get(self.stage, self.stage or "Starting")

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its end and can be resumed."""
        return self.done is not None and bool(self.done.get("interrupted"))

    def hear(self, record: dict[str, Any]) -> None:
        """Take one event in."""
        kind = record.get("type")
        if kind == "progress":
            self._progress(record)
        elif kind in ("stage", "report", "warning", "done"):
            self.stage = str(record.get("stage") or self.stage)
            self.words += words_of(record)
            if kind == "stage":
                self.elapsed_s, self.eta_s = 0.0, None
            self.health = tuple(map(_health, record.get("health") or ())) or self.health
            if kind == "done":
                self.done = record

    def _progress(self, record: dict[str, Any]) -> None:
        self.stage = str(record.get("stage", self.stage))
        self.epoch, self.step = int(record.get("epoch") or 0), int(record.get("step") or 0)
        self.loss, self.held_out = _number(record.get("loss")), _number(record.get("held_out"))
        self.unit = str(record.get("unit", ""))
        self.elapsed_s, self.eta_s = _number(record.get("elapsed_s")) or 0.0, _number(record.get("eta_s"))
        self.health = tuple(map(_health, record.get("health") or ())) or self.health
        if self.loss is not None:
            _add(self.curves[self.stage], self.step, self.loss)
        judged = self.judged[self.stage]
        if self.held_out is not None and (not judged or judged[-1][1] != self.held_out):
            _add(judged, self.step, self.held_out)


def words_of(record: dict[str, Any]) -> list[str]:
    """An event's sentence, and the lines below it (files that were skipped, and why).

    >>> words_of({"type": "report", "text": "2 files", "skipped": [{"name": "a.wav", "reason": "silent"}]})
    ['2 files', '  skipped a.wav: silent']
    """
    mark = "! " if record.get("type") == "warning" else ""
    words = [mark + str(record["text"])] if record.get("text") else []
    words += [f"  {line}" for line in record.get("lines") or () if isinstance(line, str)]
    skipped = record.get("skipped")
    for file in skipped if isinstance(skipped, list) and not record.get("lines") else ():
        if isinstance(file, dict):
            words.append(f"  skipped {file.get('name', '?')}: {file.get('reason', 'no reason given')}")
    return words


def span(seconds: float | None) -> str:
    """A time as minutes and seconds.

    >>> span(75.4), span(None)
    ('1:15', '--:--')
    """
    return "--:--" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _health(level: dict[str, Any]) -> Health:
    return Health(
        str(level.get("name", "?")),
        int(_number(level.get("codes")) or 0),
        _number(level.get("utilisation_percent")) or 0.0,
        _number(level.get("perplexity")) or 0.0,
        int(_number(level.get("dead_codes")) or 0),
        *(str(level.get(f"{figure}_word", "")) for figure in ("utilisation", "perplexity", "dead_codes")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _add(points: list[tuple[float, float]], step: int, value: float) -> None:
    """Add a point; a curve that grows too long keeps every second one."""
    points.append((float(step), value))
    if len(points) > MOST_POINTS:
        del points[1:-1:2]
