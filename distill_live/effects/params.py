"""Declares the chain's parameters: volume, mix and bypass, the ceiling, and of every effect the chain may hold its
switch and its own.

Importing this looks the installed and hosted plugins up, once; a plugin whose parameters cannot be declared is left out
and named in ``INSTALLED.messages``. Imports no torch itself, and loads no hosted plugin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from distill_live.effects.base import Effect
from distill_live.effects.insert import switch_of
from distill_live.effects.limiter import CEILING
from distill_live.effects.registry import BUILT_IN, FoundEffects, find_effects
from distill_live.effects.vst3 import HostedEffect
from distill_live.params import REGISTRY, Param, Registry, declare

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

BUILT_IN_ORDER: Final = ("filter", "drive", "delay", "reverb", "widener")

declare(CEILING)


def declare_effects(found: FoundEffects, registry: Registry) -> FoundEffects:
    """Declare the parameters of all that can be put into the chain; returns those effects that could be declared."""
    classes, messages = {cls.name: cls for cls in BUILT_IN}, list(found.messages)
    plugins = [name for name in found.classes if name not in classes]
    for name in (*BUILT_IN_ORDER, *plugins):
        try:
            _declare_one(found.classes[name], registry)
            classes[name] = found.classes[name]
        except Exception as error:  # noqa: BLE001 - a plugin made in a wrong way must not take the others along
            messages.append(f"effect plugin {name} cannot be used: {error}")
    return FoundEffects(classes, tuple(messages))


def _declare_one(cls: type[Effect], registry: Registry) -> None:
    params, switch = cls().params, switch_of(cls.name)
    for param in params:
        if param.id == switch.id:
            raise ValueError(f"its parameter {param.id} is called as the chain's own switch for it")
        if not param.id.startswith(f"fx.{cls.name}."):
            raise ValueError(f"the id of its parameter {param.id} does not begin with fx.{cls.name}.")
        if param.id in registry and registry[param.id] != param:
            raise ValueError(f"its parameter {param.id} is declared already, differently")
    for param in (switch, *params):
        registry.declare(param)


INSTALLED: Final = declare_effects(find_effects(), REGISTRY)
STANDARD_ORDER: Final = (
    *BUILT_IN_ORDER,
    *(name for name in INSTALLED.classes if name not in {cls.name for cls in BUILT_IN}),
)
"""What the standard chain holds: the built-in effects, then whatever is installed or hosted."""


def own_effects(names: Sequence[str]) -> tuple[str, ...]:
    """Those of these effects that are not hosted: whose code is Python's, and cannot take the engine along."""
    return tuple(name for name in names if not issubclass(INSTALLED.classes.get(name, Effect), HostedEffect))
