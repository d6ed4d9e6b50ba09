"""The vocoder's streaming process, for the proof of contract S."""

from __future__ import annotations

from distill_live.vocoder.rtisi import RtisiConfig, RtisiLa
from tests.contract_s import StreamingCase
from tests.vocoder.sounds import Floats, mel_of, music


def _bells() -> Floats:
    return mel_of(music(1.0))[:, 15:63]


def _vocoder(look_ahead: int, iterations: int) -> StreamingCase:
    config = RtisiConfig(look_ahead=look_ahead, iterations=iterations)
    return StreamingCase(lambda: RtisiLa(config), _bells)


CASES = (_vocoder(3, 4), _vocoder(1, 4), _vocoder(4, 0))
