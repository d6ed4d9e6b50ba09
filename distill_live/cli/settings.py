"""Options that several commands share: initial values (``--preset``, ``--set``) and the effects (``--effects``)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from distill_live.effects.chain import checked_order
from distill_live.effects.params import STANDARD_ORDER
from distill_live.engine.params import load_all
from distill_live.errors import UsageError
from distill_live.params import Value
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import read_preset


def parse_settings(pairs: Iterable[str]) -> dict[str, Value]:
    """``ID=VALUE`` pairs as legal values by id.

    Raises:
        UsageError: a pair has no ``=``.
        UnknownNameError, ParamError: no such parameter, or it cannot be that.

    >>> parse_settings(["temperature=0.5", "level.0.mute=on"])
    {'temperature': 0.5, 'level.0.mute': True}
    """
    registry = load_all()
    values: dict[str, Value] = {}
    for pair in pairs:
        param_id, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair!r} is not ID=VALUE", fix="write e.g. --set temperature=0.7")
        param = registry[param_id.strip()]
        coerced = param.coerce(text)
        if coerced.clamped:
            tell(f"{pair} is outside {param.range_text}; {param.format(coerced.value)} is used.")
        values[param_id.strip()] = coerced.value
    return values


def open_preset(name: str | None) -> Preset:
    """A preset by name or place, None one that sets nothing; what was left out of it is said.

    Raises:
        UnknownNameError, PresetError: there is none, or it is damaged.
    """
    if name is None:
        return Preset("")
    read = read_preset(name, load_all())
    tell(read.remarks)
    return read.preset


def start_values(preset: Preset, seed: int | None, settings: Iterable[str]) -> dict[str, Value]:
    """What a take starts with: the preset's values, then the seed when one was given, then ``--set``.

    >>> start_values(Preset("", {"seed": 3, "mix": 0.5}), None, ["mix=1"])
    {'seed': 3, 'mix': 1.0}
    >>> start_values(Preset("", {"seed": 3}), 7, [])
    {'seed': 7}
    """
    given: dict[str, Value] = {} if seed is None else {"seed": seed}
    return {**preset.values, **given, **parse_settings(settings)}


def tell(sentence: str) -> None:
    """Say something beside the output, if there is something to say."""
    if sentence:
        print(sentence, file=sys.stderr)


def parse_effects(text: str | None) -> tuple[str, ...]:
    """Names of effects in the order in which the sound passes them; ``none`` for none, None for the standard order.

    Raises:
        UnknownNameError, UsageError: there is no such effect, or one stands there twice.

    >>> parse_effects("delay, reverb"), parse_effects("none")
    (('delay', 'reverb'), ())
    """
    if text is None:
        return STANDARD_ORDER
    names = [name.strip() for name in text.split(",")]
    return () if names == ["none"] else checked_order(names)
