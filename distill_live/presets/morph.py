"""The way from one preset to another. Pure; any thread."""

from __future__ import annotations

from distill_live.params import Param, Registry, Value
from distill_live.presets.preset import Preset


def morph(first: Preset, second: Preset, share: float, registry: Registry) -> dict[str, Value]:
    """Every value a preset sets, by id, at ``share`` of the way: 0 is the first, 1 the second, both exact.

    Numbers go along their parameter's own curve, whole ones are rounded; switches and choices change at the middle.

    >>> cutoff = Param("cutoff", "Cutoff", "fx", low=20.0, high=20000.0, default=20.0, curve="log")
    >>> round(morph(Preset("a"), Preset("b", {"cutoff": 20000.0}), 0.5, Registry([cutoff]))["cutoff"])
    632
    """
    here, there = first.all_values(registry), second.all_values(registry)
    return {param_id: between(registry[param_id], here[param_id], there[param_id], share) for param_id in here}


def between(param: Param, first: Value, second: Value, share: float) -> Value:
    """One value at ``share`` of the way."""
    if share <= 0.0 or first == second:
        return first
    if share >= 1.0:
        return second
    if param.kind in ("bool", "enum"):
        return second if share >= 0.5 else first
    start, end = param.to_position(first), param.to_position(second)
    return param.from_position(start + (end - start) * share)
