"""The loader process: encodes sounds for the bank beside the engine, and watches a model's file, at low priority.

Idle and small until the first request; then it loads the model that the codes are for. Sounds come by name from the
library's ``sounds`` folder. The render loop reads no file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from distill_live.engine.priority import lower_priority
from distill_live.errors import DistillError
from distill_live.home import read_whole
from distill_live.link import End, Link, Message


def run_loader(_settings: None, supervisor: End, engine: End) -> None:
    """Serve requests until either side is gone."""
    lower_priority()
    up, link = Link(supervisor), Link(engine)
    worker, watcher = _Worker(), _Watcher()
    while not (up.closed or link.closed):
        if any(m.get("type") == "quit" for m in up.poll()):
            return
        for message in link.poll(wait_s=0.2):
            if message.get("type") == "watch":
                watcher.watch(Path(str(message["path"])) if message["path"] else None, str(message["sha256"]))
            else:
                link.send(worker.serve(message))
        if watcher.changed():
            link.send({"type": "changed", "path": str(watcher.path)})


class _Watcher:
    """Looks whether a file has been replaced by another one (a model that is being trained)."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._seen: tuple[int, int, int] | None = None

    def watch(self, path: Path | None, sha256: str) -> None:
        """Look at this file from now on, which held ``sha256`` when it was loaded; None looks at nothing."""
        self.path, self._seen = path, _identity(path)
        if path is not None and _hash(path) != sha256:
            self._seen = None  # it has changed already

    def changed(self) -> bool:
        """Whether it is another file than at the last look; one that is missing for a moment is not."""
        now = _identity(self.path)
        if now is None or now == self._seen:
            return False
        self._seen = now
        return True


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(read_whole(path)).hexdigest()
    except OSError:
        return ""


def _identity(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class _Worker:
    def __init__(self) -> None:
        self._model: Any = None

    def serve(self, message: Message) -> Message:
        """``{"ticket", "name", "model", "sha256"}`` -> ``{"ticket", "codes"}`` or ``{"ticket", "error"}``."""
        try:
            codes = self._encode(str(message["name"]), Path(str(message["model"])), str(message["sha256"]))
            return {"ticket": message["ticket"], "codes": codes}
        except DistillError as error:
            return {"ticket": message["ticket"], "error": str(error)}

    def _encode(self, name: str, model: Path, sha256: str) -> dict[str, Any]:
        from distill_live.engine.live_setup import prepare_live
        from distill_live.engine.take import encode_codes
        from distill_live.models.library import sound_path
        from distill_live.models.playable import load_playable
        from distill_live.models.transcode import sound_codes

        path = sound_path(name)
        if self._model is None or self._model.sha256 != sha256:
            prepare_live()
            self._model = load_playable(model)
        if self._model.sha256 != sha256:
            raise DistillError(f"{model} has changed meanwhile", fix="ask for the sound again")
        return encode_codes(sound_codes(self._model, path))
