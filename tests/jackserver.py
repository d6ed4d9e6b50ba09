"""A real JACK server without a sound card, for tests and benchmarks: own name, own process, ended by its id.

``with jack_server() as server:`` starts ``jackd -d dummy`` and sets ``JACK_DEFAULT_SERVER`` for this process and the
children it starts meanwhile. Never load PortAudio (sounddevice) in the test process itself: its exit handler aborts
when the server is gone; ask for devices in a child. The test is skipped where ``jackd`` is not installed. Clients
that were opened on the server (JACK-Client, rtmidi) must be closed before the block ends.

JACK keeps a table of eight servers in shared memory, and one that was killed keeps its place until a server of the same
name comes by. So a killed server is followed by one that starts and ends in good order (``_free_place``).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

_serial = itertools.count()


@dataclass(frozen=True)
class JackServer:
    """A running dummy server. ``environment`` is what a child process needs to find it."""

    name: str
    options: tuple[str, ...]  # of the dummy driver
    realtime: bool
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "JACK_DEFAULT_SERVER": self.name, "JACK_NO_START_SERVER": "1"}

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """The power plug: SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def lines(self, *command: str) -> list[str]:
        """Run a JACK command-line tool against this server, e.g. ``lines("jack_lsp", "-c")``."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=10)
        return done.stdout.splitlines()


class Named(Protocol):
    """All that a client needs of a server."""

    @property
    def name(self) -> str: ...


def jack_available() -> bool:
    return shutil.which("jackd") is not None


needs_jack = pytest.mark.skipif(not jack_available(), reason="jackd is not installed (apt-get install jackd2)")


@contextlib.contextmanager
def jack_server(
    period: int = 256,
    realtime: bool = True,
    name: str | None = None,
    rate: int = 48000,
    captures: int = 2,
    playbacks: int = 2,
    sync: bool = False,
) -> Iterator[JackServer]:
    """Start a dummy server; ``realtime`` falls back to ordinary scheduling where it is not granted.

    With ``sync`` it waits for every client in every period, so that on a machine that stands still for a while a
    client still reads what the one before it wrote, whole; for tests that compare samples.
    """
    if not jack_available():
        pytest.skip("jackd is not installed (apt-get install jackd2)")
    options = ("-r", str(rate), "-p", str(period), "-C", str(captures), "-P", str(playbacks))
    server = _start(name or f"dl{os.getpid()}n{next(_serial)}", options, realtime, sync)
    before = {key: os.environ.get(key) for key in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")}
    os.environ.update(JACK_DEFAULT_SERVER=server.name, JACK_NO_START_SERVER="1")
    try:
        yield server
    finally:
        _restore(before)
        _stop(server)


class Recording:
    """A JACK client that keeps what arrives, period by period."""

    def __init__(self, server: Named, seconds: float, channels: int = 2) -> None:
        import jack

        self.client = jack.Client(f"recorder{os.getpid()}", no_start_server=True, servername=server.name)
        self.ports = [self.client.inports.register(f"in_{n}") for n in range(channels)]
        self.samples = np.zeros((channels, int(seconds * self.client.samplerate)), np.float32)
        self.frames = 0
        self.xruns = 0
        self.client.set_process_callback(self._take)
        self.client.set_xrun_callback(self._xrun)
        self.client.activate()

    @property
    def full(self) -> bool:
        return self.frames + self.client.blocksize > self.samples.shape[1]

    def connect(self, prefix: str) -> None:
        for port, source in zip(self.ports, self.client.get_ports(prefix, is_output=True), strict=True):
            self.client.connect(source, port)

    def again(self) -> None:
        """Forget what has arrived and start anew."""
        self.frames = 0

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def _take(self, frames: int) -> None:
        if self.frames + frames <= self.samples.shape[1]:
            for channel, port in enumerate(self.ports):
                self.samples[channel, self.frames : self.frames + frames] = port.get_array()
            self.frames += frames

    def _xrun(self, _delay_us: float) -> None:
        self.xruns += 1


class Playback:
    """A JACK client that plays ``samples`` ``[channels, T]`` once, from the moment it is connected."""

    def __init__(self, server: JackServer, samples: np.ndarray) -> None:
        import jack

        self.client = jack.Client(f"player{os.getpid()}", no_start_server=True, servername=server.name)
        self.ports = [self.client.outports.register(f"out_{n}") for n in range(len(samples))]
        self.samples = samples
        self.frames = 0
        self.playing = False
        self.client.set_process_callback(self._give)
        self.client.activate()

    @property
    def done(self) -> bool:
        return self.frames >= self.samples.shape[1]

    def connect(self, prefix: str) -> None:
        for port, target in zip(self.ports, self.client.get_ports(prefix, is_input=True), strict=True):
            self.client.connect(port, target)
        self.playing = True

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def _give(self, frames: int) -> None:
        for channel, port in enumerate(self.ports):
            sound = self.samples[channel, self.frames : self.frames + frames] if self.playing else ()
            out = port.get_array()
            out[: len(sound)] = sound
            out[len(sound) :] = 0
        self.frames += frames if self.playing else 0


def _start(name: str, options: tuple[str, ...], realtime: bool, sync: bool) -> JackServer:
    for with_realtime in (True, False) if realtime else (False,):
        server = _launch(name, options, with_realtime, sync)
        if not _answers(server) and "Too many servers" in server.log_text():
            _free_places_of_the_dead()
            server = _launch(name, options, with_realtime, sync)
        if _answers(server):
            return server
        _end(server)
    pytest.skip(f"the dummy JACK server does not start here: {server.log_text()[-300:]}")


def _launch(name: str, options: tuple[str, ...], realtime: bool, sync: bool = False) -> JackServer:
    log = Path(tempfile.gettempdir()) / f"jackd-{name}.log"
    scheduling = ["-R", "-P", "70"] if realtime else ["-r"]
    command = ["jackd", *scheduling, *(["-S"] if sync else []), "-n", name, "-d", "dummy", *options]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return JackServer(name, options, realtime, process, log)


def _free_place(name: str) -> None:
    """Take over a dead server's place in JACK's table, and leave it in good order; a living one is left alone."""
    server = _launch(name, ("-r", "48000", "-p", "1024"), realtime=False)
    _answers(server)
    _end(server)
    server.log.unlink(missing_ok=True)


def _free_places_of_the_dead() -> None:
    for left in Path("/dev/shm").glob(f"jack_*_{os.getuid()}_*"):
        name = re.fullmatch(rf"jack_(.+)_{os.getuid()}_\d+", left.name)
        if name:
            _free_place(name[1])


def _answers(server: JackServer, patience_s: float = 10.0) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and server.process.poll() is None:
        if any(line.startswith("system:playback_1") for line in server.lines("jack_lsp")):
            return True
        time.sleep(0.1)
    return False


def _stop(server: JackServer) -> None:
    _end(server)
    if server.process.returncode == -signal.SIGKILL:
        _free_place(server.name)
    server.log.unlink(missing_ok=True)


def _end(server: JackServer) -> None:
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGCONT)
        server.process.terminate()
        try:
            server.process.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()


def _restore(values: dict[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
