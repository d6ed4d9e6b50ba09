"""A JACK client that does nothing, in a process of its own: how many xruns the server itself has meanwhile.

``python -m distill_live.cli.bench.idle_client`` prints ``ready``, and for every line on stdin one JSON object with what
it has counted so far; it ends with stdin. Needs JACK-Client (the extra ``jack``). :class:`IdleClient` is its other end.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import Any, Final

_END_PATIENCE_S: Final = 5.0


class IdleClient:
    """The client that runs beside us; ``ready`` is False where there is none to be had."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "distill_live.cli.bench.idle_client"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.ready = self._process.stdout.readline().strip() == "ready"

    def counts(self) -> dict[str, int]:
        """``{"xruns", "periods"}`` so far, or nothing when it never ran or is gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        line = ""
        if self.ready:
            with contextlib.suppress(BrokenPipeError):
                print(file=self._process.stdin, flush=True)
                line = self._process.stdout.readline()
        counted: dict[str, int] = json.loads(line) if line.strip() else {}
        return counted

    def stop(self) -> None:
        """Let it leave the server; kill it when it does not."""
        try:
            self._process.communicate(timeout=_END_PATIENCE_S)
        except subprocess.TimeoutExpired:
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
    for _ in sys.stdin:
        print(json.dumps({"xruns": counter.xruns, "periods": counter.periods}), flush=True)
    client.deactivate()
    client.close()


if __name__ == "__main__":
    main()
