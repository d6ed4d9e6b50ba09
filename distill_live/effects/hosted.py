"""The plugins of others that the user has asked for: a list to read and edit, and what each is like, looked up once.

::

    <home>/plugins/plugins.toml     [[plugin]] path = "/usr/lib/vst3/ZamDelay.vst3", name = "zamdelay"
    <home>/plugins/zamdelay.json    what it is and has to turn; `distill-live plugins add` writes it

Every process that reads the registry declares from here, so that none has to load a plugin for it; ``vst3`` loads them,
where a chain is built. What is wrong with one entry is said and leaves the others alone. Any thread.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distill_live.effects.hosted_params import HostedParam
from distill_live.errors import DistillError, UnknownNameError, UsageError
from distill_live.home import home, write_atomic

FORMAT: Final = "distill-live plugin description"
VERSION: Final = 1
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HEAD: Final = """\
# Plugins of others (VST3, AU) that stand in the chain, behind the built-in effects, in the order of this file.
# `distill-live plugins add PATH` and `distill-live plugins remove NAME` write it; after an edit by hand, add it again.
"""


@dataclass(frozen=True)
class Entry:
    """One line of the list. ``inside`` says which, where a file holds several plugins."""

    name: str
    path: Path
    inside: str = ""


@dataclass(frozen=True)
class HostedPlugin:
    """What was found out about a plugin when it was added.

    Attributes:
        title, maker, version: its own words.
        channels: 2, or 1 for a plugin that is mono only; it then runs once for each channel.
        latency: in samples, at 48 kHz; the one that counts is asked for where it plays.
        left_out: parameters beyond those that were taken.
    """

    entry: Entry
    title: str
    maker: str
    version: str
    channels: int
    latency: int
    params: tuple[HostedParam, ...]
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "path": str(self.entry.path),
            "inside": self.entry.inside,
            "title": self.title,
            "maker": self.maker,
            "plugin_version": self.version,
            "channels": self.channels,
            "latency": self.latency,
            "left_out": self.left_out,
            "params": [param.to_json() for param in self.params],
        }

    @staticmethod
    def from_json(told: dict[str, Any], entry: Entry) -> HostedPlugin:
        """What ``to_json`` wrote.

        Raises:
            ValueError, TypeError, KeyError, AssertionError: it is something else.
        """
        if (told["format"], told["version"]) != (FORMAT, VERSION):
            raise ValueError("it is of another kind")
        channels, latency, left_out = (int(told[key]) for key in ("channels", "latency", "left_out"))
        if channels not in (1, 2) or latency < 0:
            raise ValueError("no plugin is like that")
        params = tuple(HostedParam.from_json(param) for param in told["params"])
        title, maker, version = (str(told[key]) for key in ("title", "maker", "plugin_version"))
        return HostedPlugin(entry, title, maker, version, channels, latency, params, left_out)


@dataclass(frozen=True)
class FoundPlugins:
    """Plugins in the order of the list, and a sentence for every entry that could not be taken."""

    plugins: tuple[HostedPlugin, ...] = ()
    messages: tuple[str, ...] = ()


def plugins_folder() -> Path:
    return home() / "plugins"


def list_path() -> Path:
    return plugins_folder() / "plugins.toml"


def description_path(name: str) -> Path:
    return plugins_folder() / f"{name}.json"


def name_for(path: Path) -> str:
    """The name of an effect that a plugin's file suggests.

    >>> name_for(Path("/usr/lib/vst3/ZamDelay.vst3")), name_for(Path("4 Front.vst3"))
    ('zamdelay', 'plugin-4-front')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return plain[:40] if _NAME.match(plain) else f"plugin-{plain}"[:40].rstrip("-")


