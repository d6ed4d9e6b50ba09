"""What the device process is started with; picklable, checked before anything starts. Loads no audio library."""

from __future__ import annotations

from dataclasses import dataclass

from distill_live.engine.opening import InputRequest, OutputRequest
from distill_live.errors import DeviceError


@dataclass(frozen=True)
class DeviceSettings:
    """What the device process is started with.

    Attributes:
        ring: name of the stereo ``SharedRing`` that it plays.
        device: part of an output's name, ``"null"``, or None for the system's default.
        block: the device's period in frames, 64..4096; on JACK the server's own counts instead.
        first_channel: left channel of the output pair, counted from 0.
        spread: every pair of the device carries the sound.
        lead: frames the engine means to keep in the ring; more is asked of it where the period needs more.
        input_ring: name of the mono ``SharedRing`` that live input goes to; "" without an input.
        input: part of an input's name, ``"null"`` for silence, None for no input at all.
        input_first_channel, input_channels: the input's channel, counted from 0, or the mean of it and the next.
    """

    ring: str
    device: str | None = None
    block: int = 256
    first_channel: int = 0
    spread: bool = False
    lead: int = 2048
    input_ring: str = ""
    input: str | None = None
    input_first_channel: int = 0
    input_channels: int = 1

    def __post_init__(self) -> None:
        if not 64 <= self.block <= 4096:
            raise DeviceError(f"a device block of {self.block} frames is not possible", fix="use --block 64 to 4096")
        if not 0 <= self.first_channel <= 62:
            raise DeviceError(f"there is no output pair {self.first_channel + 1}", fix="count the channels from 1")
        if not 0 <= self.input_first_channel <= 62 or self.input_channels not in (1, 2):
            raise DeviceError(
                "live input is one channel or two neighbours, 1 to 64", fix="use --input-channel 1 or 1-2"
            )
        assert self.lead > 0, self

    @property
    def output_request(self) -> OutputRequest:
        return OutputRequest(self.device, self.block, self.first_channel, self.spread)

    @property
    def input_request(self) -> InputRequest | None:
        if self.input is None:
            return None
        return InputRequest(self.input, self.block, self.input_first_channel, self.input_channels)
