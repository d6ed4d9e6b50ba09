"""The last state of a performance, on disk: what the next ``play`` offers when the machine died in the middle of a set.

Written by the parent of a running instrument, at most every two seconds and only when something has changed; removed
when a performance ends as it should. A performance that does not go on with what was found sets it aside, so that it
can still be asked for afterwards. JSON that a person can read. One thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from distill_live.engine.standing import Standing
from distill_live.errors import TakeError

FORMAT: Final = "distill-live/last-state/1"
EVERY_S: Final = 2.0
FILE_NAME: Final = "last-state.json"
BEFORE_NAME: Final = "last-state.before.json"  # of a performance that was not gone on with yet


class LastState:
    """Keeps the newest state in ``folder``.

    >>> import tempfile
    >>> state = LastState(Path(tempfile.mkdtemp()))
    >>> state.update({"model": "bells.distill"}, {}); state.save(at_once=True); state.found()
    True
    >>> state.clear(); state.found()
    False
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.before = folder / BEFORE_NAME
        self.trouble = ""  # why the disk does not take it; tried again at the next turn
        self._resumed = False
        self._body: dict[str, Any] | None = None
        self._written: dict[str, Any] | None = None
        self._next_s = 0.0

    def update(self, standing: Mapping[str, Any], assets: Mapping[str, Any]) -> None:
        """What is to be kept now."""
        self._body = {"format": FORMAT, "standing": dict(standing), "assets": dict(assets)}

    def save(self, at_once: bool = False) -> None:
        """Write it when it is time and it differs from what was written."""
        now = time.monotonic()
        if self._body is None or self._body is self._written or (now < self._next_s and not at_once):
            return
        self._next_s = now + EVERY_S
        temporary = self.path.with_name(self.path.name + ".tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._body), encoding="utf-8")
            os.replace(temporary, self.path)
        except OSError as error:
            self.trouble = f"how the performance stands cannot be kept in {self.path}: {error.strerror}."
            return
        self.trouble, self._written = "", self._body

    def found(self) -> bool:
        """Whether a performance has ended without saying so."""
        return self.path.is_file()

    def set_aside(self) -> None:
        """Another performance begins: what was found stays to be gone on with, until one more ends like that."""
        with contextlib.suppress(OSError):
            os.replace(self.path, self.before)

    def read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The standing and the assets that were kept.

        Raises:
            TakeError: there is nothing, or it cannot be read.
        """
        path = self.path if self.path.is_file() else self.before
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            standing, assets = body["standing"], body["assets"]
            if body["format"] != FORMAT or not isinstance(assets, dict):
                raise ValueError
            Standing.from_json(standing)
        except FileNotFoundError:
            raise TakeError("there is no performance to go on with", fix="start one with `distill-live play`") from None
        except (OSError, ValueError, KeyError, TypeError, TakeError):
            raise TakeError(f"the last state in {path} cannot be read", fix="start without --resume") from None
        self._resumed = True
        return standing, assets

    def clear(self) -> None:
        """A performance has ended as it should; so has the one that it went on with."""
        self.path.unlink(missing_ok=True)
        if self._resumed:
            self.before.unlink(missing_ok=True)
