"""``distill-live check-plugin``: contract X, proved for one effect that is built in or installed."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from distill_live.effects.base import Effect
from distill_live.effects.broken import BROKEN
from distill_live.effects.checks import broken_by, check_effect
from distill_live.effects.registry import find_effects
from distill_live.errors import UnknownNameError


@click.command(
    "check-plugin",
    epilog="""\b
Example:
  distill-live check-plugin reverb
  distill-live check-plugin broken-nan      one that fails, to see what that looks like""",
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(name: str, as_json: bool) -> int:
    """Check an effect: random parameters, levels, clicks, state, latency, memory. Exit code 1 when a check fails."""
    results = check_effect(_class_of(name))
    failed = broken_by(results)
    if as_json:
        print(json.dumps({"plugin": name, "failed": failed, "checks": [asdict(r) for r in results]}, indent=1))
    else:
        for result in results:
            print(f"{result.check:13} {result.verdict:11} {result.text}")
        print(f"{name}: {'failed ' + ', '.join(failed) if failed else 'keeps the contract'}.")
    return int(bool(failed))


def _class_of(name: str) -> type[Effect]:
    found = find_effects()
    classes = {**found.classes, **BROKEN}
    if name not in classes:
        why = "".join(f" ({text})" for text in found.messages if f" {name} " in text)
        raise UnknownNameError(f"there is no effect {name!r}{why}", fix=f"use one of {', '.join(sorted(classes))}")
    return classes[name]
