"""A running ``play --json`` as the benchmarks see it: its lines as they come, its engine's processor time, its end.

Lines arrive in a thread of their own, stamped with the monotonic clock; everything else belongs to one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from distill_live.errors import DistillError

PATIENCE_S: Final = 60.0
END_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.01

Line = dict[str, Any]


def distill(*arguments: str) -> list[str]:
    """A command of ours, run by this interpreter."""
    return [sys.executable, "-m", "distill_live", *arguments]


class Playing:
    """One ``play``.

    Attributes:
        lines: what it has printed so far, each with ``at_s``, its arrival on the monotonic clock.
        started_s: when the command was given.
    """

    def __init__(self, *arguments: str) -> None:
        self.lines: list[Line] = []
        self._errors: list[str] = []
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            distill("play", *arguments, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
        self._readers = [threading.Thread(target=f, daemon=True) for f in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def wait_for(self, state: str, patience_s: float = PATIENCE_S) -> Line:
        """The first line of that state.

        Raises:
            DistillError: it did not come in time, or ``play`` has ended without it.
        """
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            over = not any(reader.is_alive() for reader in self._readers)
            for line in list(self.lines):
                if line.get("type") == "play" and line.get("state") == state:
                    return line
            if over:
                break
            time.sleep(_LOOK_S)
        said = " ".join(self._errors[-3:]) or f"its last lines: {self.lines[-2:]}"
        raise DistillError(f"play was never {state} ({said})", fix="run the same `play` by hand and see")

    @property
    def statuses(self) -> list[Line]:
        """The status lines so far."""
        return [line for line in list(self.lines) if line.get("type") == "status"]

    @property
    def devices(self) -> list[Line]:
        """What the device has said of itself so far: one line when all goes well."""
        return [line for line in list(self.lines) if line.get("state") == "device"]

    @property
    def messages(self) -> list[str]:
        return [str(line["text"]) for line in list(self.lines) if line.get("type") == "message"]

    def pids(self) -> list[int]:
        """All processes of this instrument: ``play`` itself, then its children as they were started (Linux)."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [self.process.pid, *sorted(int(pid) for pid in children.read_text().split())]
        except OSError:
            return []

    def engine_pid(self) -> int | None:
        """The engine's process, the newest of them if it was started again; None before there is one."""
        said = [int(line["pid"]) for line in list(self.lines) if line.get("name") == "engine" and "pid" in line]
        return said[-1] if said else None

    def stop(self) -> Line:
        """Ask it to end, as Ctrl-C would (which a shell's background jobs ignore); returns the ``finished`` line.

        Raises:
            DistillError: it does not end, or not well.
        """
        if self.process.poll() is None:
            self.process.terminate()
        return self.end()

    def end(self) -> Line:
        """Wait for its own end; returns the ``finished`` line."""
        try:
            self.process.wait(END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise DistillError("play did not end", fix="look for what hangs") from None
        for reader in self._readers:
            reader.join(END_PATIENCE_S)
        return self.wait_for("finished", patience_s=1.0)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append({**json.loads(text), "at_s": time.monotonic()})

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self._errors.append(text.strip())


@contextmanager
def playing(*arguments: str) -> Iterator[Playing]:
    """A ``play`` that is gone after the block, whatever happens in it."""
    play = Playing(*arguments)
    try:
        yield play
    finally:
        if play.process.poll() is None:
            play.process.terminate()
            try:
                play.process.wait(END_PATIENCE_S)
            except subprocess.TimeoutExpired:
                play.process.kill()
                play.process.wait()


def cpu_seconds(pid: int | None) -> float | None:
    """Processor time of a process and all its threads so far, in seconds (Linux; None elsewhere)."""
    if pid is None:
        return None
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def resident_mb(pid: int | None) -> float | None:
    """Resident memory of a process in MB (Linux; None elsewhere)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        return None
