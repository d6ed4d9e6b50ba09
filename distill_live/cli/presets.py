"""``distill-live presets``: the shelf of performances, the user's and the factory's."""

from __future__ import annotations

import json
from typing import Any

import click

from distill_live.cli.settings import parse_settings, tell
from distill_live.engine.params import load_all
from distill_live.errors import UsageError
from distill_live.presets.preset import Preset, gather
from distill_live.presets.shelf import (
    Listed,
    delete_preset,
    find_preset,
    list_presets,
    own_folder,
    read_listed,
    save_preset,
)
from distill_live.presets.text import ReadPreset


@click.group(
    "presets",
    invoke_without_command=True,
    epilog="""\b
Example:
  distill-live presets
  distill-live presets show deep-drone
  distill-live presets save night --set temperature=0.6 --set fx.reverb.mix=0.4
  distill-live play --preset night
  distill-live presets delete night""",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, save and delete presets: performances as plain TOML files."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command)


@command.command("list", epilog="\b\nExample:\n  distill-live presets list --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_command(as_json: bool = False) -> None:
    """Every preset, with the place that a MIDI program change or /distill/preset/load finds it at."""
    lines = list_presets()
    if as_json:
        print(json.dumps([_summary(line) for line in lines], indent=1))
        return
    for line in lines:
        print(f"{line.place:3}  {line.name:24} {line.whose:8} {line.problem or line.heading.note}".rstrip())
    if not lines:
        print(f"no presets in {own_folder()}")


@command.command("show", epilog="\b\nExample:\n  distill-live presets show deep-drone")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show_command(name: str, as_json: bool) -> None:
    """What the preset NAME (or the one at that place) sets; what it does not name goes to its default."""
    line = find_preset(name)
    read = read_listed(line, load_all())
    if as_json:
        preset = read.preset
        body = {"values": preset.values, "bank": {str(slot): sound for slot, sound in preset.bank.items()}}
        print(json.dumps({**_summary(line), **body, "remarks": [*read.skipped, *read.clamped]}, indent=1))
        return
    print("\n".join(_page(line, read)))
    tell(read.remarks)


@command.command("save", epilog="\b\nExample:\n  distill-live presets save night --set temperature=0.6 --set mix=0.5")
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="ID=VALUE", help="A value; may be given often.")
def save_command(name: str, settings: tuple[str, ...]) -> None:
    """Save a preset NAME from settings; what they do not name is at its default.

    What sounds now is saved by /distill/preset/save, or in the terminal app.
    """
    registry = load_all()
    if any(line.name == name and not line.factory for line in list_presets()):
        raise UsageError(f"there is a preset {name!r} already", fix=f"`distill-live presets delete {name}` first")
    preset = Preset(name, gather(parse_settings(settings), registry))
    print(f"saved {save_preset(preset, registry)}")


@command.command("delete", epilog="\b\nExample:\n  distill-live presets delete night --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(name: str, yes: bool) -> None:
    """Delete your preset NAME for good. The factory's stay."""
    line = find_preset(name)
    if not (line.factory or yes or _sure(line.name)):
        raise UsageError(f"{line.name} was not deleted", fix="answer y, or give --yes")
    print(f"deleted {delete_preset(line.name)}")


def _sure(name: str) -> bool:
    try:
        return click.confirm(f"delete the preset {name} for good?")
    except click.Abort:  # there is nobody to ask
        return False


def _summary(line: Listed) -> dict[str, Any]:
    heading = line.heading
    return {
        "name": line.name,
        "place": line.place,
        "whose": line.whose,
        "note": heading.note,
        "model": heading.model,
        "path": str(line.path),
        "problem": line.problem,
    }


def _page(line: Listed, read: ReadPreset) -> list[str]:
    """A preset as a page for people."""
    preset, registry = read.preset, load_all()
    facts = {"place": line.place, "whose": line.whose, "note": preset.note, "made with": preset.model}
    values = [f"  {p.id:24} {p.format(preset.values[p.id])}" for p in registry.values() if p.id in preset.values]
    bank = [f"  slot {slot:<19} {sound}" for slot, sound in sorted(preset.bank.items())]
    head = [f"{preset.name}  ({line.path})", *(f"{key:12} {value}" for key, value in facts.items() if value)]
    return [*head, *(values or ["  everything is at its default"]), *bank]
