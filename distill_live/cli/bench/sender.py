"""A performer in a process of its own: sends OSC at given moments over UDP and notes when, on the monotonic clock.

``python -m distill_live.cli.bench.sender`` reads one JSON object from stdin, ``{"port", "messages": [[at_s, path,
[args]], ...]}`` with ``at_s`` counted from the moment it has read it, and prints one JSON line a message sent:
``[sent_s, path, [args]]``. :class:`Performer` is its other end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distill_live.errors import DistillError
from distill_live.params import Value


@dataclass(frozen=True)
class Message:
    """One message of a series: when (s from its begin, or on the monotonic clock once it is sent), and what."""

    at_s: float
    path: str
    args: tuple[Value, ...]


class Performer:
    """A sender that runs beside us."""

    def __init__(self, port: int, messages: Sequence[Message]) -> None:
        command = [sys.executable, "-m", "distill_live.cli.bench.sender"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        json.dump({"port": port, "messages": [[m.at_s, m.path, list(m.args)] for m in messages]}, self._process.stdin)
        self._process.stdin.close()

    def finish(self) -> list[Message]:
        """Wait until everything is sent; the messages with the moments they were sent at.

        Raises:
            DistillError: the sender has failed.
        """
        assert self._process.stdout is not None
        lines = [json.loads(line) for line in self._process.stdout]
        if self._process.wait(10.0) != 0:
            raise DistillError("the sender of the benchmark has failed, see above")
        return [Message(sent_s, path, tuple(args)) for sent_s, path, args in lines]

    def stop(self) -> None:
        """End it, sent or not."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def send_all(client: Any, messages: Sequence[tuple[float, str, list[Value]]]) -> list[tuple[float, str, list[Value]]]:
    """Send each message when it is due; the same messages with the moments they were sent at."""
    began_s = time.monotonic()
    sent = []
    for at_s, path, args in messages:
        time.sleep(max(0.0, began_s + at_s - time.monotonic()))
        now_s = time.monotonic()
        client.send(path, *args)
        sent.append((now_s, path, args))
    return sent


def main() -> None:
    """The process."""
    from distill_live.control.client import OscClient

    task = json.load(sys.stdin)
    with OscClient(port=int(task["port"])) as client:
        for sent in send_all(client, task["messages"]):
            print(json.dumps(sent))


if __name__ == "__main__":
    main()
