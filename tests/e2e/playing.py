"""A live ``play`` for the end-to-end tests: a process of its own, its JSON lines, and what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 60.0


class Playing:
    """A running ``distill-live play``; lines arrive in a thread of their own."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None, most_file_kb: int = 0) -> None:
        limit = ["bash", "-c", f'ulimit -f {most_file_kb}; exec "$@"', "play"] if most_file_kb else []
        command = [*limit, sys.executable, "-m", "distill_live", "play", *arguments, "--json"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment or dict(os.environ)
        )
        self.records: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def state(self, state: str) -> dict[str, Any]:
        """Wait for the first line of that state."""
        return self.until(lambda r: r.get("type") == "play" and r.get("state") == state)

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for record in list(self.records):
                if wanted(record):
                    return record
            assert self.process.poll() is None or self._reading(), f"play has ended: {self.errors}"
            time.sleep(0.02)
        raise AssertionError(f"nothing of the kind in {PATIENCE_S} s: {self.records[-3:]} {self.errors}")

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(5)
        return code

    def _reading(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line.rstrip())


@contextmanager
def playing(*arguments: str, environment: dict[str, str] | None = None, most_file_kb: int = 0) -> Iterator[Playing]:
    """``most_file_kb``: no file may grow larger, as on a disk that is nearly full."""
    play = Playing(*arguments, environment=environment, most_file_kb=most_file_kb)
    try:
        yield play
    finally:
        if play.process.poll() is None:
            play.process.terminate()
            play.process.wait(20)


def pid_of(play: Playing, name: str) -> int:
    """The newest process of that name."""
    started = [r for r in list(play.records) if r.get("state") == "process" and r.get("name") == name]
    return int(started[-1]["pid"])


def after(play: Playing, seen: int, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first record of that kind behind the first ``seen``."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = next((record for record in play.records[seen:] if wanted(record)), None)
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing of the kind: {play.records[-3:]} {play.errors}")


def state(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda record: record.get("type") == "play" and record.get("state") == name


def oscsend(port: int, address: str, types: str = "", *values: object) -> None:
    """A real client: liblo's ``oscsend``."""
    command = ["oscsend", f"osc.udp://127.0.0.1:{port}", address, *([types] if types else []), *map(str, values)]
    subprocess.run(command, check=True, timeout=10)


def free_port() -> int:
    """A UDP port that nobody had a moment ago."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
