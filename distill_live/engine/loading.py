"""Another model, made ready beside the sound: read, checked, filled and worked out in a thread of its own.

The thread has a real-time priority just below the render loop's: both share the interpreter's lock, and a thread that
held it while some other program used its core would make the loop wait. It runs for a third of a second, in steps that
each hold the lock for well under a millisecond. The render thread asks; nobody ever waits.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from distill_live.engine.live_setup import prepare_live
from distill_live.engine.priority import HELPER_PRIORITY, request_realtime
from distill_live.engine.voice import VoiceKit
from distill_live.errors import DistillError
from distill_live.models.library import registered
from distill_live.models.playable import load_playable


@dataclass(frozen=True)
class Ready:
    """A model that can be crossed over into, or why there is none."""

    name: str
    goes_on: bool
    kit: VoiceKit | None
    error: DistillError | None = None


class ModelLoading:
    """Loads one model at a time; a newer wish replaces one that waits.

    Args:
        look_ahead: of the vocoder, for all models of a performance.
    """

    def __init__(self, look_ahead: int | None) -> None:
        self._look_ahead = look_ahead
        self._waiting: tuple[str, Path | None, bool] | None = None
        self._thread: threading.Thread | None = None
        self._done: list[Ready] = []

    @property
    def busy(self) -> bool:
        return self._thread is not None or self._waiting is not None

    def ask(self, name: str, path: Path | None = None, goes_on: bool = False) -> None:
        """Begin to load, or take note.

        Args:
            name: of a model in the library, or ``factory``; never a path.
            path: the file, where it is known.
            goes_on: whether it is a newer state of what plays.
        """
        self._waiting = (name, path, goes_on)
        self._begin()

    def poll(self) -> Ready | None:
        """The model that has become ready since the last call, if any."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        ready = self._done.pop()
        self._begin()
        return ready

    def _begin(self) -> None:
        if self._thread is not None or self._waiting is None:
            return
        wish, self._waiting = self._waiting, None
        self._thread = threading.Thread(target=self._load, args=wish, name="loading a model", daemon=True)
        self._thread.start()

    def _load(self, name: str, path: Path | None, goes_on: bool) -> None:
        request_realtime(HELPER_PRIORITY)
        prepare_live()
        try:
            model = load_playable(path or registered(name))
            self._done.append(Ready(name, goes_on, VoiceKit(model, self._look_ahead)))
        except DistillError as error:
            self._done.append(Ready(name, goes_on, None, error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, the music goes on
            what = f"the model {name!r} cannot be played: {type(error).__name__}: {error}"
            self._done.append(Ready(name, goes_on, None, DistillError(what, fix="train it again")))
