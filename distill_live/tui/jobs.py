"""Programs the app starts and that outlive it: their output goes to a file, and the file is read from here.

No pipe ties the two together: killing the app leaves the sound (or the training) as it is, and the next app finds it
again by the note beside the log. Knows nothing of what the programs do. Called from one thread.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill_live.errors import DistillError, UsageError


@dataclass
class Job:
    """A program running in a session of its own, and how far its JSON lines have been read.

    ``child`` is there only in the app that started it; another app knows the process by its number alone.
    """

    pid: int
    log: Path
    child: subprocess.Popen[bytes] | None = None
    exit_code: int | None = None
    _read_bytes: int = field(default=0, repr=False)

    def alive(self) -> bool:
        """Whether it still runs; notes the exit code when it does not."""
        if self.exit_code is not None:
            return False
        if self.child is not None:
            self.exit_code = self.child.poll()
            return self.exit_code is None
        return _runs(self.pid)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects that were written since the last call; whatever is not one is left out."""
        try:
            with self.log.open("rb") as file:
                file.seek(self._read_bytes)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return [record for line in whole.splitlines() if (record := _json_object(line)) is not None]

    def interrupt(self) -> None:
        """Ask it to end in good order, as Ctrl-C would."""
        if self.alive():
            _signal(self.pid, signal.SIGINT)

    def last_words(self) -> str:
        """The last line of its errors: the sentence a program of ours ends with."""
        try:
            text = self.log.with_suffix(".err").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].removeprefix("distill-live: ") if lines else ""


def start_job(command: Sequence[str], log: Path) -> Job:
    """Start a program detached: JSON lines to ``log``, errors beside it (``.err``), and a note of it (``.job``).

    Raises:
        UsageError: when the program or the log cannot be had.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        log.with_suffix(".job").write_text(json.dumps({"pid": child.pid}), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot start {command[0]}: {error.strerror}", fix="check the installation") from None
    return Job(child.pid, log, child)


def find_job(log: Path) -> Job | None:
    """The program that an earlier app started with this log, when it still runs."""
    try:
        pid = json.loads(log.with_suffix(".job").read_text(encoding="utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Job(pid, log) if isinstance(pid, int) and _runs(pid) else None


def _json_object(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _runs(pid: int) -> bool:
    """Whether a process of this number runs one of our commands (numbers are given out again)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return False
        listed = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, check=False)
        command = listed.stdout
    return b"distill" in command


def _signal(pid: int, number: int) -> None:
    if sys.platform == "win32":
        number = signal.CTRL_BREAK_EVENT
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except OSError as error:
        raise DistillError(f"cannot stop process {pid}: {error.strerror}", fix="end it by hand") from None
