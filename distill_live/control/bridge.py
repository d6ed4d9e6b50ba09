"""The bridge process: OSC and MIDI in, events to the engine, replies out; it may die without stopping the sound.

One thread, one loop: it waits for the UDP socket, the engine's link and the supervisor's link together, never for one
of them alone, and no longer than MIDI may wait. The sockets are drained before every small portion of work, so a burst
stays out of the kernel's buffer. Knows the engine only by the messages of ``docs/architecture.md``; when the engine's
link is dead it goes on answering, with the state ``engine gone``, and freezes the values.

Time tags: past and "now" act at once, up to 2 s ahead wait in a heap (never asleep), later ones are refused.
On the supervisor's link it announces ``{"type": "bridge", "osc_port": n, "midi_in": name or null, "midi_ports": [...],
"messages": [sentences]}`` at the start and on every change, hears ``{"type": "engine", "alive": bool}`` when an engine
has died or another is started in its place, and obeys ``{"type": "quit"}``.
"""

from __future__ import annotations

import heapq
import itertools
import select
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from distill_live.control.codes import TooFarError
from distill_live.control.desk import Desk
from distill_live.control.engineside import EngineSide
from distill_live.control.mapper import MidiMapper, MidiMessage
from distill_live.control.midi import POLL_S, MidiInput
from distill_live.control.midimap import MidiMap, read_map
from distill_live.control.namespace import Namespace
from distill_live.control.osc import Client, OscSocket, seconds_ahead
from distill_live.control.outcome import EngineEvent, Outcome
from distill_live.control.presetdesk import PRESET_LOAD
from distill_live.control.replies import Replies
from distill_live.control.validate import Call, Group, parse_datagram
from distill_live.errors import DistillError, UsageError
from distill_live.events import ROOT
from distill_live.link import End, Link
from distill_live.params import Param, Registry

MOST_AHEAD_S: Final = 2.0
MOST_SCHEDULED: Final = 1024
BACKLOG: Final = 65_536  # datagrams taken from the kernel and not read yet; the oldest fall out
PORTION: Final = 64  # datagrams read before the socket is drained again
IDLE_S: Final = 0.25
PROGRAM_SETTLES_S: Final = 0.02  # a dial sends programs faster than that; a wait of two hops is not heard


@dataclass(frozen=True)
class BridgeSettings:
    """What the bridge is started with (picklable).

    Attributes:
        params: every declaration, as ``tuple(load_all().values())``.
        bind, port, strict_port, osc_root: where OSC comes in; port 0 takes any free one.
        midi: whether MIDI is looked for at all (the virtual port ``distill-live in`` is then opened where it can be).
        midi_in: part of the name of a MIDI port to open, or None.
        midi_map: path of a TOML map, or None.
        preset: the one that the engine is started with, or None; ``next`` goes on from there.
    """

    params: tuple[Param, ...]
    bind: str = "127.0.0.1"
    port: int = 7480
    strict_port: bool = False
    osc_root: str = ROOT
    midi: bool = True
    midi_in: str | None = None
    midi_map: str | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"the OSC port {self.port} is not a port", fix="use 1 to 65535")


