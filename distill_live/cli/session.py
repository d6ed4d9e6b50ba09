"""One running instrument seen from the command line: which processes there are, and what is printed about them.

The parent's only thread; it makes the shared rings and the links between the children, and nothing that sounds. It
keeps what the engine says of its state: an engine that dies is started again with it, and when everything dies the
next ``play`` finds it on disk (``engine.laststate``).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from distill_live.audio.ring import Gauge, SharedRing
from distill_live.control.bridge import BridgeSettings, run_bridge
from distill_live.effects.params import own_effects
from distill_live.engine.device import run_device
from distill_live.engine.device_settings import DeviceSettings
from distill_live.engine.laststate import LastState
from distill_live.engine.loader import run_loader
from distill_live.engine.performance import BLOCK
from distill_live.engine.process import EngineSettings, run_engine
from distill_live.engine.supervisor import ChildSpec, Supervisor
from distill_live.link import Message, link_pair
from distill_live.signals import StopFlag, stop_on_signals

RING_SECONDS: Final = 2  # at most; a lead is at most one
DRAIN_PATIENCE_S: Final = 3.0
MOST_FAILED_STARTS: Final = 3  # in succession, and an engine is not started again
PROVED_S: Final = 10.0  # an engine that has played so long had no failed start
AGAIN_S: Final = 20.0  # the same sentence is not said twice within so long


@dataclass(frozen=True)
class PlaySettings:
    """What plays, where to, and under whose control. The rings' names are filled in by the session."""

    engine: EngineSettings
    device: DeviceSettings
    bridge: BridgeSettings
    as_json: bool = False


