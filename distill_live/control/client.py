"""The other end of the wire: a small OSC client for the TUI, the demo, scripts and tests.

Blocking, with time limits; one socket that sends and receives. Paths are below the root (``"temperature"``,
``"level/0/mute"``) unless they begin with ``/``. Sending may happen from any thread; queries take turns under a lock,
so a slow answer to one thread keeps the others waiting, never confused.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from distill_live.control.codes import DONE_ALL_THE_SAME
from distill_live.control.desk import EngineState
from distill_live.control.osc import RECEIVE_BUFFER_BYTES, encode, encode_bundle
from distill_live.control.validate import MAX_DATAGRAM_BYTES, Call, parse_datagram
from distill_live.errors import DeviceError, DistillError, UnknownNameError
from distill_live.events import ROOT
from distill_live.params import Value

Args = tuple[Value, ...]

_KEPT: Final = 512  # messages nobody waited for


class RefusedError(DistillError):
    """The bridge answered ``/distill/error``; ``code`` is the one it sent."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.error_code = code


@dataclass(frozen=True)
class BankListing:
    """The 16 slots (``""`` when empty) and the names that can be loaded into them."""

    slots: tuple[str, ...]
    sounds: tuple[str, ...]


@dataclass(frozen=True)
class PresetLine:
    """One preset as ``/distill/preset/list`` says it; ``whose`` is ``factory`` or ``own``."""

    place: int
    name: str
    whose: str
    note: str


@dataclass(frozen=True)
class PresetListing:
    """The presets in alphabetical order, and the one that was loaded or saved last ("" for none)."""

    lines: tuple[PresetLine, ...] = ()
    current: str = ""


