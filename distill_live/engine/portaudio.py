"""PortAudio's streams (JACK, ALSA, CoreAudio, WASAPI): an output that plays a ring, an input that fills one, or both.

Knows nothing of processes or messages. The streams belong to the device process's main thread, what they call back
(``callbacks.py``) to PortAudio's audio threads. A device that does not run at 48 kHz is converted; JACK alone decides
its period. Input and output on one device, or on one JACK server, are one stream: they share a clock.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import sys
import threading
import time
from typing import Any, Final

from distill_live.audio.ring import RING_RATE_HZ
from distill_live.engine import devices
from distill_live.engine.callbacks import DuplexCallback, InputCallback, OutputCallback
from distill_live.engine.capture import InputPath, MonoMix
from distill_live.engine.opening import (
    InputRequest,
    OutputRequest,
    Side,
    agreed,
    common_rate,
    input_on_its_clock,
    input_side,
    open_stream,
    output_side,
    refused,
)
from distill_live.engine.player import ChannelMap, ConvertedPlayer, RingPlayer
from distill_live.errors import DeviceError

STALL_S: Final = 2.0  # no callback for this long: the device or its server is gone
_CLOSE_PATIENCE_S: Final = 1.0  # stop, abort and close hang for good when the JACK server has died
_FIRST_PERIOD_S: Final = 0.5
_JACK_CLIENT: Final = b"distill-live"


class _Stream:
    """An open stream: started, watched, and got rid of.

    Args:
        side: what it is called after.
        stream: PortAudio's.
        pulse: what tells that the device lives.
    """

    def __init__(self, side: Side, stream: Any, pulse: OutputCallback | InputCallback) -> None:
        self.name = side.device.label
        self.sample_rate = round(stream.samplerate)
        self.messages: list[str] = []
        self._stream = stream
        self._pulse = pulse
        self._jack = side.device.api == devices.JACK
        self._first_period = 0

    @property
    def period(self) -> int:
        """Frames of the device's period, as it has called back; 0 before that."""
        return self._pulse.period

    def start(self) -> None:
        """Start, and wait until the period is known, half a second at most.

        Raises:
            DeviceError: when the device refuses to start.
        """
        sounddevice = devices.load_portaudio()
        self._pulse.last_s = time.monotonic()
        try:
            with devices.quiet_stderr():
                self._stream.start()
        except sounddevice.PortAudioError as error:
            raise refused(self.name, error) from None
        deadline_s = time.monotonic() + _FIRST_PERIOD_S
        while not self.period and time.monotonic() < deadline_s:
            time.sleep(0.002)
        self._first_period = self.period

    def alive(self) -> bool:
        """False when the stream has ended by itself or no callback has come for ``STALL_S``."""
        return bool(self._stream.active) and time.monotonic() - self._pulse.last_s < STALL_S

    def stop(self) -> None:
        """Close the stream; gives up waiting after a second, for only the end of the process frees a dead one."""
        closer = threading.Thread(target=self._close, name="closing the device", daemon=True)
        closer.start()
        closer.join(_CLOSE_PATIENCE_S)

    def _close(self) -> None:
        with devices.quiet_stderr():
            self._stream.abort()
            self._stream.close()

    def _device_latency_s(self, direction: int) -> float:
        """What the device itself adds, 0 for the input's, 1 for the output's direction.

        PortAudio leaves JACK's own period out of what it states, and does not notice when it changes.
        """
        stated = self._stream.latency
        stated_s = float(stated[direction] if isinstance(stated, tuple) else stated)
        if not self._jack or not self._first_period:
            return stated_s
        return (stated_s + self._first_period / self.sample_rate) * self.period / self._first_period


class PortAudioOutput(_Stream):
    """An open output, and the input with it where they share a clock (``input_name`` says so).

    Args:
        player: what plays.
        request: which output.
        capture, source: where live input goes and which one is wanted; None for none.

    Raises:
        DeviceError: when no output has that name, its pair does not exist, or it refuses the rate or the block.
    """

    def __init__(
        self,
        player: RingPlayer,
        request: OutputRequest,
        capture: InputPath | None = None,
        source: InputRequest | None = None,
    ) -> None:
        there = devices.scan()
        chosen = devices.pick_output(there.outputs, request.wanted)
        output = output_side(chosen, request)
        joined, rate_hz = agreed(output, None if capture is None else input_on_its_clock(there, chosen, source))
        sound = player if rate_hz == RING_RATE_HZ else ConvertedPlayer(player, rate_hz)
        channels = ChannelMap(output.channels, request.first_channel, request.spread)
        callback: Any = OutputCallback(sound, player.ring, channels, capture)
        pulse, mix = callback, None
        if joined is not None and capture is not None and source is not None:
            mix = MonoMix(source.first_channel, source.channels, rate_hz)
            callback = DuplexCallback(InputCallback(capture, mix), pulse)
            capture.begin(same_clock=True, converts=mix.converts)
        super().__init__(output, open_stream(output, joined, request.block, rate_hz, callback), pulse)
        self.input_name = joined.device.label if joined is not None else ""
        self._input_added_s = mix.latency_s if mix is not None else 0.0
        self._added_s = sound.latency_s
        if self._added_s:
            self.messages.append(_converted(self.name, rate_hz, self._added_s))

    @property
    def latency_s(self) -> float:
        """From the ring to the output's socket."""
        return self._device_latency_s(1) + self._added_s

    @property
    def input_latency_s(self) -> float:
        """From the input's socket to the input ring, where the input came with the output."""
        return self._device_latency_s(0) + self._input_added_s


class PortAudioInput(_Stream):
    """An open input with a clock of its own.

    Args:
        request: which input.
        path: where the sound goes.

    Raises:
        DeviceError: when no input has that name, its channels do not exist, or it refuses the rate or the block.
    """

    def __init__(self, request: InputRequest, path: InputPath) -> None:
        chosen = devices.pick_input(devices.scan().inputs, request.wanted)
        source = input_side(chosen, request)
        rate_hz = common_rate(None, source)
        mix = MonoMix(request.first_channel, request.channels, rate_hz)
        pulse = InputCallback(path, mix)
        super().__init__(source, open_stream(None, source, request.block, rate_hz, pulse), pulse)
        self._path = path
        self._added_s = mix.latency_s
        if mix.converts:
            self.messages.append(_converted(self.name, rate_hz, mix.latency_s))

    def start(self) -> None:
        """As of any stream; from here on, drift is absorbed."""
        self._path.begin(same_clock=False)
        super().start()

    @property
    def latency_s(self) -> float:
        """From the input's socket to the input ring."""
        return self._device_latency_s(0) + self._added_s + self._path.latency_s


def name_jack_client() -> None:
    """Appear in JACK as ``distill-live``; only before PortAudio is loaded, and only where it speaks JACK."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(ctypes.util.find_library("portaudio") or "")
        library.PaJack_SetClientName(ctypes.c_char_p(_JACK_CLIENT))


def available(request: OutputRequest) -> bool:
    """Look around again, while no stream is open: whether the output that is wanted is there and would play."""
    sounddevice = devices.load_portaudio()
    try:
        with devices.quiet_stderr():
            sounddevice._terminate()
            sounddevice._initialize()
        chosen = devices.pick_output(devices.scan().outputs, request.wanted)
        common_rate(output_side(chosen, request), None)
    except (DeviceError, sounddevice.PortAudioError):
        return False
    return True


def _converted(name: str, rate_hz: int, added_s: float) -> str:
    return f"{name} runs at {rate_hz} Hz: the sound is converted, which adds {1000 * added_s:.1f} ms."
