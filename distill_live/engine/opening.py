"""What is asked of PortAudio, and what of it a device can do: channels, a rate, one stream for two or one for each.

Called by the main thread of the device process, before a stream starts (``portaudio.py`` holds the streams).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from distill_live.audio.ring import RING_RATE_HZ
from distill_live.engine import devices
from distill_live.engine.devices import AudioDevice
from distill_live.engine.player import RING_CHANNELS
from distill_live.errors import DeviceError

_MOST_CHANNELS: Final = 64


@dataclass(frozen=True)
class OutputRequest:
    """Which output: part of its name (None: the default), the period in frames, the pair's left channel from 0."""

    wanted: str | None
    block: int = 256
    first_channel: int = 0
    spread: bool = False


@dataclass(frozen=True)
class InputRequest:
    """Which input: part of its name, the period in frames, the first channel from 0, one channel or the mean of two."""

    wanted: str
    block: int = 256
    first_channel: int = 0
    channels: int = 1


@dataclass(frozen=True)
class Side:
    """One direction of a stream: a device, and how many of its channels are opened, from the first on."""

    device: AudioDevice
    channels: int


def input_on_its_clock(there: devices.Devices, output: AudioDevice, request: InputRequest | None) -> Side | None:
    """The input that is wanted, if it is there and runs on the output's clock."""
    if request is None:
        return None
    try:
        chosen = devices.pick_input(there.inputs, request.wanted)
        return input_side(chosen, request) if devices.share_a_clock(output, chosen) else None
    except DeviceError:
        return None  # whoever opens the input by itself then will say it


def agreed(output: Side, source: Side | None) -> tuple[Side | None, int]:
    """The input that can share the output's stream, and the rate; without a common rate each gets its own stream."""
    if source is not None:
        with contextlib.suppress(DeviceError):
            return source, common_rate(output, source)
    return None, common_rate(output, None)


def input_side(chosen: AudioDevice, request: InputRequest) -> Side:
    """The channels of an input that have to be opened for those that are asked for.

    Raises:
        DeviceError: when it has no such channel.
    """
    needed = request.first_channel + request.channels
    if needed > chosen.channels:
        raise DeviceError(
            f"{chosen.label} has {chosen.channels} input channels, there is no channel {needed}",
            fix=f"choose --input-channel 1 to {chosen.channels}",
        )
    return Side(chosen, needed)


def output_side(chosen: AudioDevice, request: OutputRequest) -> Side:
    """The channels of an output that have to be opened for the pair that is asked for; one on a mono device.

    Raises:
        DeviceError: when it has no such pair.
    """
    first = request.first_channel
    if chosen.channels == 1 and first == 0:
        return Side(chosen, 1)
    needed = first + RING_CHANNELS
    if needed > chosen.channels:
        raise DeviceError(
            f"{chosen.label} has {chosen.channels} channels, there is no output pair {first + 1}/{needed}",
            fix=f"choose --pair 1 to {max(1, chosen.channels // 2)}",
        )
    return Side(chosen, min(chosen.channels, _MOST_CHANNELS) if request.spread else needed)


def common_rate(output: Side | None, source: Side | None) -> int:
    """48 kHz where that is possible, else what a device is set to.

    Raises:
        DeviceError: when there is no rate at which all that is asked for is possible.
    """
    sounddevice = devices.load_portaudio()
    sides = [side for side in (output, source) if side is not None]
    refusal = DeviceError("no device was asked for")
    for rate in dict.fromkeys((RING_RATE_HZ, *(round(side.device.default_rate) for side in sides))):
        try:
            with devices.quiet_stderr():
                if output is not None:
                    sounddevice.check_output_settings(output.device.index, output.channels, "float32", samplerate=rate)
                if source is not None:
                    sounddevice.check_input_settings(source.device.index, source.channels, "float32", samplerate=rate)
        except sounddevice.PortAudioError as error:
            refusal = refused(sides[0].device.label, error)
        else:
            return rate
    raise refusal


def open_stream(output: Side | None, source: Side | None, block: int, rate_hz: int, callback: Any) -> Any:
    """A stream of PortAudio's for one side or both; not started.

    Raises:
        DeviceError: when the device refuses.
    """
    sounddevice = devices.load_portaudio()
    sides = [side for side in (source, output) if side is not None]
    if len(sides) == 2:
        kind: Any = sounddevice.Stream
        device: Any = tuple(side.device.index for side in sides)
        channels: Any = tuple(side.channels for side in sides)
    else:
        kind = sounddevice.InputStream if output is None else sounddevice.OutputStream
        device, channels = sides[0].device.index, sides[0].channels
    try:
        with devices.quiet_stderr():
            return kind(
                device=device,
                channels=channels,
                samplerate=rate_hz,
                blocksize=0 if sides[-1].device.api == devices.JACK else block,  # JACK's own, with no buffer between
                dtype="float32",
                latency="low",
                callback=callback,
                clip_off=True,
                dither_off=True,
            )
    except sounddevice.PortAudioError as error:
        raise refused(sides[-1].device.label, error) from None


def refused(name: str, error: Exception) -> DeviceError:
    return DeviceError(
        f"{name} refuses to play: {error}", fix="close other programs that use it, or try another --block"
    )
