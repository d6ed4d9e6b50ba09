"""A recording made by a process with nothing else to do: ``python -m tests.jackrecorder SERVER PREFIX SECONDS C FILE``.

For short periods: in the test process the recorder's callback waits for the interpreter, and what it then finds in its
port is not what was sent.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.jackserver import JackServer, Recording

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Recorded:
    """``samples`` ``[channels, T]`` and how often the server was late meanwhile."""

    samples: np.ndarray
    xruns: int


def record(server: JackServer, prefix: str, seconds: float, channels: int, folder: Path) -> Recorded:
    """What the ports that begin with ``prefix`` carry, all of them."""
    file = folder / "recording.npz"
    command = [sys.executable, "-m", __name__, server.name, prefix, str(seconds), str(channels), str(file)]
    subprocess.run(command, cwd=_ROOT, env=server.environment, check=True, timeout=60)
    with np.load(file) as kept:
        return Recorded(kept["samples"], int(kept["xruns"]))


@dataclass(frozen=True)
class _Named:
    """All that a recording needs of a server."""

    name: str


def _main(name: str, prefix: str, seconds: str, channels: str, file: str) -> None:
    gc.disable()
    recording = Recording(_Named(name), float(seconds), int(channels))
    recording.connect(prefix)
    recording.again()
    while not recording.full:
        time.sleep(0.01)
    recording.close()
    np.savez(file, samples=recording.samples[:, : recording.frames], xruns=recording.xruns)


if __name__ == "__main__":
    _main(*sys.argv[1:])
