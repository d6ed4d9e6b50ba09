"""The engine process: one render loop between the links and the ring.

    links -> [take what arrived] -> [render one block while the ring holds less than the lead] -> ring
                   ^ ack, values, status, log, recorder

One thread renders; others only write files or make a model ready. The loop takes what has arrived right before each
block, so an event sounds with the next block rendered, and a flood of messages costs no wake-ups. Whatever the loop
decides by the clock (a longer lead, less work, a stretched block) is an event like any other, so that the log holds it.
Child of the supervisor. The process loads neither torch nor anything else that only training needs.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from distill_live.audio.meter import to_db
from distill_live.audio.ring import Count, DeviceState, Gauge, SharedRing
from distill_live.effects.params import own_effects
from distill_live.engine.haste import Haste
from distill_live.engine.lead import LONGEST_WAIT_S, AdaptiveLead, time_to_room
from distill_live.engine.listener import Listener
from distill_live.engine.live_setup import prepare_live
from distill_live.engine.loading import ModelLoading
from distill_live.engine.orders import MACHINE, Orders
from distill_live.engine.params import LEAD as LEAD_PARAM
from distill_live.engine.performance import BLOCK, EFFORT, HEARD, LEAD, RETIRE, SAMPLE_RATE, STOP, STRETCH, Performance
from distill_live.engine.player import SPARE_FRAMES
from distill_live.engine.priority import ENGINE_PRIORITY, lock_memory, request_realtime
from distill_live.engine.reports import Reports
from distill_live.engine.standing import Standing
from distill_live.engine.take import TakeStart, header, without_missing
from distill_live.engine.tape import Tape
from distill_live.engine.thrift import Thrift
from distill_live.engine.timing import Timings
from distill_live.errors import DistillError
from distill_live.events import ControlEvent
from distill_live.link import End, Link, LinkGroup, Message
from distill_live.models.playable import load_playable

WARM_UP_BLOCKS: Final = 24
EXTRA_WHILE_LOADING: Final = 2048  # frames of lead while a model is made ready
AT_EASE: Final = 0.5  # of the time that a block lasts, to render it in
LOOK_S: Final = 0.1  # how often the ring is asked how it went
SWITCH_S: Final = 0.0005  # between threads: the loop never waits long for the one that loads


@dataclass(frozen=True)
class EngineSettings:
    """How an engine plays. Frames are samples at 48 kHz.

    Attributes:
        model: path of the model file.
        ring: name of the shared ring that the device reads.
        input_ring: name of the ring that the device writes what it hears to; None without an input.
        lead: how full the ring is kept at least, 512 and up; more where the device's period needs more.
        start: the take's initial state.
        bank: names of sounds by slot, where they differ from how the model fills them.
        log, record: take log and recording that start with the first block; None for none.
        frames: the take ends after so many; None plays on.
        takes: folder for recordings that a message starts.
        device_block: the device's period.
        standing, assets: where another engine has left off, as it told; None for a fresh start.
    """

    model: Path
    ring: str
    input_ring: str | None = None
    lead: int = 2048
    start: TakeStart = field(default_factory=TakeStart)
    bank: Mapping[int, str] = field(default_factory=dict)
    log: Path | None = None
    record: Path | None = None
    frames: int | None = None
    takes: Path = Path()
    device_block: int = 256
    standing: dict[str, Any] | None = None
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)


def run_engine(settings: EngineSettings, supervisor: End, bridge: End, loader: End) -> None:
    """The process's whole life; returns when the take is over, or the supervisor is gone."""
    up = Link(supervisor)
    prepare_live()
    sys.setswitchinterval(SWITCH_S)
    try:
        loop = LiveLoop(settings, up, Link(bridge), Link(loader))
    except DistillError as error:
        up.send({"type": "engine", "state": "failed", "message": str(error)})
        return
    up.send({"type": "engine", "state": "ready", "messages": [f"The engine has {request_realtime(ENGINE_PRIORITY)}"]})
    cleanly = False
    try:
        loop.run()
        cleanly = True
    finally:
        loop.close(cleanly)


