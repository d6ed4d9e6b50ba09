"""``distill-live plugins``: which effects there are, and the list of hosted plugins (VST3, AU)."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from distill_live.effects.base import Effect
from distill_live.effects.hosted import (
    Entry,
    HostedPlugin,
    check_effect_name,
    drop_plugin,
    name_for,
    put_plugin,
    read_list,
)
from distill_live.effects.params import declare_effects
from distill_live.effects.registry import BUILT_IN, find_effects
from distill_live.effects.vst3 import SUFFIXES, HostedEffect
from distill_live.errors import UsageError
from distill_live.params import Registry

FOLDERS: Final[dict[str, tuple[str, ...]]] = {
    "linux": ("~/.vst3", "/usr/lib/vst3", "/usr/local/lib/vst3"),
    "darwin": (
        "~/Library/Audio/Plug-Ins/VST3",
        "/Library/Audio/Plug-Ins/VST3",
        "~/Library/Audio/Plug-Ins/Components",
        "/Library/Audio/Plug-Ins/Components",
    ),
    "win32": ("$LOCALAPPDATA/Programs/Common/VST3", "$COMMONPROGRAMFILES/VST3"),
}


@dataclass(frozen=True)
class Line:
    """One effect: where it comes from (built in, installed, hosted), and what there is to say of it."""

    name: str
    kind: str
    parameters: int
    text: str
    path: str = ""


@click.group(
    "plugins",
    invoke_without_command=True,
    epilog="""\b
Example:
  distill-live plugins
  distill-live plugins scan
  distill-live plugins add /usr/lib/vst3/ZamDelay.vst3
  distill-live plugins remove zamdelay""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the effects there are: built in, installed, and hosted plugins (VST3, AU)."""
    if context.invoked_subcommand is not None:
        return
    found = declare_effects(find_effects(), Registry())
    lines = [_line(name, cls) for name, cls in found.classes.items()]
    if as_json:
        print(json.dumps({"effects": [asdict(line) for line in lines], "problems": list(found.messages)}, indent=1))
        return
    for line in lines:
        print(f"{line.name:16} {line.kind:10} {line.parameters:3} parameters  {line.text}".rstrip())
    for sentence in found.messages:
        print(sentence, file=sys.stderr)


@command.command("add", epilog="\b\nExample:\n  distill-live plugins add /usr/lib/vst3/ZamDelay.vst3 --name slap")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="What it is called here; its file's name when not given.")
@click.option("--plugin", "inside", default="", help="Which one, where a file holds several.")
def add_command(path: Path, name: str | None, inside: str) -> None:
    """Look at the plugin at PATH (VST3; AU on macOS), and put it into the chain."""
    from distill_live.effects.vst3_scan import look_at

    path = path.expanduser().absolute()
    entry = Entry(check_effect_name(name or name_for(path)), path, inside)
    _refuse_taken(entry)
    plugin = look_at(entry)
    put_plugin(plugin)
    print(f"{entry.name}: {_summary(plugin)}, {len(plugin.params)} parameters{_beyond(plugin)}.")
    print("It stands in the chain from the next start on; `distill-live params` lists what there is to turn.")


@command.command("remove", epilog="\b\nExample:\n  distill-live plugins remove zamdelay")
@click.argument("name")
def remove_command(name: str) -> None:
    """Take the hosted plugin NAME out of the chain; its file stays where it is."""
    print(f"removed {name}; {drop_plugin(name)} stays where it is")


@command.command("scan", epilog="\b\nExample:\n  distill-live plugins scan")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def scan_command(as_json: bool) -> None:
    """Look for plugins in the folders where they usually are; loads none of them."""
    names = {entry.path: entry.name for entry in read_list()[0]}
    folders = [Path(os.path.expandvars(folder)).expanduser() for folder in FOLDERS.get(sys.platform, ())]
    found = [path for folder in folders for path in plugin_files(folder)]
    if as_json:
        print(json.dumps([{"path": str(path), "name": names.get(path)} for path in found], indent=1))
        return
    for path in found:
        print(f"{path}{f'   (is {names[path]})' if path in names else ''}")
    if not found:
        print(f"no plugins in {', '.join(map(str, folders))}; `distill-live plugins add PATH` takes one from anywhere")


def plugin_files(folder: Path) -> list[Path]:
    """Everything in a folder and those below it that is a plugin by its name; does not look into plugins."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        own = [name for name in (*folders, *files) if Path(name).suffix in SUFFIXES]
        found += [Path(place) / name for name in own]
        folders[:] = [name for name in folders if name not in own]
    return sorted(found)


def _refuse_taken(entry: Entry) -> None:
    """The same plugin under the same name is looked at again; anything else needs a name of its own."""
    hosted = {known.name: known for known in read_list()[0]}
    others = {name for name, cls in find_effects().classes.items() if not issubclass(cls, HostedEffect)}
    if entry.name in others or hosted.get(entry.name, entry) != entry:
        raise UsageError(f"there is an effect {entry.name!r} already", fix="give this one another name with --name")


def _line(name: str, cls: type[Effect]) -> Line:
    effect = cls()
    if isinstance(effect, HostedEffect):
        plugin = effect.plugin
        gone = "" if plugin.entry.path.exists() else "IS GONE: "
        path = str(plugin.entry.path)
        return Line(name, "hosted", len(effect.params), f"{gone}{path}  {_summary(plugin)}", path)
    words = ", ".join(param.id.rpartition(".")[2] for param in effect.params)
    return Line(name, "built in" if cls in BUILT_IN else "installed", len(effect.params), words)


def _summary(plugin: HostedPlugin) -> str:
    channels = "stereo" if plugin.channels == 2 else "mono, once for each channel"
    late = f"{plugin.latency} samples late" if plugin.latency else "no delay"
    return f"{plugin.title} {plugin.version} by {plugin.maker}, {channels}, {late}"


def _beyond(plugin: HostedPlugin) -> str:
    return f" (the first; {plugin.left_out} more are left out)" if plugin.left_out else ""
