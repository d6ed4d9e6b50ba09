"""What is kept of a performance while it plays: its log, and recordings as stems.

Every take keeps its log in a folder of its own, ``TAKES/<date-time>/take.jsonl``; each recording adds ``<n>-wet.wav``
and ``<n>-dry.wav``. A folder that holds no recording in the end is taken away again, so that only what was recorded
(or what a crash left behind) is found there.

Used by the render thread, which never waits here: files belong to the recorder's thread. The loop calls, in this
order, for every block::

    tape.asset(...), tape.model(model)         before the event that needs it
    tape.event(performance.apply(event))       each applied event
    tape.start_recording(), .stop_recording()  between two blocks; the tape logs their events itself
    tape.push(block, performance.dry)          after each block
    tape.lend(), .take_back()                  around a sleep: when the recorder is in nobody's way
    tape.messages()                            what went wrong, to be shown
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distill_live.engine.keeper import Keeper
from distill_live.engine.recorder import Recorder
from distill_live.engine.stems import Stems
from distill_live.engine.takes import LOG, new_folder, remove_if_bare
from distill_live.errors import AudioFileError, TakeError
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import ModelNote, Recording, TakeWriter


class Tape:
    """The log of one take, and its recordings.

    Args:
        log: another place where the log is written too, or None.
        record: a recording of what is heard, from the first block on, to this file; or None.
        header: the take's first line.
        folder: where the take gets a folder of its own; None for none (nothing can then be recorded by a message).

    Attributes:
        folder: this take's own folder, or None when there is none (``messages`` says why).

    Raises:
        TakeError, AudioFileError: ``log`` or ``record`` cannot be written.
    """

    def __init__(self, log: Path | None, record: Path | None, header: dict[str, Any], folder: Path | None) -> None:
        self._rate = int(header["sample_rate"])
        asked_for = [TakeWriter(log, header, patient=True)] if log else []
        stems = Stems(record, None, self._rate) if record else None
        self._asked_to_keep = record is not None and log is None  # the folder's log is then the recording's only one
        self.folder, own, trouble = _own_log(folder, header)
        self._keeper = Keeper([*asked_for, *own], self.folder)
        self._keeper.troubles.extend(trouble)
        self._recorder = Recorder(self._keeper)
        self._frames = self._began = self._number = 0
        self._wet: Path | None = None
        self._closed = False
        if header.get("model_path"):
            self._recorder.do(partial(self._keeper.store, header["model"], Path(header["model_path"])))
        if record is not None and stems is not None:
            self._begin(Recording(1, 0, str(record.absolute())), record, lambda: stems, "engine")

    @property
    def recording(self) -> bool:
        """Whether something is being recorded; a full disk ends it too."""
        return self._wet is not None and self._keeper.over < self._number

    def push(self, block: npt.NDArray[np.float32], dry: npt.NDArray[np.float32] | None = None) -> None:
        """Keep one block ``[2, 512]`` that was rendered, and ``[512]`` of what went into its effects."""
        self._recorder.push(block, dry if self.recording else None)
        self._frames += block.shape[1]

    def event(self, event: ControlEvent) -> None:
        """Log an event as ``Performance.apply`` gave it back."""
        self._recorder.note(partial(self._keeper.event, event))

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        """Store something that came in from outside, before the first event that names it."""
        self._recorder.note(partial(self._keeper.asset, sha256, body))

    def model(self, model: Playable) -> None:
        """Note a model, before the event that crosses over into it."""
        note = ModelNote(model.name, str(model.path))
        self._recorder.note(partial(self._keeper.model, model.sha256, note))

    def start_recording(self, source: str = "osc") -> str:
        """Record from the next block on; says where to.

        Raises:
            AudioFileError: this take has no folder.
        """
        if self.recording:
            return f"already recording to {self._wet}"
        if self.folder is None:
            raise AudioFileError("there is no folder to record to", fix="start again with --record FILE")
        n = self._number + 1
        wet, dry = f"{n}-wet.wav", f"{n}-dry.wav"
        make = partial(Stems, self.folder / wet, self.folder / dry, self._rate)
        self._begin(Recording(n, 0, wet, dry), self.folder / wet, make, source)
        return f"recording to {self._wet}"

    def stop_recording(self, source: str = "osc") -> str:
        """End the recording; says what was written. What the files lack is among the ``messages`` soon after."""
        if not self.recording:
            return "nothing was being recorded"
        wet, self._wet = self._wet, None
        self._recorder.do(partial(self._keeper.end, source))
        return f"recorded {(self._frames - self._began) / self._rate:.1f} s to {wet}"

    def lend(self) -> None:
        """The render loop is about to sleep."""
        self._recorder.lend()

    def take_back(self) -> None:
        """The render loop has woken up."""
        self._recorder.take_back()

    def messages(self) -> list[str]:
        """What went wrong and has not been told yet."""
        troubles = self._keeper.troubles
        return [troubles.popleft() for _ in range(len(troubles))]

    def close(self, frames: int, keep: bool = False) -> list[str]:
        """End all files; ``frames`` is the take's length. Returns what went wrong and has not been told yet.

        Args:
            frames: samples rendered.
            keep: leave the folder there even if nothing was recorded: after an error, or where somebody asked for it.
        """
        if not self._closed:
            self._closed = True
            self._recorder.do(partial(self._keeper.finish, frames))
            if not self._recorder.close():
                self._keeper.troubles.append("the disk does not answer: the end of this take may be missing.")
            elif self.folder is not None and not (keep or self._asked_to_keep):
                self._keeper.troubles.extend(remove_if_bare(self.folder))
        return self.messages()

    def _begin(self, recording: Recording, wet: Path, make: Callable[[], Stems], source: str) -> None:
        self._number, self._wet, self._began = recording.number, wet, self._frames
        self._recorder.do(partial(self._keeper.begin, recording, make, source))


def _own_log(takes: Path | None, header: dict[str, Any]) -> tuple[Path | None, list[TakeWriter], list[str]]:
    """The take's own folder and the log in it; where that cannot be, the reason: it is none to be silent."""
    if takes is None:
        return None, [], []
    try:
        folder = new_folder(takes)
        return folder, [TakeWriter(folder / LOG, header, patient=True)], []
    except TakeError as error:
        return None, [], [str(error)]
