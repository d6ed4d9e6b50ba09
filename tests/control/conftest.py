"""A registry of our own, a fake engine at the other end of the link, and a live bridge process to talk to."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from distill_live.control.bridge import BridgeSettings, run_bridge
from distill_live.control.client import OscClient
from distill_live.link import End, Link, Message, link_pair
from distill_live.params import Param, Registry

PARAMS = (
    Param("temperature", "Temperature", "sampling", low=0.1, high=2.0, default=1.0, curve="log", help="How daring."),
    Param("topk", "Top-k", "sampling", "int", 0, 1024, 0, help="How many codes may be chosen."),
    Param("topp", "Top-p", "sampling", low=0.0, high=1.0, default=1.0, help="How much of the mass."),
    Param("seed", "Seed", "sampling", "int", 0, 2**31 - 1, 1, help="The dice."),
    Param("mix", "Mix", "effects", low=0.0, high=1.0, default=1.0, curve="power", help="Dry to wet."),
    Param("bypass", "Bypass", "effects", "bool", help="Skips the effects."),
    Param("master.volume_db", "Volume", "master", low=-60.0, high=6.0, default=0.0, unit="dB", help="Loudness."),
    Param("rewind", "Rewind", "prior", "trigger", help="Starts the phrase again."),
    Param("meter.peak_db", "Peak", "meters", "readout", -100.0, 6.0, -100.0, "dB", help="The loudest sample."),
    *(
        param
        for level in range(4)
        for param in (
            Param(f"level.{level}.temperature", "Temperature", f"level.{level}", low=0.1, high=2.0, default=1.0),
            Param(f"level.{level}.mute", "Mute", f"level.{level}", "bool"),
            Param(f"level.{level}.swap", "Swap", f"level.{level}", "enum", labels=("off", *map(str, range(1, 17)))),
        )
    ),
)

MODEL = {
    "type": "model",
    "name": "test",
    "sha256": "0" * 64,
    "level_names": ["Structure", "Timbre", "Detail"],
    "sounds": ["bells", "drones"],
    "slots": ["bells", "drones"] + [""] * 14,
    "codebook_size": 64,
}


@dataclass
class FakeEngine:
    """Acknowledges, answers syncs, and keeps every event in the order it came."""

    link: Link
    holding: bool = False  # while True it acknowledges nothing
    stopped: bool = False  # while True it does not even read
    events: list[list[Any]] = field(default_factory=list)
    batches: list[list[list[Any]]] = field(default_factory=list)
    running: bool = True
    outgoing: list[Message] = field(default_factory=list)
    _held: list[Message] = field(default_factory=list)

    def run(self) -> None:
        self.link.send(MODEL)
        self.link.send({"type": "status", "load": 0.25, "latency_ms": 96.0, "state": "playing", "device": "null"})
        while self.running and not self.link.closed:
            while self.outgoing:
                self.link.send(self.outgoing.pop(0))
            if self.stopped:
                time.sleep(0.01)
                continue
            self._held += self.link.poll(wait_s=0.01)
            while self._held and not self.holding:
                self._obey(self._held.pop(0))

    def _obey(self, message: Message) -> None:
        if message["type"] == "events":
            self.batches.append(message["events"])
            self.events += message["events"]
            self.link.send({"type": "ack", "batch": message["batch"], "frame": 0})
        elif message["type"] == "sync":
            self.link.send({"type": "synced", "token": message["token"]})

    def values(self, address: str) -> list[Any]:
        """The arguments of every event of an address, in order."""
        return [args for event_address, args, _ in self.events if event_address == address]


@dataclass
class Rig:
    """A bridge process with a fake engine, its supervisor's end, and a client."""

    client: OscClient
    engine: FakeEngine
    supervisor: Link
    process: Any
    port: int
    announcements: list[Message]

    def kill_engine(self) -> None:
        self.engine.running = False
        time.sleep(0.05)
        self.engine.link.connection.close()

    def heard(self, until: Callable[[Message], bool], timeout_s: float = 10.0) -> Message:
        """The first announcement that ``until`` says yes to."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            self.announcements += self.supervisor.poll(wait_s=0.05)
            for message in self.announcements:
                if until(message):
                    return message
        raise AssertionError(f"never announced; heard {self.announcements}")


@contextmanager
def open_rig(settings: BridgeSettings) -> Iterator[Rig]:
    """Start a bridge as the supervisor does, and end it again."""
    engine_here, engine_there = link_pair()
    supervisor_here, supervisor_there = link_pair()
    process = _start(engine_there, supervisor_there, settings)
    engine, supervisor = FakeEngine(Link(engine_here)), Link(supervisor_here)
    thread = threading.Thread(target=engine.run, daemon=True)
    thread.start()
    first = _first(supervisor)
    client = OscClient(port=first["osc_port"], root=settings.osc_root, timeout_s=5.0)
    try:
        client.sync()
        yield Rig(client, engine, supervisor, process, first["osc_port"], [first])
    finally:
        supervisor.send({"type": "quit"})
        process.join(5)
        assert not process.is_alive(), "the bridge did not quit"
        engine.running = False
        thread.join(5)
        client.close()


def _start(engine: End, supervisor: End, settings: BridgeSettings) -> Any:
    process = multiprocessing.get_context("spawn").Process(
        target=run_bridge, args=(settings, supervisor, engine), daemon=True
    )
    process.start()
    engine.close()
    supervisor.close()
    return process


def _first(supervisor: Link) -> Message:
    for _ in range(200):
        for message in supervisor.poll(wait_s=0.1):
            return message
    raise AssertionError("the bridge never announced itself")


@pytest.fixture
def registry() -> Registry:
    return Registry(PARAMS)


@pytest.fixture(scope="session")
def settings() -> BridgeSettings:
    return BridgeSettings(PARAMS, port=0, midi=False)


@pytest.fixture(scope="module")
def rig(settings: BridgeSettings) -> Iterator[Rig]:
    with open_rig(settings) as opened:
        yield opened


@pytest.fixture
def own_rig(settings: BridgeSettings) -> Callable[..., Any]:
    """Open a rig of one's own: ``with own_rig(midi=True) as rig``."""

    def opener(**changes: Any) -> Any:
        return open_rig(replace(settings, **changes))

    return opener