class OscClient:
    """A client of one bridge. Use as a context manager, or call ``close``."""

    def __init__(
        self, port: int = 7480, host: str = "127.0.0.1", root: str = ROOT, timeout_s: float = 2.0, local_port: int = 0
    ) -> None:
        self.root = root
        self.timeout_s = timeout_s
        self.server = (host, port)
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.bind(("::" if ":" in host else "", local_port))
        self._kept: deque[Call] = deque(maxlen=_KEPT)
        self._turn = threading.RLock()

    def __enter__(self) -> OscClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def address(self, path: str) -> str:
        """A path as an address."""
        return path if path.startswith("/") else f"{self.root}/{path}"

    def send(self, path: str, *args: Value) -> None:
        """Send one message and do not wait.

        Raises:
            DeviceError: when the network refuses.
        """
        self.send_bytes(encode(self.address(path), args))

    def send_bundle(self, calls: Sequence[tuple[str, Sequence[Value]]], at_unix_s: float | None = None) -> None:
        """Send messages that take effect together, now or at a moment of the system clock (at most 2 s ahead)."""
        self.send_bytes(encode_bundle([Call(self.address(path), tuple(args)) for path, args in calls], at_unix_s))

    def send_bytes(self, data: bytes) -> None:
        try:
            self.socket.sendto(data, self.server)
        except OSError as error:
            raise DeviceError(f"cannot send to {self.server[0]}:{self.server[1]}: {error.strerror or error}") from None

    def query(self, path: str, *args: Value, reply: str = "", timeout_s: float | None = None) -> Args:
        """Send, and wait for the answer on the same address (or on ``reply``).

        Raises:
            RefusedError: when an error comes back for this address.
            DeviceError: when nothing comes back in time.
        """
        return self.query_all(path, *args, reply=reply, end=reply or path, timeout_s=timeout_s)[-1].args

    def query_all(
        self, path: str, *args: Value, end: str, reply: str = "", timeout_s: float | None = None
    ) -> list[Call]:
        """Send, and collect everything that comes back until the address ``end``, that one included.

        Raises:
            RefusedError, DeviceError: as ``query``.
        """
        asked, last = self.address(path), self.address(end)
        wanted = {asked, last, self.address(reply) if reply else asked}
        with self._turn:
            self._keep_arrived()
            self._kept = deque((c for c in self._kept if not _concerns(c, wanted, self.address("error"))), _KEPT)
            self.send(path, *args)
            got: list[Call] = []
            deadline_s = time.monotonic() + (timeout_s or self.timeout_s)
            while True:
                call = self._receive(deadline_s)
                if call is None:
                    raise DeviceError(f"no answer from {self.server[0]}:{self.server[1]} to {asked}", fix=_START)
                if call.address == self.address("error") and len(call.args) == 3 and call.args[0] == asked:
                    if call.args[1] not in DONE_ALL_THE_SAME:
                        raise RefusedError(str(call.args[1]), str(call.args[2]))
                elif call.address == last:
                    return [*got, call]
                elif call.address.startswith(asked) or call.address.startswith(self.address("bank/")):
                    got.append(call)
                    continue
                self._kept.append(call)

    def wait_for(self, until: Callable[[Call], bool], timeout_s: float | None = None) -> Call:
        """The first message, kept or still to come, that ``until`` says yes to.

        Raises:
            DeviceError: when none comes in time.
        """
        deadline_s = time.monotonic() + (timeout_s or self.timeout_s)
        with self._turn:
            for call in list(self._kept):
                if until(call):
                    self._kept.remove(call)
                    return call
            while (call_or_none := self._receive(deadline_s)) is not None:
                if until(call_or_none):
                    return call_or_none
                self._kept.append(call_or_none)
        raise DeviceError(f"no such message from {self.server[0]}:{self.server[1]}", fix=_START)

    def take(self) -> list[Call]:
        """Everything that has arrived and was not waited for (errors, done messages), oldest first."""
        with self._turn:
            self._keep_arrived()
            calls = list(self._kept)
            self._kept.clear()
            return calls

    def get(self, param_id: str) -> Value:
        """The value of a parameter or readout, in real units (a bool is 0 or 1)."""
        return self.query(f"param/{param_id}")[0]

    def set(self, param_id: str, value: Value) -> None:
        """Set a parameter in real units; does not wait."""
        self.send(f"param/{param_id}", value)

    def reset(self, param_id: str) -> None:
        self.send(f"param/{param_id}/reset")

    def swap(self, level: str | int, source: str | int, amount: float = 1.0) -> None:
        """Play a level (name, index or ``all``) from a slot, the sound in a slot, ``input`` or ``off``."""
        self.send("swap", level, source, amount)

    def sync(self, token: int = 0, timeout_s: float | None = None) -> None:
        """Wait until everything sent before has taken effect.

        Raises:
            RefusedError: when the engine is gone. DeviceError: when no answer comes in time.
        """
        self.query("sync", token, reply="synced", timeout_s=timeout_s)

    def ping(self, timeout_s: float | None = None) -> bool:
        """Whether the bridge answers."""
        try:
            self.query("ping", reply="pong", timeout_s=timeout_s)
        except DeviceError:
            return False
        return True

    def status(self) -> EngineState:
        """Load, xruns, latency, queue, model, state, device, and the bridge's counters."""
        return EngineState(*self.query("status"))  # type: ignore[arg-type]  # the wire keeps the order of the fields

    def describe(self, param_id: str = "") -> list[dict[str, Any]]:
        """The declarations of all parameters (or of one), as the bridge sends them."""
        names = ("id", "name", "group", "kind", "low", "high", "default", "unit", "curve", "labels", "help")
        calls = self.query_all("describe", *([param_id] if param_id else []), end="describe/end")[:-1]
        described: list[dict[str, Any]] = [dict(zip(names, call.args, strict=False)) for call in calls]
        if param_id and not described:
            raise UnknownNameError(f"there is no parameter {param_id!r}")
        for entry in described:
            entry["labels"] = [label for label in str(entry["labels"]).split(",") if label]
        return described

    def bank(self) -> BankListing:
        """What the slots hold and what can be loaded."""
        calls = self.query_all("bank/list", end="bank/list/end")[:-1]
        slots = tuple(str(c.args[1]) for c in calls if c.address == self.address("bank/list"))
        return BankListing(slots, tuple(str(c.args[0]) for c in calls if c.address == self.address("bank/sound")))

    def models(self) -> tuple[str, ...]:
        """Which models can be loaded."""
        return tuple(str(c.args[0]) for c in self.query_all("model/list", end="model/list/end")[:-1])

    def presets(self) -> PresetListing:
        """Which presets can be loaded."""
        *calls, end = self.query_all("preset/list", end="preset/list/end")
        lines = (PresetLine(int(c.args[0]), *map(str, c.args[1:4])) for c in calls)
        return PresetListing(tuple(lines), str(end.args[1]))

    def _keep_arrived(self) -> None:
        while (call := self._receive(0.0)) is not None:
            self._kept.append(call)

    def _receive(self, deadline_s: float) -> Call | None:
        """The next message, or None when the deadline has passed (0: only what is there)."""
        while True:
            self.socket.settimeout(max(deadline_s - time.monotonic(), 0.0))
            try:
                data = self.socket.recv(MAX_DATAGRAM_BYTES)
            except (ConnectionResetError, ConnectionRefusedError):  # what we sent bounced: nobody listens yet
                continue
            except (TimeoutError, BlockingIOError):
                return None
            for group in parse_datagram(data).groups:
                return group.calls[0]  # the bridge sends single messages


_START: Final = "start one with `distill-live play`, or check the port"


def _concerns(call: Call, addresses: set[str], error: str) -> bool:
    """Whether a message that was not waited for would be taken for the answer to a query."""
    return call.address in addresses or (call.address == error and bool(call.args) and call.args[0] in addresses)
