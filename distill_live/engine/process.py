"""The engine process: one render loop between the links and the ring.

    links -> [take what arrived] -> [render one block while the ring holds less than the lead] -> ring
                   ^ ack, values, status, log, recorder

One thread renders; the recorder has a thread of its own that only writes files. The loop takes what has arrived right
before each block, so an event sounds with the next block rendered, and a flood of messages costs no wake-ups. Child of
the supervisor. The process loads neither torch nor anything else that only training needs.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from distill_live.audio.ring import Count, Gauge, SharedRing
from distill_live.codes.grid import CodeGrid
from distill_live.engine.live_setup import prepare_live
from distill_live.engine.priority import ENGINE_PRIORITY, request_realtime
from distill_live.engine.tape import Tape
from distill_live.engine.timing import Timings
from distill_live.errors import DistillError
from distill_live.events import ROOT, ControlEvent
from distill_live.link import End, Link, Message
from distill_live.params import Value

RECORD: Final = f"{ROOT}/transport/record"
WARM_UP_BLOCKS: Final = 24


@dataclass(frozen=True)
class EngineSettings:
    """How an engine plays. Frames are samples at 48 kHz.

    Attributes:
        model: path of the model file.
        ring: name of the shared ring that the device reads.
        lead: how full the ring is kept, 512 and up.
        seed, params: the take's initial state.
        log, record: take log and recording that start with the first block; None for none.
        frames: the take ends after so many; None plays on.
        takes: folder for recordings that a message starts.
        device_block: the device's period, for the log.
    """

    model: Path
    ring: str
    lead: int = 2048
    seed: int = 0
    params: dict[str, Value] = field(default_factory=dict)
    log: Path | None = None
    record: Path | None = None
    frames: int | None = None
    takes: Path = Path()
    device_block: int = 256


def run_engine(settings: EngineSettings, supervisor: End, bridge: End, loader: End) -> None:
    """The process's whole life; returns when the take is over, or the supervisor is gone."""
    up = Link(supervisor)
    prepare_live()
    try:
        loop = LiveLoop(settings, up, Link(bridge), Link(loader))
    except DistillError as error:
        up.send({"type": "engine", "state": "failed", "message": str(error)})
        return
    up.send({"type": "engine", "state": "ready", "messages": [f"The engine has {request_realtime(ENGINE_PRIORITY)}"]})
    try:
        loop.run()
    finally:
        loop.close()


