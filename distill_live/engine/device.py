"""The device process: plays the shared ring on an output, or on the null device, brings live input, and no more.

It is alone with the audio callbacks so that nothing can hold the interpreter's lock for long, and so that it can be
ended when an audio server dies and takes its calls with it (nothing else helps then). Knows nothing of models, events
or effects; loads numpy, sounddevice and ours. ``run_device`` is the process; its main thread waits for messages,
watches the output and (``input_keeper.py``) the input, and looks for either once a second while it is not there.

Messages to the supervisor: ``{"type": "device", "state": "running" | "null" | "lost", "name", "latency_ms",
"sample_rate", "block", "messages": [sentences]}``, the input's (see there), ``{"type": "faded"}`` and, before the
process gives up for good, ``{"type": "fatal", "code", "text", "exit_code"}``. From it: ``{"type": "fade_out"}``,
``{"type": "fade_in"}``, ``{"type": "quit"}``; a closed connection means quit.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import time
from typing import Final, Protocol

from distill_live.audio.ring import RING_RATE_HZ, Count, DeviceState, Gauge, SharedRing
from distill_live.engine import portaudio, priority
from distill_live.engine.capture import InputPath
from distill_live.engine.device_settings import DeviceSettings
from distill_live.engine.errand import Errand
from distill_live.engine.input_keeper import InputKeeper
from distill_live.engine.nulldevice import NULL_NAME, NullOutput
from distill_live.engine.player import SPARE_FRAMES, RingPlayer
from distill_live.errors import DeviceError
from distill_live.link import End, Link

LOST_EXIT_CODE: Final = 3  # the device is gone: start me again
FATAL_EXIT_CODE: Final = 2  # asked for something that does not exist: do not
_POLL_S: Final = 0.05
_LOOK_AGAIN_S: Final = 1.0
_OPEN_PATIENCE_S: Final = 4.0  # a healthy server answers in tenths of a second
_FADE_PATIENCE_S: Final = 0.3
_RESTART_FRAMES: Final = 1024  # how full the ring must be before sound begins or returns


class Output(Protocol):
    """What the process needs of an output; PortAudio's and the null one have it."""

    name: str
    sample_rate: int
    messages: list[str]
    input_name: str

    @property
    def latency_s(self) -> float: ...
    @property
    def input_latency_s(self) -> float: ...
    @property
    def period(self) -> int: ...

    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def stop(self) -> None: ...


class DeviceLost(Exception):  # noqa: N818 - it is an event, not an error
    """The output stopped by itself."""


