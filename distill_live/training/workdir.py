"""The folder beside the model file in which a run lives until it is done: ``NAME.distill.work/``.

::

    run.json            what the run was asked for and what the corpus was; ``--resume`` compares
    mels/<hash>.npy     log-mels of the recordings
    codec.last.safetensors, codec.best.safetensors, prior.*        checkpoints
    progress.jsonl      events, for other processes

Removed when the model is saved. Standard library and numpy. Training thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.corpus import CorpusFile
from distill_live.errors import TrainingError
from distill_live.models.container import write_atomic

_EDGE_BYTES: Final = 1 << 16


def work_folder(out: Path) -> Path:
    """Where the run for ``out`` lives.

    >>> work_folder(Path("a/b.distill")).name
    'b.distill.work'
    """
    return out.with_name(out.name + ".work")


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """A hash that changes when recordings come, go, or change (their names, sizes, beginnings and ends)."""
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.path.open("rb") as raw:
                head = raw.read(_EDGE_BYTES)
                size = raw.seek(0, 2)
                raw.seek(max(0, size - _EDGE_BYTES))
                tail = raw.read(_EDGE_BYTES)
        except OSError as error:
            raise TrainingError(f"{file.name} can no longer be read: {error.strerror}", fix="start again") from None
        digest.update(json.dumps([file.name, size, file.seconds]).encode() + head + tail)
    return digest.hexdigest()


class WorkFolder:
    """The folder of one run.

    Args:
        out: the model file to be.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = work_folder(out)

    def has_run(self) -> bool:
        """Whether an interrupted run lies here that would be lost by starting anew."""
        return any(self.path.glob("*.last.safetensors"))

    def begin(self, identity: dict[str, Any], corpus: str) -> bool:
        """Start a new run here; returns whether ``out`` is free (nobody's model is there yet).

        Raises:
            TrainingError: when an interrupted run lies here, or the folder cannot be written.
        """
        if self.has_run():
            raise TrainingError(
                f"an interrupted training lies in {self.path}", fix="add --resume to go on, or delete it to start anew"
            )
        self.remove()
        free = not self.out.exists()
        self._write({"options": identity, "corpus": corpus, "out_was_free": free})
        return free

    def resume(self, identity: dict[str, Any], corpus: str) -> bool:
        """Go on with the run that lies here; returns whether ``out`` was free when it began.

        Raises:
            TrainingError: when there is none, or options or recordings are not what they were.
        """
        record = self._read()
        changed = [name for name, value in identity.items() if record["options"].get(name) != value]
        if changed:
            was = ", ".join(f"{name} {record['options'].get(name)}" for name in changed)
            raise TrainingError(
                f"the interrupted training had {was}", fix=f"ask for the same, or delete {self.path} to start anew"
            )
        if record["corpus"] != corpus:
            raise TrainingError(
                "the recordings are not those of the interrupted training",
                fix=f"restore them, or delete {self.path} to start anew",
            )
        return bool(record["out_was_free"])

    def mel(self, file: CorpusFile, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The log-mel of a recording: computed once, then read from here. A full disk costs nothing but the copy."""
        key = hashlib.sha256(f"{file.name}/{fingerprint([file])}".encode()).hexdigest()[:24]
        path = self.path / "mels" / f"{key}.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            kept = np.load(path, allow_pickle=False)
            if kept.dtype == np.float32 and kept.ndim == 2:
                return np.asarray(kept, dtype=np.float32)
        mel = compute()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".part.npy")
            np.save(partial, mel, allow_pickle=False)
            partial.replace(path)
        return mel

    def remove(self) -> None:
        """Delete the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _write(self, record: dict[str, Any]) -> None:
        write_atomic(self.path / "run.json", json.dumps(record, indent=1).encode())

    def _read(self) -> dict[str, Any]:
        path = self.path / "run.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(record["options"], dict) and isinstance(record["corpus"], str) and "out_was_free" in record:
                return dict(record)
        except FileNotFoundError:
            raise TrainingError(f"there is nothing to resume in {self.path}", fix="train without --resume") from None
        except (OSError, ValueError, KeyError, TypeError):
            pass  # said below
        raise TrainingError(f"{path} is damaged", fix=f"delete {self.path} and train again")
