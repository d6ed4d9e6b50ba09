"""The sound as a program beside the app: started, found again, asked to end; what it says becomes sentences.

Another model means another start until the bridge can load one: the old program ends, then the new one begins.
Reads a file that grows slowly; called from the screen's thread a few times a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill_live.tui.jobs import Job, find_job, start_job


@dataclass(frozen=True)
class News:
    """What has happened since the last look. ``port``: where the bridge listens now, None when it said nothing."""

    sentences: tuple[str, ...] = ()
    port: int | None = None
    ended: bool = False


@dataclass
class Sound:
    """The program that plays, when it is ours."""

    program: Sequence[str]
    folder: Path
    port: int
    job: Job | None = None
    _next: list[str] | None = field(default=None, repr=False)
    _asked_to_end: bool = field(default=False, repr=False)

    @property
    def log(self) -> Path:
        return self.folder / "play.jsonl"

    @property
    def ours(self) -> bool:
        """Whether a program that an app of ours started is running."""
        return self.job is not None and self.job.alive()

    @property
    def starting(self) -> bool:
        return self._next is not None or self.ours

    def find(self) -> bool:
        """Take over the program that an earlier app left playing."""
        self.job = find_job(self.log)
        return self.job is not None

    def play(self, model: str | None) -> None:
        """Play a model (None: the factory's), in place of the one that plays now.

        Raises:
            UsageError: when the program cannot be started.
        """
        self._next = [*self.program, "play", *([model] if model else []), "--json", "--osc-port", str(self.port)]
        if self.ours:
            self.stop()
        else:
            self._start_next()

    def stop(self) -> None:
        """Ask it to fade out and end."""
        if self.job is not None:
            self._asked_to_end = True
            self.job.interrupt()

    def look(self) -> News:
        """Read what it has said; start the next one when the last is gone.

        Raises:
            UsageError: when the next one cannot be started.
        """
        if self.job is None:
            return News()
        alive = self.job.alive()
        records = self.job.lines()
        sentences = [text for record in records if (text := sentence_of(record))]
        ports = [r["osc_port"] for r in records if r.get("state") == "ready" and isinstance(r.get("osc_port"), int)]
        if alive:
            return News(tuple(sentences), ports[-1] if ports else None)
        if not self._asked_to_end and self.job.exit_code not in (0, None) and not sentences:
            sentences.append(self.job.last_words() or f"the sound ended (exit code {self.job.exit_code}).")
        self.job = None
        if self._next is not None:
            self._start_next()
        return News(tuple(sentences), ended=self.job is None)

    def _start_next(self) -> None:
        command, self._next = self._next, None
        assert command is not None
        self._asked_to_end = False
        self.job = start_job(command, self.log)


def sentence_of(record: dict[str, Any]) -> str:
    """What a JSON line of ``distill-live play`` says to people; empty for figures.

    >>> sentence_of({"type": "play", "state": "ready", "osc_port": 7480})
    'OSC on UDP port 7480.'
    """
    if record.get("type") == "message":
        return str(record.get("text", ""))
    state = record.get("state") if record.get("type") == "play" else None
    if state == "failed":
        return str(record.get("message", "the sound could not start."))
    if state == "ready":
        return f"OSC on UDP port {record.get('osc_port')}."
    return ""
