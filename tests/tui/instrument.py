"""The real bridge on a real UDP port, with a scripted engine behind it: what the terminal app's tests talk to.

Also runs as a program (``distill_program.py play``), so that the app can start it the way it starts the instrument.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from distill_live.control.bridge import Bridge, BridgeSettings
from distill_live.engine.params import load_all
from distill_live.link import Link, link_pair

LEVEL_NAMES = ("Structure", "Timbre", "Detail")
STATUS = {"load": 0.23, "xruns": 2, "xruns_minute": 1, "latency_ms": 96.0, "queue": 4}
VALUES = {"meter.left": -12.5, "meter.right": -7.25, "engine.column": 99}


@dataclass
class Instrument:
    """A bridge and an engine that acknowledges everything and keeps the events. ``port`` 0: any free one."""

    port: int = 0
    model: str = "bells"
    level_names: tuple[str, ...] = LEVEL_NAMES
    events: list[tuple[str, list[Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        engine_here, engine_there = link_pair()
        supervisor_here, supervisor_there = link_pair()
        settings = BridgeSettings(tuple(load_all().values()), port=self.port, midi=False)
        self.bridge = Bridge(settings, Link(engine_there), Link(supervisor_there))
        self.port = self.bridge.osc.port
        self.engine, self.supervisor = Link(engine_here), Link(supervisor_here)
        self.state = "playing"
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self.bridge.run, self._play)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both; the port is silent afterwards."""
        self.supervisor.send({"type": "quit"})
        self._ending.set()
        for thread in self._threads:
            thread.join(5)
        self.bridge.close()

    def lose_engine(self) -> None:
        """The engine dies; the bridge stays."""
        self._ending.set()
        self._threads[1].join(5)
        self.engine.connection.close()

    def last(self, address: str) -> list[Any] | None:
        """The arguments of the newest event of an address."""
        return next((args for known, args in reversed(self.events) if known == address), None)

    def _play(self) -> None:
        self._announce()
        while not self._ending.is_set() and not self.engine.closed:
            for message in self.engine.poll(wait_s=0.02):
                self._obey(message)
            codes = {f"level.{i}.code": 10 + i for i in range(len(self.level_names))}
            entropy = {f"level.{i}.entropy": 2.5 for i in range(len(self.level_names))}
            self.engine.send({"type": "values", "values": {**VALUES, **codes, **entropy}})
            status = {"type": "status", "model": self.model, "state": self.state, "device": "null device", **STATUS}
            self.engine.send(status)

    def _announce(self) -> None:
        names = {"level_names": list(self.level_names), "sounds": ["bells", "drones"], "slots": ["bells", *[""] * 15]}
        self.engine.send({"type": "model", "name": self.model, "sha256": "0" * 64, "codebook_size": 64, **names})

    def _obey(self, message: dict[str, Any]) -> None:
        if message["type"] == "sync":
            self.engine.send({"type": "synced", "token": message["token"]})
        if message["type"] != "events":
            return
        self.engine.send({"type": "ack", "batch": message["batch"], "frame": 0})
        for address, args, _source in message["events"]:
            self.events.append((address, args))
            if address == "/distill/model/load":
                self.model = args[0]
            if address == "/distill/transport/stop":
                self.state = "stopped"
            if address == "/distill/transport/start":
                self.state = "playing"
            if address == "/distill/transport/record":
                self.state = "recording" if args[0] else "playing"