class LiveLoop:
    """A performance in real time."""

    def __init__(self, settings: EngineSettings, supervisor: Link, bridge: Link, loader: Link) -> None:
        self.settings = settings
        self.supervisor, self.bridge, self.loader = supervisor, bridge, loader
        standing = None if settings.standing is None else Standing.from_json(settings.standing)
        model = load_playable(settings.model if standing is None else Path(standing.model))
        start, gone = without_missing(settings.start if standing is None else standing.start)
        start = _with_lead(start, settings.lead)
        _warm_up(replace(start, effects=own_effects(start.effects)).performance(model))
        self.performance = start.performance(model)
        self.performance.chain.be_patient(BLOCK / SAMPLE_RATE)
        self.ring = SharedRing.attach(settings.ring)
        self.tape = Tape(settings.log, settings.record, header(model, start, settings.device_block), settings.takes)
        self.reports = Reports(self.performance, self.ring, bridge, supervisor)
        self.loading = ModelLoading(start.look_ahead)
        self.orders = Orders(
            self.performance, self.tape, self.reports, bridge, loader, self.loading, self._value_changed
        )
        self.orders.model_changed = self._model_changed
        self._takers = {
            supervisor: self._from_supervisor,
            bridge: self.orders.from_bridge,
            loader: self.orders.from_loader,
        }
        self._links = LinkGroup(*self._takers)
        self.lead = AdaptiveLead(int(self.performance.params[LEAD_PARAM.id]), settings.device_block)
        self.thrift = Thrift(BLOCK / SAMPLE_RATE)
        self.haste = Haste()
        self._whole = True
        self.listener = self._listener()
        self.timings = Timings()
        self._output_db = -120.0
        self._underruns = self.ring.count(Count.UNDERRUNS)
        self._looked_s = 0.0
        self._quit = False
        for name in gone:
            self.reports.say(f"effect {name} is not installed any more, and left out.")
        self.orders.offer_to_follow()
        if standing is not None:
            self.orders.restore(standing, settings.assets)
        else:
            self.orders.fill(settings.bank)

    def run(self) -> None:
        """Render until told to quit or the take is over."""
        gc.collect()
        gc.freeze()
        lock_memory()
        self.reports.lead = self.lead.frames
        self.reports.announce_model(fresh=True)
        self.orders.follow()
        self.ring.publish(Count.MIN_FILL, -1)
        self.ring.publish(Count.LEAD, self.lead.frames)
        self.ring.publish(Count.PRODUCING, 1)
        self.supervisor.send({"type": "engine", "state": "playing"})
        while not self._quit:
            self._take_messages()
            if self._finished():
                break
            if self.ring.fill < self.lead.frames:
                self._block()
            else:
                self._rest()
        self._finish()

    def close(self, cleanly: bool = True) -> None:
        """Finish log and recording; safe to call twice. ``cleanly``: an empty take need not be kept."""
        self.ring.publish(Count.PRODUCING, 0)
        for message in self.tape.close(self.performance.frame, keep=not cleanly):
            self.reports.say(message)
        self.ring.close()

    # ------------------------------------------------------------------ sound

    def _block(self) -> None:
        started = time.perf_counter()
        self._end_softly()
        self._before_block()
        block = self.performance.render_block()
        if self.listener is not None:
            self._output_db = float(to_db(np.sqrt(np.mean(np.square(block)))))
        seconds = time.perf_counter() - started
        self.timings.add(seconds)
        self.ring.write(block.T)
        self._after_block(seconds)
        self.tape.push(block, self.performance.dry)
        self.reports.block(block, self.timings)
        self.reports.recording = self.tape.recording
        for text in self.tape.messages():
            self.reports.say(text)

    def _before_block(self) -> None:
        """What the input brings, and whether there is time for a whole block."""
        if self.listener is not None:
            codes = self.listener.listen(self.performance.voice.hops_to_decode, self._output_db)
            self.reports.input_peak = max(self.reports.input_peak or 0.0, self.listener.peak)
            self.listener.peak = 0.0
            if codes is not None:
                self.orders.apply(HEARD, tuple(int(code) for code in codes.ravel()), "input")
        self._whole = not self._in_need()
        if not self._whole:
            self.orders.apply(STRETCH)

    def _in_need(self) -> bool:
        """The device plays, and there is no time for a whole block at ease: a cheap one must do."""
        fill = self.ring.fill
        if self.ring.count(Count.DEVICE_STATE) != DeviceState.PLAYING or not self.performance.playing:
            return False
        lacking = self.lead.period - fill
        if lacking <= 0:
            return self.haste.needs_cheap(fill / SAMPLE_RATE, self.lead.frames / SAMPLE_RATE, time.monotonic())
        next_s = self.ring.gauge(Gauge.LAST_OUTPUT_S) + self.lead.period / SAMPLE_RATE
        at_ease_s = AT_EASE * BLOCK / SAMPLE_RATE * -(-lacking // BLOCK)
        return next_s - time.monotonic() <= at_ease_s

    def _after_block(self, seconds: float) -> None:
        """Decide by the clock, and say so in the log."""
        now = time.monotonic()
        if self._whole:
            self.haste.took(seconds, now)
        if self.thrift.took(seconds, now):
            self.reports.thrift = self.thrift.degree
            self.orders.apply(EFFORT, (self.thrift.degree,))
        for name, why in self.performance.chain.take_out_reports():
            self.tape.event(ControlEvent(self.performance.frame - BLOCK, RETIRE, (name, why), MACHINE))
        if now - self._looked_s >= LOOK_S:
            self._looked_s = now
            self._look_at_ring(now)

    def _look_at_ring(self, now: float) -> None:
        least, underruns = self.ring.count(Count.MIN_FILL), self.ring.count(Count.UNDERRUNS)
        self.ring.publish(Count.MIN_FILL, -1)
        dry, self._underruns = underruns > self._underruns, underruns
        changed = self.lead.look(now, least, dry)
        if self.thrift.exhausted:
            changed = self.lead.lengthen(now) or changed
        held = self.lead.hold(EXTRA_WHILE_LOADING if self.loading.busy or self.performance.crossing else 0)
        if changed or held:
            self._lead_changed()

    def _heed_device(self) -> bool:
        """The lead's floor, from the player's wish and the device's period; whether the lead has changed."""
        least = self.ring.count(Count.LEAST_LEAD)
        if least > SPARE_FRAMES:
            self.lead.period = least - SPARE_FRAMES
            if self.listener is not None:
                self.listener.heed_period(self.lead.period)
        floor = max(int(self.performance.params[LEAD_PARAM.id]), least)
        return floor != self.lead.floor and self.lead.set_floor(floor)

    def _lead_changed(self) -> None:
        self.reports.lead = self.lead.frames
        self.ring.publish(Count.LEAD, self.lead.frames)
        self.orders.apply(LEAD, (self.lead.frames,))

    def _rest(self) -> None:
        """Sleep until the ring has room for a block.

        Messages do not wake the loop: an event takes effect with the next block, and they are taken right before it.
        """
        self.reports.idle(self.timings)
        if self._heed_device():
            self._lead_changed()
        self.tape.lend()
        time.sleep(self._time_to_room())
        self.tape.take_back()

    def _time_to_room(self) -> float:
        """How long until the ring has room for a block."""
        last_s = self.ring.gauge(Gauge.LAST_OUTPUT_S)  # before the fill: what comes between them only wakes too early
        excess = self.ring.fill - self.lead.frames
        if excess >= 0 and self.ring.count(Count.DEVICE_STATE) != DeviceState.PLAYING:
            return LONGEST_WAIT_S
        return time_to_room(excess, self.lead.period, SAMPLE_RATE, time.monotonic() - last_s)

    def _end_softly(self) -> None:
        """The last block of a take that has an end fades out, as an event of its own."""
        frames = self.settings.frames
        if frames is not None and self.performance.frame == (frames - 1) // BLOCK * BLOCK:
            self.orders.apply(STOP)

    def _finished(self) -> bool:
        return self.settings.frames is not None and self.performance.frame >= self.settings.frames

    def _finish(self) -> None:
        stats = {
            "block_ms": self.timings.summary(),
            "load": self.reports.load(self.timings),
            "underruns": self.ring.count(Count.UNDERRUNS),
            "server_xruns": self.ring.count(Count.SERVER_XRUNS),
            "output_latency_s": self.ring.gauge(Gauge.OUTPUT_LATENCY_S),
            "lead": self.lead.frames,
            "thrift": self.thrift.degree,
            "cpu_s": round(time.process_time(), 2),
            "frames": self.performance.frame,
            "resident_mb": resident_mb(),
        }
        self.supervisor.send({"type": "engine", "state": "finished", "stats": stats})

    # ------------------------------------------------------------------ messages and changes

    def _take_messages(self) -> None:
        for link, messages in self._links.poll():
            take = self._takers[link]
            for message in messages:
                take(message)
        if self.supervisor.closed:
            self._quit = True
        self.orders.take_ready_model()
        self.orders.answer_syncs()

    def _from_supervisor(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "quit":
            self._quit = True
        elif kind == "device":
            self.reports.device = str(message.get("name", ""))
        elif kind == "loader":
            self.orders.loader_gone()

    def _value_changed(self, param_id: str) -> None:
        if param_id == LEAD_PARAM.id and self._heed_device():
            self._lead_changed()

    def _model_changed(self) -> None:
        if self.listener is not None:
            self.listener.attend(self.performance.model)

    def _listener(self) -> Listener | None:
        if self.settings.input_ring is None:
            return None
        self.reports.input_peak = 0.0
        ring = SharedRing.attach(self.settings.input_ring)
        return Listener(ring, self.performance.model, self.performance.params)


def _with_lead(start: TakeStart, lead: int) -> TakeStart:
    """The take's initial values with the lead that was asked for among them."""
    if LEAD_PARAM.id in start.params or lead == LEAD_PARAM.default:
        return start
    return replace(start, params={**start.params, LEAD_PARAM.id: lead})


def _warm_up(performance: Performance) -> None:
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
