"""The input as the device process's main thread sees it: opened, watched, looked for when it is lost.

An input that shares the output's clock comes with the output (``join``) and goes with it. Any other has a stream of its
own: when that ends, the output goes on, the input is silence, and once a second a process of its own looks whether the
input is there again. Knows nothing of the audio threads beyond ``InputPath``; nothing here waits for an audio server.

Message to the supervisor: ``{"type": "input", "state": "running" | "null" | "lost", "name", "latency_ms",
"sample_rate", "messages": [sentences]}``. The input ring's status area has the same for the engine.
"""

from __future__ import annotations

import math
import time
from typing import Final, Protocol

from distill_live.audio.ring import RING_RATE_HZ, Count, DeviceState, Gauge
from distill_live.engine import devices, portaudio
from distill_live.engine.capture import InputPath
from distill_live.engine.errand import Errand
from distill_live.engine.nulldevice import NULL_NAME
from distill_live.engine.opening import InputRequest
from distill_live.errors import DeviceError
from distill_live.link import Link

_LOOK_AGAIN_S: Final = 1.0
_OPEN_PATIENCE_S: Final = 2.0  # a healthy server answers in tenths of a second


class Companion(Protocol):
    """What the keeper asks of an output: the input that came with it, "" for none."""

    input_name: str
    sample_rate: int

    @property
    def input_latency_s(self) -> float: ...


class InputKeeper:
    """Keeps one input.

    Args:
        request: which one; ``"null"`` for silence.
        path: where the sound goes.
        link: to the supervisor.
        must_be_there: refuse an input that cannot be had at the first attempt.
    """

    def __init__(self, request: InputRequest, path: InputPath, link: Link, must_be_there: bool) -> None:
        self.request = request
        self.path = path
        self.wants_fresh_start = False  # only another process can open what has come back
        self._link = link
        self._must_be_there = must_be_there
        self._output: Companion | None = None
        self._stream: portaudio.PortAudioInput | None = None
        self._opening: Errand[portaudio.PortAudioInput] | None = None
        self._open_until_s = 0.0
        self._looking: Errand[bool] | None = None
        self._look_at_s = 0.0
        self._was_away = False  # lost or not seen since this process started: what is there now may be another one

    def join(self, output: Companion, stand_in: bool) -> None:
        """After an output has been opened. While it only stands in for another one, there is no input either."""
        if self.request.wanted == NULL_NAME:
            self._publish(DeviceState.PLAYING, RING_RATE_HZ)
            self._report("null", NULL_NAME)
        elif output.input_name:
            self._output = output
            self._must_be_there = False
            self._publish(DeviceState.PLAYING, output.sample_rate)
            self._report("running", output.input_name, output.input_latency_s, output.sample_rate)
        elif stand_in:
            self._must_be_there = False
            self._publish(DeviceState.LOST, RING_RATE_HZ)
            self._report("lost", self.request.wanted, messages=["The input waits for the output."])
        else:
            self._publish(DeviceState.OPENING, RING_RATE_HZ)
            self._open()

    def leave(self) -> None:
        """Before an output is stopped."""
        self.path.end()
        self._output = self._opening = self._looking = None
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.stop()

    def watch(self) -> None:
        """Again and again while the output plays.

        Raises:
            DeviceError: when an input that must be there cannot be had.
        """
        if self._output is not None:
            self.path.ring.publish_gauge(Gauge.INPUT_LATENCY_S, self._output.input_latency_s)
        elif self._stream is not None:
            self._watch_stream(self._stream)
        elif self._opening is not None:
            self._take(self._opening)
        elif self._look_at_s:
            self._look()

    def _open(self) -> None:
        self._open_until_s = time.monotonic() + _OPEN_PATIENCE_S
        self._opening = Errand(lambda: _started(portaudio.PortAudioInput(self.request, self.path)))

    def _take(self, opening: Errand[portaudio.PortAudioInput]) -> None:
        """The stream that was being opened, once it is there; an audio server may also never answer."""
        if not opening.done:
            if time.monotonic() > self._open_until_s:
                self._open_until_s = math.inf
                self._miss(DeviceError("the audio server does not answer", fix="restart it"))
            return
        self._opening = None
        try:
            stream = opening.result()
        except DeviceError as error:
            self._miss(error)
            return
        self._stream = stream
        self._must_be_there = self._was_away = False
        self._look_at_s = 0.0
        self._publish(DeviceState.PLAYING, stream.sample_rate)
        self._report("running", stream.name, stream.latency_s, stream.sample_rate, stream.messages)

    def _watch_stream(self, stream: portaudio.PortAudioInput) -> None:
        self.path.ring.publish_gauge(Gauge.INPUT_LATENCY_S, stream.latency_s)
        if stream.alive():
            return
        self._stream, self._was_away = None, True
        self.path.end()
        Errand(stream.stop)  # a dead one may never let go
        self._lose(f"The input {stream.name} is gone; it comes back by itself when it is there again.")

    def _miss(self, error: DeviceError) -> None:
        """It could not be opened: look for it, or start afresh if it had been away and is there again.

        Raises:
            DeviceError: it must be there.
        """
        if self._must_be_there:
            raise error
        if self._was_away:  # only once: the next process has not seen it go, and an input may also just refuse
            self.wants_fresh_start = True
            self._lose(f"The input {self.request.wanted} is there again: the device process starts anew to open it.")
        elif not self._look_at_s:
            self._lose(f"{error} The input is looked for once a second.")
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S

    def _lose(self, sentence: str) -> None:
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S
        self._publish(DeviceState.LOST, RING_RATE_HZ)
        self._report("lost", self.request.wanted, messages=[sentence])

    def _look(self) -> None:
        if self._looking is None:
            if time.monotonic() >= self._look_at_s:
                self._looking = Errand(lambda: devices.input_there(self.request.wanted))
            return
        if not self._looking.done:
            return
        looking, self._looking = self._looking, None
        self._look_at_s = time.monotonic() + _LOOK_AGAIN_S
        if looking.result():
            self._open()
        else:
            self._was_away = True

    def _publish(self, state: DeviceState, rate_hz: int) -> None:
        self.path.ring.publish(Count.INPUT_STATE, state)
        self.path.ring.publish_gauge(Gauge.INPUT_RATE_HZ, rate_hz)

    def _report(
        self,
        state: str,
        name: str,
        latency_s: float = 0.0,
        rate_hz: int = RING_RATE_HZ,
        messages: list[str] | None = None,
    ) -> None:
        self.path.ring.publish_gauge(Gauge.INPUT_LATENCY_S, latency_s)
        report = {"type": "input", "state": state, "name": name, "sample_rate": rate_hz}
        self._link.send({**report, "latency_ms": round(1000 * latency_s, 2), "messages": messages or []})


def _started(stream: portaudio.PortAudioInput) -> portaudio.PortAudioInput:
    stream.start()
    return stream
