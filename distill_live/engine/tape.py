"""What is kept of a performance while it plays: the take log and the recording.

Used by the render thread; files are written by the recorder's own thread. A full disk ends the file, never the sound.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distill_live.engine.recorder import Recorder
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import TakeWriter


class Tape:
    """A take log and a recording, each optional.

    Args:
        log: where the take log goes, or None.
        record: a recording from the first block on, or None.
        header: the take's first line.
        folder: where recordings go that are started while playing.
    """

    def __init__(self, log: Path | None, record: Path | None, header: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self._log = TakeWriter(log, header) if log else None
        self._recorder = Recorder(record, header["sample_rate"], 2) if record else None
        self._rate = header["sample_rate"]
        self._said: set[str] = set()

    @property
    def recording(self) -> bool:
        return self._recorder is not None

    def push(self, block: npt.NDArray[np.float32]) -> None:
        """Record one block ``[2, 512]``."""
        if self._recorder is not None:
            self._recorder.push(block)

    def event(self, event: ControlEvent) -> None:
        if self._log is not None:
            self._log.event(event)

    def model(self, model: Playable) -> None:
        """Note a model that the take crosses over into."""

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.asset(sha256, body)

    def start_recording(self) -> str:
        """Start a recording named by the time of day; says where it goes."""
        if self._recorder is not None:
            return f"already recording to {self._recorder.path}"
        name = datetime.datetime.now().strftime("take-%Y%m%d-%H%M%S.wav")
        self._recorder = Recorder(self.folder / name, self._rate, 2)
        return f"recording to {self._recorder.path}"

    def stop_recording(self) -> str:
        """End the recording; says what was written."""
        if self._recorder is None:
            return "nothing was being recorded"
        recorder, self._recorder = self._recorder, None
        recorder.close()
        return recorder.failed or f"recorded {recorder.path}"

    def messages(self) -> list[str]:
        """Failures that have not been told yet."""
        failures = [part.failed for part in (self._log, self._recorder) if part is not None and part.failed]
        fresh = [text for text in failures if text not in self._said]
        self._said.update(fresh)
        return fresh

    def close(self, frames: int) -> list[str]:
        """End both files; ``frames`` is the take's length. Returns failures not told yet."""
        if self._log is not None:
            self._log.close(frames)
        if self._recorder is not None:
            self._recorder.close()
        fresh = self.messages()
        self._recorder = None
        return fresh
