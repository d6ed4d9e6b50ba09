"""The loader process: encodes sounds for the bank beside the engine, at low priority.

Idle and small until the first request; then it loads the model. The render loop reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_live.engine.priority import lower_priority
from distill_live.errors import DistillError
from distill_live.link import End, Link, Message


@dataclass(frozen=True)
class LoaderSettings:
    """Which model the codes are for. Sounds come by name from the library's ``sounds`` folder."""

    model: Path


def run_loader(settings: LoaderSettings, supervisor: End, engine: End) -> None:
    """Serve requests until either side is gone."""
    lower_priority()
    up, link = Link(supervisor), Link(engine)
    worker = _Worker(settings.model)
    while not (up.closed or link.closed):
        if any(m.get("type") == "quit" for m in up.poll()):
            return
        for message in link.poll(wait_s=0.2):
            link.send(worker.serve(message))


class _Worker:
    def __init__(self, model: Path) -> None:
        self.path = model
        self._model: Any = None

    def serve(self, message: Message) -> Message:
        """``{"ticket", "name"}`` -> ``{"ticket", "codes"}`` or ``{"ticket", "error"}``."""
        try:
            return {"ticket": message["ticket"], "codes": self._encode(str(message["name"]))}
        except DistillError as error:
            return {"ticket": message["ticket"], "error": str(error)}

    def _encode(self, name: str) -> dict[str, Any]:
        from distill_live.engine.live_setup import prepare_live
        from distill_live.engine.take import encode_codes
        from distill_live.models.library import sound_path
        from distill_live.models.playable import load_playable
        from distill_live.models.transcode import sound_codes

        path = sound_path(name)
        if self._model is None:
            prepare_live()
            self._model = load_playable(self.path)
        return encode_codes(sound_codes(self._model, path))
