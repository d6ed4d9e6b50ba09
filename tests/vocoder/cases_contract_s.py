"""The vocoders' streaming processes, for the proof of contract S."""

from __future__ import annotations

import torch

from distill_live.vocoder.convnext import ConvNextVocoder, vocoder_arrays
from distill_live.vocoder.convnext_live import LiveConvNext
from distill_live.vocoder.convnext_plan import ConvNextConfig
from distill_live.vocoder.rtisi import RtisiConfig, RtisiLa
from tests.contract_s import StreamingCase
from tests.vocoder.sounds import Floats, mel_of, music


def _bells() -> Floats:
    return mel_of(music(1.0))[:, 15:63]


def _vocoder(look_ahead: int, iterations: int) -> StreamingCase:
    config = RtisiConfig(look_ahead=look_ahead, iterations=iterations)
    return StreamingCase(lambda: RtisiLa(config), _bells)


def _untrained(look_ahead: int) -> ConvNextVocoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ConvNextVocoder(
            ConvNextConfig(width=16, depth=2, look_ahead=look_ahead, rounds=look_ahead)
        ).requires_grad_(False)


def _learns(look_ahead: int) -> StreamingCase:
    """Twenty frames in double precision: phases of noise magnify rounding errors from frame to frame."""
    return StreamingCase(
        lambda: _untrained(look_ahead).double(), lambda: torch.from_numpy(_bells()[None, :, :20].copy()).double()
    )


def _plays(look_ahead: int) -> StreamingCase:
    model = _untrained(look_ahead)
    return StreamingCase(lambda: LiveConvNext(model.config, vocoder_arrays(model)), _bells, live_blocks=4)


CASES = (_vocoder(3, 4), _vocoder(1, 4), _vocoder(4, 0), _learns(0), _learns(1), _plays(0), _plays(2))
