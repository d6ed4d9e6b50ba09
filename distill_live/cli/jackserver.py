"""A JACK server without a sound card, for the demo and the benchmarks: own name, own process, ended by its id.

Real-time scheduling where the system grants it, ordinary scheduling where it does not, and it says which. One thread.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from distill_live.control.midi import midi_systems

SAMPLE_RATE: Final = 48000
PERIOD: Final = 256
PRIORITY: Final = 70
START_PATIENCE_S: Final = 5.0
STOP_PATIENCE_S: Final = 5.0
HOW_TO_HAVE_ONE: Final = "install jackd2 (apt-get install jackd2)"


@dataclass(frozen=True)
class DummyServer:
    """A running server. ``realtime``: real-time scheduling was granted; ``sync``: it waits for its clients."""

    name: str
    period: int
    realtime: bool
    process: subprocess.Popen[bytes]
    sync: bool = False


def can_start() -> bool:
    """Whether a dummy server is to be had on this machine at all."""
    return sys.platform == "linux" and shutil.which("jackd") is not None


@contextmanager
def dummy_server(name: str, period: int = PERIOD, sync: bool = False) -> Iterator[DummyServer | None]:
    """A 48 kHz dummy server for the length of the block, or None where none starts.

    This process and the children it starts meanwhile find it through ``JACK_DEFAULT_SERVER``. Clients must be closed
    before the block ends. With ``sync`` it waits for all clients before a period ends, and takes nothing away from one
    that is late; the periods after that come faster, until it has caught up.
    """
    if not can_start():
        yield None
        return
    wanted = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    server = None
    try:
        server = _start(name, period, sync)
        yield server
    finally:
        for key, value in before.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        if server is not None:
            _end(server.process)


def _start(name: str, period: int, sync: bool) -> DummyServer | None:
    for realtime in (True, False):
        scheduling = ["-R", "-P", str(PRIORITY)] if realtime else ["-r"]
        options = [*scheduling, *(["-S"] if sync else []), "-n", name]
        command = ["jackd", *options, "-d", "dummy", "-r", str(SAMPLE_RATE), "-p", str(period)]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        if _answers(process):
            return DummyServer(name, period, realtime, process, sync)
        _end(process)
    return None


def _answers(process: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if _has_ports():
            return True
        time.sleep(0.1)
    return False


def _has_ports() -> bool:
    """Asked from a process of its own where JACK's tools are there: a client that fails leaves nothing behind."""
    if shutil.which("jack_lsp") is None:
        return "UNIX_JACK" in midi_systems()
    try:
        listed = subprocess.run(["jack_lsp"], capture_output=True, text=True, timeout=START_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return "system:playback_1" in listed.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