def check_effect_name(name: str) -> str:
    """The name itself, when an effect can have it.

    Raises:
        UsageError: it holds other things than lower-case letters, digits and dashes.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an effect", fix="use up to 40 lower-case letters, digits and dashes"
        )
    return name


def find_hosted() -> FoundPlugins:
    """All plugins of the list whose description can be read; never raises for what a file holds."""
    try:
        entries, messages = read_list()
    except DistillError as error:
        return FoundPlugins(messages=(str(error),))
    plugins = []
    for entry in entries:
        try:
            plugins.append(read_description(entry))
        except DistillError as error:
            messages.append(f"effect plugin {entry.name} cannot be used: {error}")
    return FoundPlugins(tuple(plugins), tuple(messages))


def read_list() -> tuple[list[Entry], list[str]]:
    """The entries of the list, and a sentence for each that is none.

    Raises:
        DistillError: it cannot be read at all.
    """
    entries: list[Entry] = []
    messages = []
    for number, told in enumerate(_tables(), 1):
        try:
            entry = _entry(told)
            if entry.name in [known.name for known in entries]:
                raise UsageError(f"another one is called {entry.name!r} already", fix="give it a name of its own")
            entries.append(entry)
        except DistillError as error:
            messages.append(f"plugin {number} of {list_path()} cannot be used: {error}")
    return entries, messages


def read_description(entry: Entry) -> HostedPlugin:
    """What was found out about a plugin of the list.

    Raises:
        DistillError: it has not been looked at, or what was written is damaged.
    """
    again = f"`distill-live plugins add {entry.path} --name {entry.name}` looks at it"
    try:
        told = json.loads(description_path(entry.name).read_bytes())
        plugin = HostedPlugin.from_json(told, entry)
    except FileNotFoundError:
        raise DistillError(f"nobody has looked at {entry.path} yet", fix=again) from None
    except (OSError, ValueError, TypeError, KeyError, AssertionError, AttributeError) as error:
        raise DistillError(
            f"its description {description_path(entry.name)} is damaged ({error})", fix=f"{again} again"
        ) from None
    if told["path"] != str(entry.path) or told["inside"] != entry.inside:
        raise DistillError(f"its description is of {told['path']}, not of {entry.path}", fix=f"{again} again")
    return plugin


def put_plugin(plugin: HostedPlugin) -> None:
    """Write the description, and the plugin's line into the list, at the end or in place of the one of that name.

    Raises:
        DistillError: the library cannot be written to, or its list cannot be read.
    """
    entry, document = plugin.entry, _document()
    line = {"path": str(entry.path), "name": entry.name, **({"plugin": entry.inside} if entry.inside else {})}
    known = [table for table in document["plugin"] if _name_of(table) == entry.name]
    for table in known:
        table.pop("plugin", None)
        table.update(line)
    if not known:
        document["plugin"].append(line)
    _write(description_path(entry.name), json.dumps(plugin.to_json(), indent=1).encode())
    _write(list_path(), document.as_string().encode())


def drop_plugin(name: str) -> Path:
    """Take a plugin out of the list, and its description with it; returns where the plugin itself still lies.

    Raises:
        UnknownNameError: the list has none of that name.
        DistillError: the list cannot be read or written.
    """
    document = _document()
    tables = document["plugin"]
    names = [_name_of(table) for table in tables]
    if name not in names:
        known = f"use one of {', '.join(names)}" if names else "`distill-live plugins add PATH` adds one"
        raise UnknownNameError(f"the list has no plugin {name!r}", fix=known)
    path = Path(str(tables[names.index(name)].get("path", "")))
    del tables[names.index(name)]
    if not tables:
        del document["plugin"]  # or the next one would be written as a list on one line
    _write(list_path(), document.as_string().encode())
    if _NAME.fullmatch(name):
        description_path(name).unlink(missing_ok=True)
    return path


# ---------------------------------------------------------------- the file


def _tables() -> list[dict[str, Any]]:
    """The list as it can be read; empty where there is none.

    Raises:
        DistillError: it cannot be read, or is no list of plugins.
    """
    try:
        tables = tomllib.loads(list_path().read_text(encoding="utf-8")).get("plugin", [])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DistillError(f"cannot read {list_path()}: {error.strerror}", fix="check its permissions") from None
    except ValueError as error:
        raise DistillError(f"{list_path()} is not TOML ({error})", fix="mend it, or move it away") from None
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DistillError(f"{list_path()} is no list of plugins", fix="begin each with a line [[plugin]]")
    return tables


def _document() -> Any:
    """The list as it can be written, with the comments in it; a new one where there is none.

    Raises:
        DistillError: as ``_tables``.
    """
    import tomlkit  # only who writes needs it: every process reads the list when it starts

    _tables()
    path = list_path()
    document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else _HEAD)
    if "plugin" not in document:
        document["plugin"] = tomlkit.aot()
    return document


def _entry(told: Mapping[str, Any]) -> Entry:
    path, inside = told.get("path"), told.get("plugin", "")
    if not isinstance(path, str) or not path or not isinstance(inside, str):
        raise UsageError("it has no path", fix='write e.g. path = "/usr/lib/vst3/ZamDelay.vst3"')
    return Entry(check_effect_name(_name_of(told)), Path(path).expanduser(), inside)


def _name_of(told: Mapping[str, Any]) -> str:
    return str(told.get("name") or name_for(Path(str(told.get("path", "")))))


def _write(path: Path, raw: bytes) -> None:
    try:
        write_atomic(path, raw)
    except OSError as error:
        raise DistillError(f"cannot write {path}: {error.strerror}", fix="check its folder's permissions") from None
