"""``distill-live params``: the parameter registry, for people and for programs."""

from __future__ import annotations

import json

import click

from distill_live.engine.params import load_all


@click.command(
    "params",
    epilog="""\b
Example:
  distill-live params
  distill-live params --json | python -m json.tool""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
def command(as_json: bool) -> None:
    """Print every parameter: id, range, unit, default, and what it does."""
    registry = load_all()
    if as_json:
        print(json.dumps([param.describe() for param in registry.values()], indent=1))
        return
    group = ""
    for param in registry.values():
        if param.group != group:
            group = param.group
            print(f"\n{group}")
        default = "" if param.kind in ("readout", "trigger") else f"  default {param.format(param.default_value)}"
        kind = "  (readout)" if param.kind == "readout" else ""
        print(f"  {param.id:24} {param.range_text}{default}{kind}")
        print(f"  {'':24} {param.help}")