class DeviceProcess:
    """The main thread of the device process.

    Args:
        settings: which output, which input.
        ring, input_ring: attached; the second only with an input.
        link: to the supervisor.
        messages: sentences to say with the first report.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        ring: SharedRing,
        link: Link,
        messages: tuple[str, ...] = (),
        input_ring: SharedRing | None = None,
    ) -> None:
        self.settings = settings
        self.ring = ring
        self.link = link
        self.player = RingPlayer(ring)
        self._ran_before = ring.count(Count.CALLBACKS) > 0  # started again: a device that is missing now may come back
        self.capture: InputPath | None = None
        self.keeper: InputKeeper | None = None
        request = settings.input_request
        if request is not None and input_ring is not None:
            self.capture = InputPath(input_ring)
            self.keeper = InputKeeper(request, self.capture, link, must_be_there=not self._ran_before)
        self._messages = list(messages)
        self._quit = False
        self._opening: Errand[portaudio.PortAudioOutput] | None = None  # still waiting for a server that hangs
        self._looking: Errand[bool] | None = None
        self._look_at_s = 0.0
        self._hushed = False  # asked to be silent
        self._said_faded = False
        self._locked = False
        self._period = 0  # the output's, as it was last told to the engine

    def run(self) -> None:
        """Play until told to quit or nobody is there any more.

        Raises:
            DeviceError: when the output or the input that was asked for by name cannot be had at the very first start.
            DeviceLost: when the output has stopped by itself, or only a fresh start finds the input again.
        """
        while not self._quit:
            output = self._open()
            self._report("null" if isinstance(output, NullOutput) else "running", output)
            if self.keeper is not None:
                self.keeper.join(output, self._stands_in(output))
            try:
                found = self._serve(output)
            except DeviceLost:
                self._report("lost", output)
                self.ring.publish(Count.DEVICE_STATE, DeviceState.LOST)
                raise
            except DeviceError:
                self._leave(output)
                raise
            self._leave(output)
            if not found and not self._quit:
                raise DeviceLost

    def _leave(self, output: Output) -> None:
        self._fall_silent()
        if self.keeper is not None:
            self.keeper.leave()
        output.stop()

    def _stands_in(self, output: Output) -> bool:
        """Whether it is the null output in place of a device that is not there."""
        return isinstance(output, NullOutput) and self.settings.device != NULL_NAME

    def _open(self) -> Output:
        self.ring.publish(Count.DEVICE_STATE, DeviceState.OPENING)
        if self.settings.device == NULL_NAME:
            return self._started(self._null())
        try:
            output = self._started(self._real())
        except DeviceError as error:
            if self.settings.device is not None and not self._ran_before:
                raise
            self._messages.append(f"{error} Until then the sound goes nowhere, in real time.")
            output = self._started(self._null())
        self._ran_before = True
        return output

    def _started(self, output: Output) -> Output:
        self.player.fade_out()  # silence until the period, and so how full the ring must be, is known
        output.start()
        self._messages += output.messages
        if not self._locked:  # all that is needed is there now, buffers and libraries
            self._locked = True
            self._messages.append(f"The memory of the device process is {priority.lock_memory()}")
        self._heed_period(output)
        if not self._hushed:
            self.player.fade_in()
        return output

    def _null(self) -> NullOutput:
        return NullOutput(self.player, self.settings.block, self.capture)

    def _real(self) -> portaudio.PortAudioOutput:
        s = self.settings
        source = None if s.input == NULL_NAME else s.input_request
        opening = self._opening or Errand(
            lambda: portaudio.PortAudioOutput(self.player, s.output_request, self.capture, source)
        )
        if not opening.wait(_OPEN_PATIENCE_S):
            self._opening = opening
            raise DeviceError("the audio server does not answer", fix="restart it; the sound comes back by itself")
        self._opening = None
        return opening.result()

    def _heed_period(self, output: Output) -> None:
        """Tell the engine what the output's period asks of it, and the user where that is more than was asked for."""
        self._period = output.period
        period = math.ceil(output.period * RING_RATE_HZ / output.sample_rate)
        least, lead = period + SPARE_FRAMES, self.settings.lead
        self.player.restart_frames = max(min(lead, _RESTART_FRAMES), least)
        if period:  # a device whose first call is late has none yet
            self.ring.publish(Count.LEAST_LEAD, least)
        self.ring.publish_gauge(Gauge.OUTPUT_LATENCY_S, output.latency_s)
        self.ring.publish_gauge(Gauge.DEVICE_RATE_HZ, output.sample_rate)
        if output.period != self.settings.block:
            self._messages.append(f"{output.name} has a period of {output.period} frames, not {self.settings.block}.")
        if least > lead:
            self._messages.append(
                f"A period of {output.period} frames needs a lead of at least {least}: the lead is {least} instead of "
                f"{lead} frames, {1000 * (least - lead) / RING_RATE_HZ:.0f} ms more."
            )

    def _serve(self, output: Output) -> bool:
        """Until quit, or until a fresh start would find more than there is: a device in place of the null one (True),
        in this process; an input that has come back (False), in a new one.

        Raises:
            DeviceError: when the input that was asked for cannot be had at the very first start.
            DeviceLost: when the output has stopped by itself.
        """
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S
        while not self._quit:
            if not output.alive():
                raise DeviceLost
            self._obey(_POLL_S)
            if output.period != self._period:
                self._heed_period(output)
                self._report("running", output)
            if self._stands_in(output):
                if self._found():
                    return True
            elif self.keeper is not None:
                self.keeper.watch()
                if self.keeper.wants_fresh_start:
                    return False
        return False

    def _found(self) -> bool:
        """Whether a device can be had now; looks once a second and never waits for the answer."""
        if self._opening is not None:
            return self._opening.done
        if self._looking is None and time.monotonic() >= self._look_at_s:
            self._looking = Errand(lambda: portaudio.available(self.settings.output_request))
        if self._looking is None or not self._looking.done:
            return False
        looking, self._looking = self._looking, None
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S
        return looking.result()

    def _obey(self, wait_s: float) -> None:
        for message in self.link.poll(wait_s=wait_s):
            kind = message.get("type")
            if kind == "fade_out":
                self._hushed = True
                self.player.fade_out()
            elif kind == "fade_in":
                self.player.fade_in()
                self._hushed = self._said_faded = False
            elif kind == "quit":
                self._quit = True
        if self.player.faded and not self._said_faded:
            self._said_faded = True
            self.link.send({"type": "faded"})
        self._quit = self._quit or self.link.closed

    def _fall_silent(self) -> None:
        self.player.fade_out()
        patience = time.monotonic() + _FADE_PATIENCE_S
        while not self.player.silent and time.monotonic() < patience:
            time.sleep(0.005)

    def _report(self, state: str, output: Output) -> None:
        report = {"type": "device", "state": state, "name": output.name, "sample_rate": output.sample_rate}
        report |= {"latency_ms": round(1000 * output.latency_s, 2), "block": output.period, "messages": self._messages}
        self.link.send(report)
        self._messages = []


def run_device(settings: DeviceSettings, connection: End) -> None:
    """The device process: plays until told to quit, then ends the process (this function does not return)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to answer, with a fade-out
    link = Link(connection)
    sentence = priority.request_realtime(priority.DEVICE_PRIORITY, inherit=True)
    sys.setswitchinterval(0.0005)  # the callback never waits long for this thread
    portaudio.name_jack_client()
    exit_code = 0
    try:
        rings = [SharedRing.attach(name) for name in (settings.ring, settings.input_ring) if name]
        process = DeviceProcess(settings, rings[0], link, (f"The device has {sentence}",), *rings[1:])
        gc.collect()
        gc.freeze()
        gc.disable()
        process.run()
    except DeviceError as error:
        link.send({"type": "fatal", "code": error.code, "text": str(error), "exit_code": error.exit_code})
        exit_code = FATAL_EXIT_CODE
    except DeviceLost:
        exit_code = LOST_EXIT_CODE
    sys.stderr.flush()
    os._exit(exit_code)  # PortAudio's exit handler hangs or aborts when its server is gone
