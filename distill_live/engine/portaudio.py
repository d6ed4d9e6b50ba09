"""A PortAudio output that plays a ring: JACK, ALSA, CoreAudio, WASAPI.

Knows nothing of processes or messages. ``PortAudioOutput`` belongs to the device process's main thread, its callback
to PortAudio's audio thread. The callback is Python on purpose: alone in its process it did as well as a C one
(``docs/benchmarks.md``), and it can ramp.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import sys
import threading
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.ring import Count, Gauge
from distill_live.engine import devices
from distill_live.engine.player import RING_CHANNELS, ChannelMap, RingPlayer
from distill_live.errors import DeviceError

Floats = NDArray[np.float32]

STALL_S: Final = 2.0  # no callback for this long: the device or its server is gone
_CLOSE_PATIENCE_S: Final = 1.0  # stop, abort and close hang for good when the JACK server has died
_LARGEST_BLOCK: Final = 8192
_JACK_CLIENT: Final = b"distill-live"


class OutputCallback:
    """What PortAudio calls once a period: fill, spread, publish. Waits for nothing, takes no memory."""

    def __init__(self, player: RingPlayer, channels: ChannelMap) -> None:
        self._player = player
        self._ring = player.ring
        self._channels = channels
        self._stereo: Floats = np.zeros((_LARGEST_BLOCK, RING_CHANNELS), np.float32)
        self._calls = self._ring.count(Count.CALLBACKS)
        self._server_xruns = self._ring.count(Count.SERVER_XRUNS)
        self.last_s = time.monotonic()

    def __call__(self, out: Floats, frames: int, _when: object, status: Any) -> None:
        if self._channels.direct:
            self._player.fill(out)
        else:
            stereo = self._stereo[:frames]
            self._player.fill(stereo)
            self._channels.spread(stereo, out)
        if status and status.output_underflow:
            self._server_xruns += 1
            self._ring.publish(Count.SERVER_XRUNS, self._server_xruns)
        self._calls += 1
        self._ring.publish(Count.CALLBACKS, self._calls)
        self.last_s = time.monotonic()
        self._ring.publish_gauge(Gauge.LAST_OUTPUT_S, self.last_s)


class PortAudioOutput:
    """An open output stream.

    Raises:
        DeviceError: when no output has that name, its pair does not exist, or it refuses the rate or the block.
    """

    def __init__(self, player: RingPlayer, wanted: str | None, block: int, sample_rate: int, first: int) -> None:
        sounddevice = devices.load_portaudio()
        chosen = devices.pick_output(devices.scan(), wanted)
        channels = ChannelMap(_channels_to_open(chosen, first), first)
        self.name = chosen.label
        self._error: type[Exception] = sounddevice.PortAudioError
        self.messages: list[str] = []
        self._callback = OutputCallback(player, channels)
        self._stream = _open_stream(sounddevice, chosen, self._callback, channels.channels, block, sample_rate)
        self.sample_rate = round(self._stream.samplerate)
        self.latency_s = float(self._stream.latency)

    def start(self) -> None:
        """Raises: DeviceError: when the device refuses to start."""
        self._callback.last_s = time.monotonic()
        try:
            with devices.quiet_stderr():
                self._stream.start()
        except self._error as error:
            raise _refused(self.name, error) from None

    def alive(self) -> bool:
        """False when the stream has ended by itself or no callback has come for ``STALL_S``."""
        return bool(self._stream.active) and time.monotonic() - self._callback.last_s < STALL_S

    def stop(self) -> None:
        """Close the stream; gives up waiting after a second, for only the end of the process frees a dead one."""
        closer = threading.Thread(target=self._close, name="closing the device", daemon=True)
        closer.start()
        closer.join(_CLOSE_PATIENCE_S)

    def _close(self) -> None:
        with devices.quiet_stderr():
            self._stream.abort()
            self._stream.close()


def name_jack_client() -> None:
    """Appear in JACK as ``distill-live``; only before PortAudio is loaded, and only where it speaks JACK."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(ctypes.util.find_library("portaudio") or "")
        library.PaJack_SetClientName(ctypes.c_char_p(_JACK_CLIENT))


def available(wanted: str | None, sample_rate: int, first: int) -> bool:
    """Look around again, while no stream is open: whether the output that is wanted is there and would play."""
    sounddevice = devices.load_portaudio()
    try:
        with devices.quiet_stderr():
            sounddevice._terminate()
            sounddevice._initialize()
            chosen = devices.pick_output(devices.scan(), wanted)
            sounddevice.check_output_settings(
                chosen.index, _channels_to_open(chosen, first), "float32", samplerate=sample_rate
            )
    except (DeviceError, sounddevice.PortAudioError):
        return False
    return True


def _channels_to_open(chosen: devices.OutputDevice, first: int) -> int:
    if chosen.channels == 1 and first == 0:
        return 1
    needed = first + RING_CHANNELS
    if needed > chosen.channels:
        raise DeviceError(
            f"{chosen.label} has {chosen.channels} channels, there is no output pair {first + 1}/{needed}",
            fix=f"choose a pair from 1 to {chosen.channels}",
        )
    return needed


def _open_stream(
    sounddevice: Any, chosen: devices.OutputDevice, callback: OutputCallback, channels: int, block: int, rate: int
) -> Any:
    try:
        with devices.quiet_stderr():
            return sounddevice.OutputStream(
                samplerate=rate,
                blocksize=block,
                device=chosen.index,
                channels=channels,
                dtype="float32",
                latency="low",
                callback=callback,
                clip_off=True,
                dither_off=True,
            )
    except sounddevice.PortAudioError as error:
        if "sample rate" in str(error).lower():
            raise DeviceError(
                f"{chosen.label} does not run at {rate} Hz (it is set to {chosen.default_rate:g} Hz)",
                fix=f"set the device or its server to {rate} Hz, or choose an output that converts, such as pulse "
                "or default",
            ) from None
        raise _refused(chosen.label, error) from None


def _refused(name: str, error: Exception) -> DeviceError:
    return DeviceError(
        f"{name} refuses to play: {error}", fix="close other programs that use it, or try another --block"
    )
