"""``distill-live check-plugin``: contract X, proved for one effect that is built in, installed or hosted."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

import click

from distill_live.effects.apart import ApartError, run_apart
from distill_live.effects.base import Effect
from distill_live.effects.broken import BROKEN
from distill_live.effects.checks import CHECKS, Result, broken_by, check_effect
from distill_live.effects.registry import find_effects
from distill_live.effects.vst3 import HostedEffect
from distill_live.errors import UnknownNameError

PATIENCE_S: Final = 3600.0  # a plugin with a hundred parameters has many ways to be turned


@click.command(
    "check-plugin",
    epilog="""\b
Example:
  distill-live check-plugin reverb
  distill-live check-plugin zamdelay        a hosted plugin (see `distill-live plugins`)
  distill-live check-plugin broken-nan      one that fails, to see what that looks like""",
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(name: str, as_json: bool) -> int:
    """Check an effect: random parameters, levels, clicks, state, latency, memory. Exit code 1 when a check fails."""
    results = _checked(name)
    failed = broken_by(results)
    if as_json:
        print(json.dumps({"plugin": name, "failed": failed, "checks": [asdict(r) for r in results]}, indent=1))
    else:
        for result in results:
            print(f"{result.check:13} {result.verdict:11} {result.text}")
        print(f"{name}: {'failed ' + ', '.join(failed) if failed else 'keeps the contract'}.")
    return int(bool(failed))


def _checked(name: str) -> list[Result]:
    """A hosted plugin is machine code of others: it is checked in a process of its own."""
    cls = _class_of(name)
    if not issubclass(cls, HostedEffect):
        return check_effect(cls)
    try:
        return run_apart(PATIENCE_S, _check_by_name, name)
    except ApartError as error:
        because = f"because of its raising: it {error.what}"
        others = [Result(check, "not judged", because) for check in CHECKS if check != "raising"]
        return [Result("raising", "failed", f"it {error.what}"), *others]


def _check_by_name(name: str) -> list[Result]:
    return check_effect(_class_of(name))


def _class_of(name: str) -> type[Effect]:
    found = find_effects()
    classes = {**found.classes, **BROKEN}
    if name not in classes:
        why = "".join(f" ({text})" for text in found.messages if f" {name} " in text)
        raise UnknownNameError(f"there is no effect {name!r}{why}", fix=f"use one of {', '.join(sorted(classes))}")
    return classes[name]
