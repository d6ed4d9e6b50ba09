"""What is kept of a performance, on the disk's side of the recorder: log lines, the digest, the stems of a recording.

Everything here runs in the recorder's thread (``tape.Tape`` is the render thread's side); ``troubles`` and ``over`` are
read by the render thread. A full disk ends a file, says so, and never stops anything else.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.digest import SoundDigest
from distill_live.engine.performance import RECORD
from distill_live.engine.stems import Stems
from distill_live.engine.takes import store_model
from distill_live.errors import AudioFileError
from distill_live.events import ControlEvent
from distill_live.takelog import ModelNote, Recording, TakeWriter, as_line

Floats = NDArray[np.float32]


class Keeper:
    """A ``recorder.Sink`` that writes one take.

    Args:
        logs: where the take's lines go; none, one or several.
        folder: the take's own, where its models are stored; None for none.

    Attributes:
        frames: of the take, so far.
        over: number of the newest recording that is over, by hand or because the disk was full.
        troubles: sentences that nobody has been told yet.
    """

    def __init__(self, logs: Sequence[TakeWriter], folder: Path | None = None) -> None:
        self.folder = folder
        self.frames = 0
        self.over = 0
        self.troubles: deque[str] = deque()
        self._logs = list(logs)
        self._digest: SoundDigest | None = SoundDigest()
        self._recording: tuple[Recording, Stems] | None = None

    # ------------------------------------------------------------------ sound

    def blocks(self, wet: Floats, dry: Floats | None) -> None:
        """What was played: ``[2, T]``, and ``[T]`` of what went into the effects, where it is recorded."""
        self.frames += wet.shape[1]
        if self._digest is not None:
            self._digest.update(wet)
        if self._recording is None:
            return
        _, stems = self._recording
        stems.write(wet, dry)
        if stems.over:
            self.end("engine")

    def lost(self, frames: int) -> None:
        """So much was played and is gone: nobody can say any more what the whole take sounded like."""
        self.frames += frames
        self._digest = None
        if self._recording is not None:
            self._recording[1].silence(frames)

    # ------------------------------------------------------------------ lines of the log

    def settle(self) -> None:
        """So much for now: what was written is to reach the disk."""
        self._write(TakeWriter.flush)

    def event(self, event: ControlEvent) -> None:
        line = as_line(event.to_json())
        self._write(lambda log: log.line(line))

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        self._write(lambda log: log.asset(sha256, body))

    def model(self, sha256: str, note: ModelNote) -> None:
        """A model that the take crosses over into; ``note.path`` may be relative to where the program was started."""
        whole = replace(note, path=os.path.abspath(note.path))
        self._write(lambda log: log.model(sha256, whole))
        self.store(sha256, Path(whole.path))

    def store(self, sha256: str, path: Path) -> None:
        """Lay a model beside the log."""
        trouble = store_model(self.folder, sha256, path) if self.folder is not None else ""
        if trouble:
            self.troubles.append(trouble)

    def _write(self, line: Callable[[TakeWriter], None]) -> None:
        for log in list(self._logs):
            line(log)
            if log.failed:
                self._logs.remove(log)
                self.troubles.append(log.failed)

    # ------------------------------------------------------------------ recordings

    def begin(self, recording: Recording, make: Callable[[], Stems], source: str) -> None:
        """Begin to record with the next block; ``recording.frame`` is filled in here."""
        try:
            stems = make()
        except AudioFileError as error:
            self.over = recording.number
            self.troubles.append(str(error))
            return
        recording = replace(recording, frame=self.frames)
        self._recording = (recording, stems)
        self.event(ControlEvent(self.frames, RECORD, (True,), source))
        self._write(lambda log: log.recording(recording))

    def end(self, source: str) -> None:
        """End what is being recorded, if anything is; what its files lack is said."""
        if self._recording is None:
            return
        (recording, stems), self._recording = self._recording, None
        stems.close()
        done = replace(
            recording,
            dry=recording.dry if stems.has_dry else "",
            frames=stems.frames,
            sha256=stems.sha256,
            problem=stems.problem,
        )
        self.over = done.number
        if done.problem:
            self.troubles.append(done.problem)
        self.event(ControlEvent(done.frame + stems.frames, RECORD, (False,), source))
        self._write(lambda log: log.recording(done))

    def finish(self, frames: int) -> None:
        """The take is over after ``frames`` samples; it has a digest when all of them came by here."""
        self.end("engine")
        whole = self._digest is not None and frames == self.frames
        sha256 = self._digest.hexdigest if whole and self._digest is not None else ""
        self._write(lambda log: log.close(frames, sha256))
