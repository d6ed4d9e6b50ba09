"""Declares the chain's parameters: volume, mix and bypass, the ceiling, and those of the effects that are built in.

Imports numpy at most, never torch.
"""

from __future__ import annotations

from typing import Final

from distill_live.effects.delay import Delay
from distill_live.effects.drive import Drive
from distill_live.effects.limiter import CEILING
from distill_live.params import Param, declare

MASTER: Final = "master"

VOLUME: Final = declare(
    Param(
        "volume",
        "Volume",
        MASTER,
        low=-60.0,
        high=6.0,
        default=0.0,
        unit="dB",
        smoothing_ms=20.0,
        help="Loudness of everything; the lowest is silence.",
    )
)
MIX: Final = declare(
    Param(
        "mix",
        "Effects mix",
        MASTER,
        default=1.0,
        smoothing_ms=20.0,
        help="From the sound without effects (0) to the sound through them (1).",
    )
)
BYPASS: Final = declare(
    Param("bypass", "Effects bypass", MASTER, kind="bool", smoothing_ms=20.0, help="Takes the effects out of the path.")
)

declare(CEILING)
for _effect in (Drive, Delay):  # the standard chain's
    for _param in _effect.params:
        declare(_param)
