"""The device process: plays the shared ring on an output, or on the null device, and does nothing else.

It is alone with the audio callback so that nothing can hold the interpreter's lock for long, and so that it can be
ended when an audio server dies and takes its calls with it (nothing else helps then). Knows nothing of models, events
or effects; loads numpy, sounddevice and ours. ``run_device`` is the process; its main thread waits for messages,
watches the output, and looks for the device once a second while it is not there.

Messages to the supervisor: ``{"type": "device", "state": "running" | "null" | "lost", "name", "latency_ms",
"sample_rate", "messages": [sentences]}``, ``{"type": "faded"}`` and, before the process gives up for good,
``{"type": "fatal", "code", "text", "exit_code"}``. From it: ``{"type": "fade_out"}``, ``{"type": "fade_in"}``,
``{"type": "quit"}``; a closed connection means quit.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Final, Protocol

from distill_live.audio.ring import Count, DeviceState, Gauge, SharedRing
from distill_live.engine import portaudio, priority
from distill_live.engine.errand import Errand
from distill_live.engine.nulldevice import NULL_NAME, NullOutput
from distill_live.engine.player import RingPlayer
from distill_live.errors import DeviceError
from distill_live.link import End, Link

LOST_EXIT_CODE: Final = 3  # the device is gone: start me again
FATAL_EXIT_CODE: Final = 2  # asked for something that does not exist: do not
_POLL_S: Final = 0.05
_LOOK_AGAIN_S: Final = 1.0
_OPEN_PATIENCE_S: Final = 4.0  # a healthy server answers in tenths of a second
_FADE_PATIENCE_S: Final = 0.3


@dataclass(frozen=True)
class DeviceSettings:
    """What the device process is started with.

    Attributes:
        ring: name of the stereo ``SharedRing``.
        device: part of an output's name, ``"null"``, or None for the system's default.
        block: the device's period in frames, 64..4096.
        first_channel: left channel of the output pair, counted from 0.
        restart_frames: how full the ring must be before sound begins or returns; at most the engine's lead.
    """

    ring: str
    device: str | None = None
    block: int = 256
    sample_rate: int = 48000
    first_channel: int = 0
    restart_frames: int = 1024

    def __post_init__(self) -> None:
        if not 64 <= self.block <= 4096:
            raise DeviceError(f"a device block of {self.block} frames is not possible", fix="use --block 64 to 4096")
        if not 0 <= self.first_channel <= 62:
            raise DeviceError(f"there is no output pair {self.first_channel + 1}", fix="count the channels from 1")
        assert min(self.restart_frames, self.sample_rate) > 0, self


class Output(Protocol):
    """What the process needs of an output; PortAudio's and the null one have it."""

    name: str
    sample_rate: int
    latency_s: float

    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def stop(self) -> None: ...


class DeviceLost(Exception):  # noqa: N818 - it is an event, not an error
    """The output stopped by itself."""


class DeviceProcess:
    """The main thread of the device process.

    Args:
        settings: which output.
        ring: attached.
        link: to the supervisor.
        messages: sentences to say with the first report.
    """

    def __init__(self, settings: DeviceSettings, ring: SharedRing, link: Link, messages: tuple[str, ...] = ()) -> None:
        self.settings = settings
        self.ring = ring
        self.link = link
        self.player = RingPlayer(ring, settings.sample_rate, settings.restart_frames)
        self._messages = list(messages)
        self._quit = False
        self._opening: Errand[portaudio.PortAudioOutput] | None = None  # still waiting for a server that hangs
        self._looking: Errand[bool] | None = None
        self._look_at_s = 0.0
        self._hushed = False  # asked to be silent
        self._said_faded = False
        self._ran_before = ring.count(Count.CALLBACKS) > 0  # started again: a device that is missing now may come back

    def run(self) -> None:
        """Play until told to quit or nobody is there any more.

        Raises:
            DeviceError: when the output that was asked for by name cannot be had at the very first start.
            DeviceLost: when the output has stopped by itself.
        """
        while not self._quit:
            output = self._open()
            self._report("null" if isinstance(output, NullOutput) else "running", output)
            found = self._serve(output)
            if not self._quit and not found:
                self._report("lost", output)
                self.ring.publish(Count.DEVICE_STATE, DeviceState.LOST)
                raise DeviceLost
            self._fall_silent()
            output.stop()
            if not self._hushed:
                self.player.fade_in()

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
        output.start()
        self.ring.publish(Count.BLOCK_FRAMES, self.settings.block)
        self.ring.publish_gauge(Gauge.OUTPUT_LATENCY_S, output.latency_s)
        self.ring.publish_gauge(Gauge.DEVICE_RATE_HZ, output.sample_rate)
        return output

    def _null(self) -> NullOutput:
        return NullOutput(self.player, self.settings.block, self.settings.sample_rate)

    def _real(self) -> portaudio.PortAudioOutput:
        s = self.settings
        opening = self._opening or Errand(
            lambda: portaudio.PortAudioOutput(self.player, s.device, s.block, s.sample_rate, s.first_channel)
        )
        if not opening.wait(_OPEN_PATIENCE_S):
            self._opening = opening
            raise DeviceError("the audio server does not answer", fix="restart it; the sound comes back by itself")
        self._opening = None
        return opening.result()

    def _serve(self, output: Output) -> bool:
        """Until quit (False), the output's end (False), or a device appears in place of the null one (True)."""
        stand_in = isinstance(output, NullOutput) and self.settings.device != NULL_NAME
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S
        while not self._quit and output.alive():
            self._obey(_POLL_S)
            if stand_in and self._found():
                return True
        return False

    def _found(self) -> bool:
        """Whether a device can be had now; looks once a second and never waits for the answer."""
        if self._opening is not None:
            return self._opening.done
        if self._looking is None and time.monotonic() >= self._look_at_s:
            s = self.settings
            self._looking = Errand(lambda: portaudio.available(s.device, s.sample_rate, s.first_channel))
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
        self.link.send({**report, "latency_ms": round(1000 * output.latency_s, 2), "messages": self._messages})
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
        process = DeviceProcess(settings, SharedRing.attach(settings.ring), link, (f"The device has {sentence}",))
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
