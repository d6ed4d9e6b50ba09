"""The engine's own readouts and settings, and ``load_all``: every declaration of the instrument in one registry.

Imports no torch. Called once per process, before anybody reads the registry.
"""

from __future__ import annotations

import importlib
from typing import Final

from distill_live.params import MAX_LEVELS, REGISTRY, Param, Registry, declare

DECLARING_MODULES: Final = (
    "distill_live.prior.params",
    "distill_live.codes.params",
    "distill_live.effects.params",
)


def _readout(param_id: str, name: str, group: str, low: float, high: float, unit: str, text: str) -> Param:
    return declare(Param(param_id, name, group, kind="readout", low=low, high=high, default=low, unit=unit, help=text))


METER_LEFT = _readout("meter.left", "Left", "meters", -100, 12, "dB", "Peak of the left output over the last 100 ms.")
METER_RIGHT = _readout(
    "meter.right", "Right", "meters", -100, 12, "dB", "Peak of the right output over the last 100 ms."
)
LOAD = _readout("engine.load", "Load", "engine", 0, 10, "", "Share of one core that the render loop uses.")
LATENCY = _readout("engine.latency", "Latency", "engine", 0, 10000, "ms", "Stated delay from an edit to the output.")
XRUNS = _readout("engine.xruns", "Xruns", "engine", 0, 1e9, "", "How often the ring ran dry since the start.")
COLUMN = _readout("engine.column", "Column", "engine", 0, 1e12, "", "The column that sounds.")

RING = _readout("engine.ring", "Ring", "engine", 0, 96000, "frames", "How full the ring is kept now.")
THRIFT = _readout("engine.thrift", "Thrift", "engine", 0, 3, "", "How much work is left out for want of time.")
INPUT_LEVEL = _readout("input.level", "Input", "input", -100, 12, "dB", "Peak at the input, behind its gain.")

MODEL_FADE: Final = declare(
    Param(
        "model.fade",
        "Model fade",
        "engine",
        low=0.01,
        high=20.0,
        default=0.5,
        unit="s",
        curve="log",
        help="How long one model takes to cross over into another.",
    )
)
FOLLOW: Final = declare(
    Param(
        "model.follow",
        "Follow model",
        "engine",
        kind="bool",
        help="When the model's file changes, because it is being trained, crosses over into what it has become.",
    )
)
LEAD: Final = declare(
    Param(
        "engine.lead",
        "Lead",
        "engine",
        kind="int",
        low=512,
        high=48000,
        default=2048,
        unit="frames",
        curve="log",
        help="How far ahead of the sound the engine plays at least; it grows by itself where that is too little.",
    )
)
INPUT_GAIN: Final = declare(
    Param(
        "input.gain",
        "Input gain",
        "input",
        low=-60.0,
        high=36.0,
        unit="dB",
        smoothing_ms=20.0,
        help="Loudness of the input before it is encoded; the lowest is silence.",
    )
)
INPUT_GATE: Final = declare(
    Param(
        "input.gate",
        "Input gate",
        "input",
        low=-100.0,
        high=0.0,
        default=-70.0,
        unit="dB",
        help="Below this the input counts as silence, so that a noisy room does not play along.",
    )
)

LEVEL_READOUTS: Final = tuple(
    (
        _readout(
            f"level.{i}.code", f"Level {i} code", f"level.{i}", -1, 1024, "", "The code that sounds; -1 is muted."
        ),
        _readout(
            f"level.{i}.entropy",
            f"Level {i} entropy",
            f"level.{i}",
            0,
            10,
            "bit",
            "How open the prior's choice was for this column.",
        ),
    )
    for i in range(MAX_LEVELS)
)


def load_all() -> Registry:
    """Import every declaring module; returns the filled registry, in the same order whoever imported what before."""
    for module in DECLARING_MODULES:
        importlib.import_module(module)
    REGISTRY.arrange((*DECLARING_MODULES, __name__))
    return REGISTRY
