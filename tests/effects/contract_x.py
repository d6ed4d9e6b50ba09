"""What the tests of effects share: the shipped probes, and the walk that lets no effect of ours escape the checks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

from distill_live.effects.base import Effect
from distill_live.effects.probes import noise, random_events, sharpest_bend

__all__ = ["effect_classes", "noise", "random_events", "sharpest_bend", "unregistered"]


def effect_classes(root: type[Effect] = Effect) -> list[type[Effect]]:
    """Every concrete effect that has been imported."""
    found = []
    for cls in root.__subclasses__():
        found += [] if inspect.isabstract(cls) else [cls]
        found += effect_classes(cls)
    return found


def unregistered(classes: Iterable[type[Effect]], registered: Mapping[str, type[Effect]]) -> list[str]:
    """Names of the package's own effects that nobody can ask for by name; the broken ones are not to be asked for."""
    ours = [c for c in classes if c.__module__.startswith("distill_live.") and not c.__module__.endswith(".broken")]
    return sorted(cls.__name__ for cls in ours if cls not in registered.values())