class PlaySession:
    """Runs the processes until the take is over, something essential is gone, or Ctrl-C."""

    def __init__(self, settings: PlaySettings, last_state: LastState | None = None) -> None:
        self.settings = settings
        self.exit_code: int | None = None
        self._engine_settings = settings.engine
        self._last_state = last_state
        self._sounding = False
        self._failed_starts = 0
        self._draining_until: float | None = None
        self._status: Message = {}
        self._told_s: dict[str, float] = {}
        self._played_from_s = float("inf")
        self._shown_at = 0.0

    def run(self) -> int:
        """Returns the exit code."""
        with (
            self._ring(channels=2) as ring,
            self._ring(channels=1) as input_ring,
            stop_on_signals(StopFlag(), patient=True) as stop,
            Supervisor(self._hear) as supervisor,
        ):
            self._start(supervisor, ring, input_ring)
            while self.exit_code is None:
                supervisor.poll(0.1)
                self._look(ring)
                if stop.is_set():
                    self._say("stopping.")
                    self.exit_code = self.exit_code or 0
        if self._last_state is not None and not self.exit_code:
            self._last_state.clear()
        return self.exit_code or 0

    @contextmanager
    def _ring(self, channels: int) -> Iterator[SharedRing]:
        """A ring of sound that outlives every process which joins it."""
        ring = SharedRing.create(RING_SECONDS * 48000, channels)
        try:
            yield ring
        finally:
            self._clear_line()
            ring.close()
            ring.unlink()

    def _start(self, supervisor: Supervisor, ring: SharedRing, input_ring: SharedRing) -> None:
        self._supervisor, self._output = supervisor, ring
        s = self.settings
        listens = s.device.input is not None
        engine_end, bridge_end = link_pair()
        engine_loader, loader_end = link_pair()
        self._engine_settings = replace(s.engine, ring=ring.name, input_ring=input_ring.name if listens else None)
        ends = (engine_end, engine_loader)
        supervisor.start(ChildSpec("engine", run_engine, self._engine_settings, ends, restart=True))
        self._device_settings = replace(s.device, ring=ring.name, input_ring=input_ring.name if listens else "")
        supervisor.start(ChildSpec("device", run_device, self._device_settings, restart=True, fades=True))
        supervisor.start(ChildSpec("bridge", run_bridge, s.bridge, (bridge_end,), restart=True))
        supervisor.start(ChildSpec("loader", run_loader, None, (loader_end,), restart=True))

    def _look(self, ring: SharedRing) -> None:
        if not self._sounding and ring.read > 0:
            self._sounding = True
            self._event({"type": "play", "state": "sounding"})
        if self._draining_until is not None and (ring.fill == 0 or time.monotonic() > self._draining_until):
            self.exit_code = 0
        if self._last_state is not None:
            self._last_state.save()
            if self._last_state.trouble:
                self._say(self._last_state.trouble)
        if self._failed_starts and time.monotonic() - self._played_from_s > PROVED_S:
            self._failed_starts = 0
        self._show_status(ring)

    # ------------------------------------------------------------------ what the children say

    def _hear(self, name: str, message: Message) -> None:
        kind = message.get("type")
        if kind == "fatal":
            self._fail(str(message["text"]), int(message.get("exit_code", 1)))
        elif kind == "child":
            self._child(name, message)
        elif kind == "status":
            self._status = message
        elif kind == "engine":
            self._engine(message)
        elif kind == "asset":
            self._keep_asset(str(message["sha256"]), message["body"])
        elif kind == "device":
            self._device(message)
        elif kind == "input":
            self._input(message)
        elif kind == "bridge":
            self._bridge(message)

    def _child(self, name: str, message: Message) -> None:
        ended = message.get("state") == "ended"
        if not ended:
            self._event({"type": "play", "state": "process", "name": name, "pid": message.get("pid")})
        if self.exit_code is not None:
            return
        if name == "engine":
            self._engine_child(ended)
        elif name == "bridge" and ended:
            self._say("the bridge is gone and is started again: the sound goes on, OSC and MIDI are back in a moment.")
        elif name == "loader" and ended:
            self._supervisor.send("engine", {"type": "loader", "state": "gone"})

    def _engine_child(self, ended: bool) -> None:
        if self._draining_until is not None:
            self._supervisor.give_up("engine")
            return
        if "bridge" in self._supervisor.names:
            self._supervisor.send("bridge", {"type": "engine", "alive": not ended})
        if not ended:
            return
        self._failed_starts, self._played_from_s = self._failed_starts + 1, float("inf")
        if self._status.get("state") == "recording":
            self._say("the recording has ended with the engine; start it again.")
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._supervisor.give_up("engine")
            fix = "start with another model or with --effects none, or without --resume"
            self._fail(f"the engine ends again and again; {fix}.", 1)
            return
        self._leave_plugins_out()
        self._shorten()
        self._event({"type": "play", "state": "relaunch"})
        self._say("the engine has ended unexpectedly and is started again, where it was.")

    def _leave_plugins_out(self) -> None:
        """An engine that died twice in succession goes on without machine code of others."""
        settings = self._engine_settings
        standing, start = settings.standing, settings.start
        effects = tuple(start.effects if standing is None else standing["effects"])
        own = own_effects(effects)
        if self._failed_starts < 2 or own == effects:
            return
        names = ", ".join(name for name in effects if name not in own)
        self._say(f"{names} is left out: the engine has died twice with what is not its own code.")
        if standing is not None:
            self._keep_standing({**standing, "effects": list(own)})
            return
        self._engine_settings = replace(settings, start=replace(start, effects=own))
        self._supervisor.revise("engine", self._engine_settings)

    def _shorten(self) -> None:
        """A take that has an end keeps it: what has been heard is over."""
        frames = self.settings.engine.frames
        if frames is not None:
            left = max(BLOCK, (frames - self._output.read) // BLOCK * BLOCK)
            self._engine_settings = replace(self._engine_settings, frames=left)
            self._supervisor.revise("engine", self._engine_settings)

    def _keep_asset(self, sha256: str, body: dict[str, Any]) -> None:
        self._engine_settings = replace(self._engine_settings, assets={**self._engine_settings.assets, sha256: body})

    def _keep_standing(self, standing: dict[str, Any]) -> None:
        self._engine_settings = replace(self._engine_settings, standing=standing, log=None, record=None)
        self._supervisor.revise("engine", self._engine_settings)
        if self._last_state is not None:
            self._last_state.update(standing, self._engine_settings.assets)

    def _engine(self, message: Message) -> None:
        state = message.get("state")
        if state == "failed":
            self._supervisor.give_up("engine")
            self._fail(str(message["message"]), 1)
        elif state == "standing":
            self._keep_standing(message["standing"])
        elif state == "playing":
            self._played_from_s = time.monotonic()
            self._event({"type": "play", "state": "playing"})
        elif state == "message":
            self._say(str(message["message"]))
        elif state == "finished":
            self._event({"type": "play", "state": "finished", **message["stats"]})
            self._draining_until = time.monotonic() + DRAIN_PATIENCE_S
        for sentence in message.get("messages", ()):
            self._say(sentence)

    def _device(self, message: Message) -> None:
        shown = {k: v for k, v in message.items() if k not in ("type", "state")}
        self._event({"type": "play", "state": "device", "device_state": message.get("state"), **shown})
        self._supervisor.send("engine", {"type": "device", "name": message.get("name", "")})
        if message.get("state") == "running" and self._device_settings.device is None:
            # lost, it is waited for: another output in its place would be a surprise, on a stage above all
            self._device_settings = replace(self._device_settings, device=str(message["name"]))
            self._supervisor.revise("device", self._device_settings)
        for sentence in message.get("messages", ()):
            self._say(sentence)
        if not self.settings.as_json:
            self._say(f"playing to {message.get('name')} ({message.get('state')}).")

    def _input(self, message: Message) -> None:
        shown = {k: v for k, v in message.items() if k not in ("type", "state")}
        self._event({"type": "play", "state": "input", "input_state": message.get("state"), **shown})
        for sentence in message.get("messages", ()):
            self._say(sentence)
        if not self.settings.as_json:
            self._say(f"listening to {message.get('name')} ({message.get('state')}).")

    def _bridge(self, message: Message) -> None:
        if message.get("osc_port") is None:
            self._supervisor.give_up("bridge")
            self._fail(" ".join(message.get("messages", ())) or "the bridge could not start.", 1)
            return
        ready = {k: message.get(k) for k in ("osc_port", "midi_in", "midi_ports")}
        self._event({"type": "play", "state": "ready", **ready})
        if not self.settings.as_json:
            midi = f", MIDI from {message['midi_in']}" if message.get("midi_in") else ", no MIDI"
            self._say(f"OSC on UDP port {message['osc_port']}{midi}.")
        for sentence in message.get("messages", ()):
            self._say(sentence)

    # ------------------------------------------------------------------ what is printed

    def _fail(self, sentence: str, exit_code: int) -> None:
        if self.exit_code is None:
            self._clear_line()
            self._event({"type": "play", "state": "failed", "message": sentence})
            print(f"distill-live: {sentence}", file=sys.stderr)
            self.exit_code = exit_code or 1

    def _say(self, sentence: str) -> None:
        told = sentence.removeprefix("The device has ").removeprefix("The engine has ")  # the same for both: said once
        now = time.monotonic()
        if now - self._told_s.get(told, float("-inf")) < AGAIN_S or (told != sentence and told in self._told_s):
            return
        self._told_s[told] = now
        if self.settings.as_json:
            self._event({"type": "message", "text": sentence})
        else:
            self._clear_line()
            print(sentence, file=sys.stderr)

    def _event(self, record: dict[str, Any]) -> None:
        if self.settings.as_json:
            print(json.dumps(record), flush=True)

    def _show_status(self, ring: SharedRing) -> None:
        now = time.monotonic()
        due = 0.25 if self.settings.as_json or sys.stderr.isatty() else 1.0
        if not self._status or now - self._shown_at < due:
            return
        self._shown_at = now
        s = self._status
        if self.settings.as_json:
            clock = {"output_s": ring.gauge(Gauge.LAST_OUTPUT_S), "output_frame": ring.read}
            self._event({**s, **clock})
        elif sys.stderr.isatty():
            text = (
                f"{s['state']}  {s['model']}  load {100 * s['load']:.0f} %  "
                f"latency {s['latency_ms']:.0f} ms  xruns {s['xruns']}  {s['device']}"
            )
            print(f"\r{text[:100]:100}", end="", file=sys.stderr, flush=True)

    def _clear_line(self) -> None:
        if not self.settings.as_json and sys.stderr.isatty():
            print("\r" + " " * 100 + "\r", end="", file=sys.stderr)
