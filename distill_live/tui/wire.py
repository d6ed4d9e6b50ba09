"""What the app hears from the bridge: one thread that asks, a dozen times a second, and hands over snapshots.

Setting a value sends one datagram and never waits, so it may be called from the screen's thread; everything that waits
for an answer happens in the thread. When nobody answers it goes on asking: the sound may come, go, and come back.
Knows OSC and the registry's ids; knows no widgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from distill_live.control.client import BankListing, OscClient, PresetListing, RefusedError
from distill_live.control.desk import EngineState
from distill_live.errors import DeviceError, DistillError
from distill_live.params import Registry, Value

PERIOD_S: Final = 0.08
ANSWER_S: Final = 0.5
SETTINGS_EVERY: Final = 4  # rounds between two looks at what hands turn (readouts are asked every round)
LISTS_EVERY: Final = 24
MISSED_ROUNDS: Final = 2  # rounds without an answer until the sound counts as gone


@dataclass(frozen=True)
class Snapshot:
    """What is known after one round. ``values`` holds what was asked for in this round, by parameter id.

    ``whole``: all of it may have changed; else only what moves by itself has been asked for.
    """

    alive: bool = False
    port: int = 0
    state: EngineState = field(default_factory=EngineState)
    values: Mapping[str, Value] = field(default_factory=dict)
    level_names: tuple[str, ...] = ()
    bank: BankListing = field(default_factory=lambda: BankListing((), ()))
    presets: PresetListing = field(default_factory=PresetListing)
    notices: tuple[str, ...] = ()
    whole: bool = True


class Wire:
    """The app's end of the cable."""

    def __init__(self, registry: Registry, deliver: Callable[[Snapshot], None], port: int, host: str) -> None:
        self.host = host
        self._deliver = deliver
        self._readouts = [p.id for p in registry.values() if p.kind == "readout"]
        self._settings = [p.id for p in registry.values() if p.kind not in ("readout", "trigger")]
        self._client = OscClient(port, host, timeout_s=ANSWER_S)
        self._wanted_port = port
        self._round = self._missed = 0
        self._known = Snapshot(port=port)
        self._named = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osc-wire", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the answer it may be waiting for."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(2 * ANSWER_S)

    def connect(self, port: int) -> None:
        """Talk to another port from the next round on."""
        self._wanted_port = port

    def set(self, param_id: str, value: Value) -> None:
        """Set a parameter; a network that refuses is found by the next round."""
        self.send(f"param/{param_id}", value)

    def send(self, path: str, *args: Value) -> None:
        """Send one message below the root."""
        try:
            self._client.send(path, *args)
        except DistillError:
            return

    def look_again(self) -> None:
        """Ask for everything in the next round: something was changed that is otherwise seen within two seconds."""
        self._round = 0

    def _run(self) -> None:
        while not self._ending.wait(PERIOD_S):
            if self._wanted_port != self._client.server[1]:
                self._client.close()
                self._client = OscClient(self._wanted_port, self.host, timeout_s=ANSWER_S)
                self._missed = MISSED_ROUNDS
            self._known = self._ask()
            self._deliver(self._known)
        self._client.close()

    def _ask(self) -> Snapshot:
        """One round: values, then the status; what came back in time."""
        self._round += 1
        port = self._client.server[1]
        try:
            values, notices = self._values()
            state = self._client.status()
            lists_due = self._round % LISTS_EVERY == 1
            bank = self._client.bank() if lists_due else self._known.bank
            presets = self._presets() if lists_due else self._known.presets
        except DeviceError:
            self._missed += 1
            gone = self._missed >= MISSED_ROUNDS or not self._known.alive
            return replace(self._known, alive=not gone, port=port, values={}, notices=())
        if not self._known.alive or self._missed:
            self._missed = 0
            self._round = 0  # the next round asks for everything
        names, whole = self._level_names(state.model), self._looks_at_all
        return Snapshot(True, port, state, values, names, bank, presets, notices, whole)

    @property
    def _looks_at_all(self) -> bool:
        return self._round % SETTINGS_EVERY == 1

    def _values(self) -> tuple[dict[str, Value], tuple[str, ...]]:
        """The values of this round, and the errors that came with them."""
        ids = self._readouts + (self._settings if self._looks_at_all else [])
        self._client.send_bundle([(f"param/{param_id}", ()) for param_id in ids])
        if not self._client.ping():
            raise DeviceError(f"no answer on port {self._client.server[1]}")
        prefix, error = self._client.address("param/"), self._client.address("error")
        calls = self._client.take()
        values = {c.address.removeprefix(prefix): c.args[0] for c in calls if c.address.startswith(prefix) and c.args}
        refused = [c.args for c in calls if c.address == error and len(c.args) == 3]
        return values, tuple(str(text) for _, code, text in refused if code != "unknown_address")

    def _presets(self) -> PresetListing:
        try:
            return self._client.presets()
        except RefusedError:  # its folder cannot be read, or the bridge is an older one: what was known stays
            return self._known.presets

    def _level_names(self, model: str) -> tuple[str, ...]:
        if model and model != self._named:
            self._named = model
            return tuple(str(name) for name in self._client.query("level/list"))
        return self._known.level_names


def levels_shown(names: Sequence[str], levels: int) -> tuple[str, ...]:
    """The names the strips carry; without a model, as many as are always registered.

    >>> levels_shown((), 2), levels_shown(("Structure", "Timbre"), 4)
    (('Level 0', 'Level 1'), ('Structure', 'Timbre'))
    """
    return tuple(names) or tuple(f"Level {i}" for i in range(levels))