class LiveLoop:
    """A performance in real time."""

    def __init__(self, settings: EngineSettings, supervisor: Link, bridge: Link, loader: Link) -> None:
        from distill_live.engine.reports import Reports
        from distill_live.engine.take import TakeStart, header
        from distill_live.models.playable import load_playable

        self.settings = settings
        self.supervisor, self.bridge, self.loader = supervisor, bridge, loader
        self.model = load_playable(settings.model)
        start = TakeStart(settings.seed, dict(settings.params))
        _warm_up(start.performance(self.model))
        self.performance = start.performance(self.model)
        self.ring = SharedRing.attach(settings.ring)
        head = header(self.model, start, settings.device_block)
        self.tape = Tape(settings.log, settings.record, head, settings.takes)
        self.reports = Reports(self.performance, self.ring, bridge, supervisor)
        self.timings = Timings()
        self._nap_s = min(max(settings.lead / 48000.0 / 16.0, 0.0005), 0.0025)
        self._loads: dict[int, tuple[str, str]] = {}
        self._syncs: list[Any] = []
        self._quit = False

    def run(self) -> None:
        """Render until told to quit or the take is over."""
        gc.collect()
        gc.freeze()
        self.reports.announce_model()
        self.ring.publish(Count.PRODUCING, 1)
        self.supervisor.send({"type": "engine", "state": "playing"})
        while not self._quit:
            self._take_messages()
            if self._finished():
                break
            if self.ring.fill < self.settings.lead:
                self._block()
            else:
                self._rest()
        self._finish()

    def close(self) -> None:
        """Finish log and recording; safe to call twice."""
        self.ring.publish(Count.PRODUCING, 0)
        for message in self.tape.close(self.performance.frame):
            self.supervisor.send({"type": "engine", "state": "message", "message": message})
        self.ring.close()

    # ------------------------------------------------------------------ sound

    def _block(self) -> None:
        started = time.perf_counter()
        self._end_softly()
        block = self.performance.render_block()
        self.timings.add(time.perf_counter() - started)
        self.ring.write(block.T)
        self.tape.push(block)
        self.reports.block(block, self.timings)
        for text in self.tape.messages():
            self.supervisor.send({"type": "engine", "state": "message", "message": text})

    def _rest(self) -> None:
        """Sleep until the ring has room for a block.

        Messages do not wake the loop: an event takes effect with the next block, and they are taken right before it.
        """
        self.reports.idle(self.timings)
        excess = self.ring.fill - self.settings.lead
        time.sleep(max(excess / 48000.0, self._nap_s))

    def _end_softly(self) -> None:
        """The last block of a take that has an end fades out, as an event of its own."""
        frames = self.settings.frames
        if frames is not None and self.performance.frame == (frames - 1) // 512 * 512:
            self._apply(f"{ROOT}/transport/stop", (), "engine")

    def _finished(self) -> bool:
        return self.settings.frames is not None and self.performance.frame >= self.settings.frames

    def _finish(self) -> None:
        stats = {
            "block_ms": self.timings.summary(),
            "load": self.reports.load(self.timings),
            "underruns": self.ring.count(Count.UNDERRUNS),
            "server_xruns": self.ring.count(Count.SERVER_XRUNS),
            "output_latency_s": self.ring.gauge(Gauge.OUTPUT_LATENCY_S),
            "smallest_fill": self.ring.count(Count.MIN_FILL),
            "cpu_s": round(time.process_time(), 2),
            "frames": self.performance.frame,
            "resident_mb": resident_mb(),
        }
        self.supervisor.send({"type": "engine", "state": "finished", "stats": stats})

    # ------------------------------------------------------------------ messages

    def _take_messages(self) -> None:
        for message in self.supervisor.poll():
            self._from_supervisor(message)
        if self.supervisor.closed:
            self._quit = True
        for message in self.bridge.poll():
            self._from_bridge(message)
        for message in self.loader.poll():
            self._from_loader(message)
        if self._syncs and not self._loads:
            for token in self._syncs:
                self.bridge.send({"type": "synced", "token": token})
            self._syncs.clear()

    def _from_supervisor(self, message: Message) -> None:
        if message.get("type") == "quit":
            self._quit = True
        elif message.get("type") == "device":
            self.reports.device = str(message.get("name", ""))

    def _from_bridge(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "events":
            for address, args, source in message["events"]:
                self._apply(address, tuple(args), source)
            self.bridge.send({"type": "ack", "batch": message["batch"], "frame": self.performance.frame})
        elif kind == "sync":
            self._syncs.append(message.get("token"))
        elif kind == "hello":
            self.reports.announce_model()

    def _apply(self, address: str, args: tuple[Value, ...], source: str) -> None:
        try:
            if address == RECORD:
                self._record(args)
                return
            if self._must_be_encoded(address, args):
                self._request_load(args)
                return
            done = self.performance.apply(ControlEvent(0, address, args, source))
        except DistillError as error:
            self.bridge.send({"type": "error", "address": address, "code": error.code, "text": str(error)})
            return
        self.tape.event(done)
        self.reports.changed(done)

    def _record(self, args: tuple[Value, ...]) -> None:
        wanted = bool(args[0]) if args else not self.tape.recording
        text = self.tape.start_recording() if wanted else self.tape.stop_recording()
        self.reports.recording = self.tape.recording
        self.bridge.send({"type": "done", "address": RECORD, "args": [self.tape.recording, text]})
        self.supervisor.send({"type": "engine", "state": "message", "message": text})

    def _must_be_encoded(self, address: str, args: tuple[Value, ...]) -> bool:
        is_load = address == f"{ROOT}/bank/load" and len(args) == 2
        return is_load and self.model.sound(str(args[1])) is None

    def _request_load(self, args: tuple[Value, ...]) -> None:
        ticket = max(self._loads, default=0) + 1
        self._loads[ticket] = (str(args[0]), str(args[1]))
        sent = self.loader.send({"type": "encode", "ticket": ticket, "name": args[1]})
        if not sent:
            del self._loads[ticket]
            raise DistillError("the loader is not running", fix="use a sound of the model, or start again")

    def _from_loader(self, message: Message) -> None:
        from distill_live.engine.take import decode_codes, encode_codes

        slot, name = self._loads.pop(int(message["ticket"]), ("", ""))
        address = f"{ROOT}/bank/load"
        if "error" in message:
            self.bridge.send({"type": "error", "address": address, "code": "unknown_name", "text": message["error"]})
            return
        codes = decode_codes(message["codes"])
        CodeGrid(codes, self.model.sha256, 0, name).for_model(
            self.model.sha256, self.model.codebook_size, self.model.rows, self.model.levels
        )
        sha256 = self.performance.add_asset(codes)
        self.tape.asset(sha256, encode_codes(codes))
        self._apply(address, (slot, name, sha256), "osc")


def _warm_up(performance: Any) -> None:
    """Render a throw-away performance, so that the first block is not slower than the others."""
    for _ in range(WARM_UP_BLOCKS):
        performance.render_block()


def resident_mb() -> float:
    """Resident memory of this process in MB (0 where the system does not tell)."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    except OSError:
        return 0.0
    return round(pages * 4096 / 1e6, 1)
