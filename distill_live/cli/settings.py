"""Options that several commands share: initial values (``--set ID=VALUE``) and where a model comes from."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from distill_live.engine.params import load_all
from distill_live.errors import UsageError
from distill_live.params import Value


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
            print(f"{pair} is outside {param.range_text}; {param.format(coerced.value)} is used.", file=sys.stderr)
        values[param_id.strip()] = coerced.value
    return values
