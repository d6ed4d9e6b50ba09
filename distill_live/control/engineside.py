"""The bridge's side of the engine's link: events and syncs there, values, status and results back.

Speaks the messages of ``docs/architecture.md``. Remembers who asked for what, so that ``synced``, ``done`` and
``error`` find their way; when the link is dead it says so once, and every later change is refused with
``engine_gone``. Knows no sockets and no MIDI. One thread, the bridge's loop.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from distill_live.control.codes import EngineGoneError
from distill_live.control.desk import Desk
from distill_live.control.namespace import ModelInfo
from distill_live.control.osc import Client
from distill_live.control.outbox import Outbox
from distill_live.control.outcome import EngineEvent
from distill_live.control.replies import Replies
from distill_live.events import ROOT, param_address
from distill_live.link import Link, Message
from distill_live.params import Value

GONE: Final = "engine gone"
BACK: Final = "starting"
STATUS_FIELDS: Final = ("load", "xruns", "xruns_minute", "latency_ms", "queue", "model", "state", "device")


class EngineSide:
    """What is on its way to the engine, and what the engine says."""

    def __init__(self, link: Link, desk: Desk, replies: Replies) -> None:
        self.link = link
        self._desk, self._replies = desk, replies
        self._outbox = Outbox()
        self._serial = itertools.count(1)
        self._syncs: dict[int, tuple[Client | None, int]] = {}
        self._askers: dict[str, Client | None] = {}  # who last sent each command
        self.gone = False  # the supervisor says that the engine has ended; another one is on its way

    def check_room(self, gathered: Sequence[EngineEvent]) -> None:
        """Ask before a change is made; ``gathered`` are the events of its bundle so far.

        Raises:
            EngineGoneError: when nobody is there. BusyError: when too much waits.
        """
        if self.link.closed or self.gone:
            raise EngineGoneError("the engine is not there, nothing was changed", fix="wait until it is back")
        self._outbox.check_room(gathered)

    def put(self, events: Sequence[EngineEvent], source: str, client: Client | None, whole: bool = False) -> None:
        """Queue events that belong together; ``whole`` as in ``Outbox.put``."""
        if not events:
            return
        self._outbox.put(events, source, whole)
        self._desk.state.coalesced = self._outbox.coalesced
        self._askers.update({event.address: client for event in events if not event.is_value})

    def put_sync(self, token: int, client: Client | None) -> None:
        """Queue a sync behind everything before it; the client gets its token back when it is through."""
        serial = next(self._serial)
        self._syncs[serial] = (client, token)
        self._outbox.put_sync(serial)

    def turn(self) -> None:
        """Hear what the engine says, send what it may be sent."""
        for message in self.link.poll():
            self._hear(message)
        for message in self._outbox.messages():
            self.link.send(message)
        if self.link.closed and self._desk.state.state != GONE:
            self._left()

    def engine_alive(self, alive: bool) -> None:
        """What the supervisor says of the engine: one that has died is started again, and the link stays."""
        if not alive and not self.gone:
            self._left()
        self.gone = not alive
        if alive and self._desk.state.state == GONE:
            self._desk.state.state = BACK

    def _left(self) -> None:
        error = EngineGoneError("the engine is not there, all values stay as they are", fix="it is started again")
        self._desk.state.state = GONE
        self._desk.recording = False
        for client in {client for client, _ in self._syncs.values()}:
            self._replies.refuse(client, self._desk.namespace.address("sync"), error)
        self._syncs.clear()
        self._outbox = Outbox(coalesced=self._outbox.coalesced)
        self._replies.error(None, "", error.code, str(error))

    def _hear(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "ack":
            self._outbox.acknowledge(int(message["batch"]))
        elif kind == "values":
            self._mirror(message["values"])
        elif kind == "status":
            for name in STATUS_FIELDS:
                setattr(self._desk.state, name, message.get(name, getattr(self._desk.state, name)))
        elif kind == "synced":
            self._synced(message.get("token"))
        elif kind == "model":
            if message.get("fresh"):
                self._outbox.forget_in_flight()
            self._desk.namespace.set_model(ModelInfo.from_message(message))
            self._desk.state.model = self._desk.namespace.model.name
        elif kind in ("done", "error"):
            self._report(message)

    def _mirror(self, values: Mapping[str, Value]) -> None:
        """Take over the engine's values, except where a newer one of ours is still on its way."""
        under_way = self._outbox.under_way()
        for param_id, value in values.items():
            if param_id in self._desk.namespace.registry and param_address(param_id) not in under_way:
                self._desk.bank.publish(param_id, value)

    def _synced(self, serial: object) -> None:
        self._outbox.synced()
        if isinstance(serial, int) and serial in self._syncs:
            client, token = self._syncs.pop(serial)
            self._replies.send(client, self._desk.namespace.address("synced"), (token,))

    def _report(self, message: Message) -> None:
        """The engine has done a command, or says why not: to the client who last asked for it."""
        address = str(message.get("address", ""))
        args = tuple(message.get("args", ()))
        shown = self._desk.namespace.root + address.removeprefix(ROOT)
        failed = message["type"] == "error"
        if address == f"{ROOT}/transport/record":
            self._desk.recording = not failed and bool(args and args[0])
        client = self._askers.get(address)
        if failed:
            self._replies.error(client, shown, str(message.get("code", "refused")), str(message.get("text", "")))
        else:
            self._replies.send(client, self._desk.namespace.address("done"), (shown, *args))
