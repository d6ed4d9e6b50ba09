"""A program of ours that runs beside a measurement, in a process of its own.

It prints one line when it is ready, answers each line on its stdin with a line of JSON, and when its stdin ends it says
a last line and goes. Such a program cannot disturb the one that measures, and a dead audio server takes only it along.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from distill_live.engine.priority import request_realtime

CLIENT_PRIORITY: Final = 60  # below the device's 65: of everything in a process that has a JACK client
READY: Final = "ready"
_END_PATIENCE_S: Final = 20.0


class Beside:
    """The other end of one.

    Args:
        module: of ``distill_live.cli.bench``.
        arguments: for it.
        quiet: whether what it complains of is of no interest (it may not be there at all).

    Attributes:
        greeting: its first line; ``ready`` when all is well, empty when it could not start.
    """

    def __init__(self, module: str, *arguments: str, quiet: bool = False) -> None:
        command = [sys.executable, "-m", f"distill_live.cli.bench.{module}", *arguments]
        errors = subprocess.DEVNULL if quiet else None
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for the one that measures
        )
        assert self._process.stdout is not None
        self.greeting = self._process.stdout.readline().strip()
        self._last: dict[str, Any] | None = None

    @property
    def ready(self) -> bool:
        return self.greeting == READY

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, question: str = "") -> dict[str, Any]:
        """What it answers; nothing when it is gone or never was."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self.greeting or self._last is not None:
            return {}
        with contextlib.suppress(BrokenPipeError):
            print(question, file=self._process.stdin, flush=True)
            return _parsed(self._process.stdout.readline())
        return {}

    def stop(self) -> dict[str, Any]:
        """Let it end; its last line. Killed when it does not end. Again: the same."""
        if self._last is None:
            try:
                told, _ = self._process.communicate(timeout=_END_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                told, _ = self._process.communicate()
            self._last = _parsed(told)
        return self._last


def stand_in_front() -> None:
    """What a program with a JACK client calls before it opens it.

    The client's thread has real time; it would wait for the interpreter's lock, and the whole server for it, while this
    thread holds the lock and an ordinary program has its core.
    """
    request_realtime(CLIENT_PRIORITY)


def serve(answer: Callable[[str], Any]) -> None:
    """The program's side: answer every line until stdin ends."""
    print(READY, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)


def _parsed(text: str) -> dict[str, Any]:
    """The last of some lines, as JSON.

    >>> _parsed('ready\\n{"xruns": 2}\\n'), _parsed("")
    ({'xruns': 2}, {})
    """
    lines = text.strip().splitlines()
    said: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return said
