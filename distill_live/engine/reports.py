"""What the engine tells the outside while it plays: changed values at 30 Hz, status at 5 Hz, the model once.

Called by the render thread between blocks; sending never waits for the other side.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.ring import Count, Gauge, SharedRing
from distill_live.engine.performance import BLOCK, MODEL_LOAD, PANIC, SAMPLE_RATE, SWAP, Performance
from distill_live.engine.standing import standing_of
from distill_live.engine.timing import Timings
from distill_live.events import ControlEvent, param_id_of
from distill_live.link import Link
from distill_live.params import Value

VALUES_HZ: Final = 30.0
STATUS_HZ: Final = 5.0
STANDING_HZ: Final = 2.0
BLOCKS_PER_SECOND: Final = SAMPLE_RATE / BLOCK


class Reports:
    """Gathers what has changed and sends it at a bounded rate."""

    def __init__(self, performance: Performance, ring: SharedRing, bridge: Link, supervisor: Link) -> None:
        self.performance = performance
        self.lead = 0  # frames the ring is kept filled with
        self.thrift = 0
        self.input_peak: float | None = None  # since the values were last told; None without an input
        self.ring = ring
        self.bridge = bridge
        self.supervisor = supervisor
        self.device = ""
        self.recording = False
        self.from_library: dict[int, str] = {}  # bank slots whose sound the library has, by its name there
        self._changed: dict[str, Value] = {}
        self._unheard: list[npt.NDArray[np.float32]] = []  # blocks since the meters were last told
        self._next_values = self._next_status = self._next_standing = 0.0
        self._xruns: deque[tuple[float, int]] = deque(maxlen=301)  # one a status: a minute and a bit

    def say(self, text: str) -> None:
        """One sentence for whoever watches."""
        self.supervisor.send({"type": "engine", "state": "message", "message": text})

    def asset(self, sha256: str, body: dict[str, Any]) -> None:
        """Codes that another engine would need to go on from here."""
        self.supervisor.send({"type": "asset", "sha256": sha256, "body": body})

    def announce_model(self, fresh: bool = False) -> None:
        """Tell the bridge what plays: names, slots, sizes; ``fresh``: nothing that was sent before has been heard."""
        model = self.performance.model
        self.bridge.send(
            {
                "type": "model",
                "name": model.name,
                "sha256": model.sha256,
                "level_names": list(model.level_names),
                "sounds": [name for name, _ in model.sounds],
                "slots": self.performance.bank.names,
                "codebook_size": model.codebook_size,
                "rows": model.rows,
                "fresh": fresh,
            }
        )
        params = self.performance.params
        if fresh:  # whoever listens may think of values that an engine had which is no more
            self._changed.update({i: params[i] for i, param in params.registry.items() if param.settable})
        else:
            self._changed.update(params.snapshot())

    def changed(self, event: ControlEvent) -> None:
        """Note what an applied event changed."""
        params = self.performance.params
        param_id = param_id_of(event.address)
        if param_id is not None:
            self._changed[param_id] = params[param_id]
        elif event.address == SWAP:
            for what in ("swap", "blend"):
                name = f"level.{event.args[0]}.{what}"
                self._changed[name] = params[name]
        elif event.address == PANIC:
            edits = [i for i in params.registry if i.startswith("level.")]
            self._changed.update({i: params[i] for i in (*edits, "freeze", "stutter")})
        elif event.address == MODEL_LOAD:
            self.announce_model()
        elif "/bank/" in event.address:
            self.announce_model()
            self.bridge.send({"type": "done", "address": event.address, "args": list(event.args[:2])})

    def block(self, block: npt.NDArray[np.float32], timings: Timings) -> None:
        """Called after every block."""
        self._unheard.append(block)
        self.idle(timings)

    def idle(self, timings: Timings) -> None:
        """Send what is due."""
        now = time.monotonic()
        if now >= self._next_values:
            self._next_values = now + 1.0 / VALUES_HZ
            self._send_values()
        if now >= self._next_status:
            self._next_status = now + 1.0 / STATUS_HZ
            self._send_status(now, timings)
            self._pass_on_troubles()
        if now >= self._next_standing:
            self._next_standing = now + 1.0 / STANDING_HZ
            self._send_standing()

    def _pass_on_troubles(self) -> None:
        """What the effect chain had to say (a plugin that failed is bypassed and named)."""
        troubles = self.performance.chain.messages
        for text in troubles:
            self.say(text)
        troubles.clear()

    def _send_standing(self) -> None:
        """How the performance stands, for the engine that would have to go on if this one died."""
        body = standing_of(self.performance, self.from_library).to_json()
        self.supervisor.send({"type": "engine", "state": "standing", "standing": body}, droppable=True)

    def load(self, timings: Timings) -> float:
        """Share of one core the render loop uses, over the last second."""
        return round(timings.recent_mean(int(BLOCKS_PER_SECOND)) * BLOCKS_PER_SECOND, 4)

    def latency_ms(self) -> float:
        """Stated delay of an edit: grain, ring, effects and device (contract L)."""
        d = self.performance.delays
        samples = d.grain + self.ring.fill + d.effects
        return round(1000.0 * (samples / SAMPLE_RATE + self.ring.gauge(Gauge.OUTPUT_LATENCY_S)), 1)

    def _send_values(self) -> None:
        performance = self.performance
        values: dict[str, Value] = dict(self._changed)
        self._changed.clear()
        values["meter.left"], values["meter.right"] = self._meters_db()
        values["engine.column"] = performance.column
        values["engine.ring"], values["engine.thrift"] = self.lead, self.thrift
        if self.input_peak is not None:
            values["input.level"] = _peak_db(self.input_peak)
            self.input_peak = 0.0
        codes, entropy = performance.sounding.codes[0].tolist(), performance.entropy_bits.tolist()
        for level in range(performance.model.levels):
            values[f"level.{level}.code"] = codes[level]
            values[f"level.{level}.entropy"] = round(entropy[level], 3)
        self.bridge.send({"type": "values", "values": values}, droppable=True)

    def _meters_db(self) -> tuple[float, float]:
        """Peak of each side since the last time."""
        heard, self._unheard = self._unheard, []
        if not heard:
            return _peak_db(0.0), _peak_db(0.0)
        left, right = np.abs(np.concatenate(heard, axis=1)).max(axis=1).tolist()
        return _peak_db(left), _peak_db(right)

    def _send_status(self, now: float, timings: Timings) -> None:
        xruns = self.ring.count(Count.UNDERRUNS)
        self._xruns.append((now, xruns))
        minute_ago = next(count for at, count in self._xruns if now - at <= 60.0)
        status: dict[str, Any] = {
            "type": "status",
            "load": self.load(timings),
            "xruns": xruns,
            "xruns_minute": xruns - minute_ago,
            "latency_ms": self.latency_ms(),
            "queue": self.performance.queued,
            "model": self.performance.model.name,
            "state": self._state(),
            "device": self.device,
        }
        self.bridge.send(status, droppable=True)
        self.supervisor.send(status, droppable=True)

    def _state(self) -> str:
        if not self.performance.playing:
            return "stopped"
        return "recording" if self.recording else "playing"


def _peak_db(peak: float) -> float:
    return round(20.0 * math.log10(max(peak, 1e-5)), 2)