def run_bridge(settings: BridgeSettings, supervisor: End, engine: End) -> None:
    """The process's entry: runs until it is told to quit or both links are closed.

    A port that is taken, a bad root or a bad map is said on the supervisor's link (``osc_port`` is null then) before
    it returns.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    to_supervisor = Link(supervisor)
    try:
        bridge = Bridge(settings, Link(engine), to_supervisor)
    except DistillError as error:
        to_supervisor.send(announcement(None, None, (), (str(error),)))
        return
    try:
        bridge.run()
    finally:
        bridge.close()


def announcement(
    port: int | None, midi_in: str | None, midi_ports: Sequence[str], messages: Sequence[str]
) -> dict[str, Any]:
    """The message to the supervisor."""
    return {
        "type": "bridge",
        "osc_port": port,
        "midi_in": midi_in,
        "midi_ports": list(midi_ports),
        "messages": list(messages),
    }


@dataclass(order=True)
class _Scheduled:
    due_s: float
    serial: int
    group: Group = field(compare=False)
    client: Client = field(compare=False)


class Bridge:
    """The loop and its parts; ``turn`` is one round of it."""

    def __init__(self, settings: BridgeSettings, engine: Link, supervisor: Link) -> None:
        """Bind the socket, read the map, look for MIDI.

        Raises:
            DistillError: when the port, the root or the map cannot be had.
        """
        self.supervisor = supervisor
        midi_map = read_map(Path(settings.midi_map)) if settings.midi_map else MidiMap()
        self.desk = Desk(Namespace(Registry(settings.params), settings.osc_root))
        self.desk.presets.current = settings.preset or ""
        self.mapper = MidiMapper(midi_map, self.desk.namespace.registry, self.desk.namespace.root)
        self.osc = OscSocket(settings.bind, settings.port, settings.strict_port)
        self.midi = MidiInput(settings.midi_in or midi_map.device.input) if settings.midi else None
        self.replies = Replies(self.osc, self.desk, lambda sentence: self._announce((sentence,)))
        self.engine = EngineSide(engine, self.desk, self.replies)
        self._backlog: deque[tuple[bytes, Client]] = deque(maxlen=BACKLOG)
        self._schedule: list[_Scheduled] = []
        self._serial = itertools.count(1)
        self._program: tuple[float, list[Call]] | None = None  # when to load it, and what
        self._midi_arrived: list[MidiMessage] = []
        self._quit = False
        engine.send({"type": "hello"})  # after a crash of the bridge the engine plays on: it says again what it plays
        found = self.midi.tend() if self.midi is not None else None
        self._announce([*_opening_words(settings, self.osc.port), *(found or [])])

    def run(self) -> None:
        """Turn until told to quit, or until nobody is left on either link."""
        while not self._quit and not (self.engine.link.closed and self.supervisor.closed):
            self._wait()
            self.turn()

    def turn(self) -> None:
        """One round: take everything that came in, read a portion, act on what is due, send what may be sent."""
        self._receive()
        for _ in range(min(PORTION, len(self._backlog))):
            self._datagram(*self._backlog.popleft())
        while self._schedule and self._schedule[0].due_s <= time.monotonic():
            due = heapq.heappop(self._schedule)
            self._apply(due.group.calls, due.client, "osc")
        self._play_midi()
        self.engine.turn()
        for message in self.supervisor.poll():
            if message.get("type") == "engine":
                self.engine.engine_alive(bool(message.get("alive")))
            self._quit = self._quit or message.get("type") == "quit"

    def close(self) -> None:
        self.osc.close()
        if self.midi is not None:
            self.midi.close()

    def _wait(self) -> None:
        if self._backlog:
            return
        sources: list[Any] = [link.connection for link in (self.engine.link, self.supervisor) if not link.closed]
        sources.append(self.osc.socket)
        due_s = [self._schedule[0].due_s] if self._schedule else []
        due_s += [self._program[0]] if self._program else []
        until_s = min([time.monotonic() + IDLE_S, *due_s])
        midi = self.midi if self.midi is not None and self.midi.listening else None
        while not self._midi_arrived:
            left_s = max(until_s - time.monotonic(), 0.0)
            if select.select(sources, [], [], left_s if midi is None else min(left_s, POLL_S))[0] or not left_s:
                return
            self._midi_arrived += midi.poll() if midi is not None else []

    def _receive(self) -> None:
        arrived = self.osc.drain()
        lost = len(self._backlog) + len(arrived) - BACKLOG
        self._backlog.extend(arrived)
        self.desk.state.received = self.osc.received
        self.desk.state.refused += max(lost, 0)

    def _datagram(self, data: bytes, client: Client) -> None:
        parsed = parse_datagram(data)
        if parsed.refused:
            self.desk.state.refused += 1
            self.replies.error(client, "", "malformed", f"this is not OSC as we take it: {parsed.refused}")
        for group in parsed.groups:
            ahead_s = seconds_ahead(group.time_tag)
            if ahead_s > 0:
                self._put_off(group, client, ahead_s)
            else:
                self._apply(group.calls, client, "osc")

    def _put_off(self, group: Group, client: Client, ahead_s: float) -> None:
        if ahead_s > MOST_AHEAD_S or len(self._schedule) >= MOST_SCHEDULED:
            what = f"a time tag {ahead_s:.1f} s ahead cannot be kept"
            error = TooFarError(what, fix=f"send at most {MOST_AHEAD_S:g} s and {MOST_SCHEDULED} bundles ahead")
            self.replies.refuse(client, group.calls[0].address, error)
            return
        heapq.heappush(self._schedule, _Scheduled(time.monotonic() + ahead_s, next(self._serial), group, client))

    def _apply(self, calls: Sequence[Call], client: Client | None, source: str) -> None:
        """Act on messages that belong together: one item for the engine, replies at once."""
        events: list[EngineEvent] = []
        for call in calls:
            try:
                outcome = self._outcome(call, client, events)
            except DistillError as error:
                self.replies.refuse(client, call.address, error)
                continue
            self.desk.commit(outcome.events)
            events += outcome.events
            if outcome.sync is not None:
                self.engine.put(events, source, client)
                events = []
                self.engine.put_sync(outcome.sync, client)
            self._answer(client, call, outcome)
        preset_alone = len(calls) == 1 and bool(events) and events[0].address == PRESET_LOAD
        self.engine.put(events, source, client, whole=preset_alone)

    def _outcome(self, call: Call, client: Client | None, gathered: Sequence[EngineEvent]) -> Outcome:
        target = self.desk.namespace.target(call.address)
        if target is None:
            if not self.desk.namespace.is_reply(call.address):
                self.replies.error(client, call.address, "unknown_address", f"nothing has the address {call.address}.")
            self.desk.state.refused += 1
            return Outcome()
        outcome = self.desk.handle(call, target)
        if outcome.events or outcome.sync is not None:
            self.engine.check_room(gathered)
        return outcome

    def _answer(self, client: Client | None, call: Call, outcome: Outcome) -> None:
        if outcome.notice is not None:
            self.replies.error(client, call.address, *outcome.notice)
        for address, args in outcome.replies:
            self.replies.send(client, address, args)

    def _play_midi(self) -> None:
        if self.midi is None:
            return
        sentences = self.midi.tend()
        if sentences is not None:
            self._announce(sentences)
        arrived, self._midi_arrived = [*self._midi_arrived, *self.midi.poll()], []
        for message in arrived:
            self._midi_message(message)
        if self._program is not None and self._program[0] <= time.monotonic():
            self._load_program()

    def _midi_message(self, message: MidiMessage) -> None:
        """A program waits a moment for a newer one, but not beyond another message: that one came after it."""
        calls = self.mapper.translate(message)
        if calls and message.kind == "program":
            self._program = (time.monotonic() + PROGRAM_SETTLES_S, calls)
        elif calls:
            self._load_program()
            self._apply(calls, None, "midi")

    def _load_program(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            self._apply(program[1], None, "midi")

    def _announce(self, sentences: Sequence[str]) -> None:
        midi_in = self.midi.name if self.midi is not None else None
        ports = self.midi.ports if self.midi is not None else ()
        self.supervisor.send(announcement(self.osc.port, midi_in, ports, sentences))


def _opening_words(settings: BridgeSettings, port: int) -> list[str]:
    words = []
    if port != settings.port and settings.port:
        words.append(f"UDP port {settings.port} is taken, OSC listens on {port}.")
    if settings.bind not in ("127.0.0.1", "::1", "localhost"):
        words.append(f"OSC listens on {settings.bind}: everybody on that network can play along.")
    return words
