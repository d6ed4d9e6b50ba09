"""A JACK client that does nothing, in a process of its own: how many xruns the server itself has meanwhile.

``python -m distill_live.cli.bench.idle_client`` prints ``ready``, counts until stdin closes, and prints one JSON
object. Needs JACK-Client (the extra ``jack``). :class:`IdleClient` is its other end.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import Any


class IdleClient:
    """The client that runs beside us; ``result`` is empty where there is none to be had."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "distill_live.cli.bench.idle_client"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.ready = self._process.stdout.readline().strip() == "ready"

    def result(self) -> dict[str, int]:
        """Let it end; ``{"xruns", "periods"}``, or nothing when it never ran."""
        out = ""
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            out, _ = self._process.communicate(timeout=10.0)
        self.stop()
        counts: dict[str, int] = json.loads(out) if self.ready and out.strip() else {}
        return counts

    def stop(self) -> None:
        """End it, counted or not."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Counter:
    """What the client's callbacks count; JACK's threads."""

    def __init__(self) -> None:
        self.xruns = self.periods = 0

    def period(self, _frames: int) -> None:
        self.periods += 1

    def xrun(self, _delay_us: float) -> None:
        self.xruns += 1


def main() -> None:
    """The process."""
    import jack

    client: Any = jack.Client("distill-idle", no_start_server=True)
    counter = Counter()
    client.set_process_callback(counter.period)
    client.set_xrun_callback(counter.xrun)
    client.activate()
    print("ready", flush=True)
    sys.stdin.read()
    client.deactivate()
    client.close()
    print(json.dumps({"xruns": counter.xruns, "periods": counter.periods}))


if __name__ == "__main__":
    main()
