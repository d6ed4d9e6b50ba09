"""Addresses <-> the registry: an exact-match table from every OSC address to what it means.

Built from a ``Registry`` and what the engine said about its model (level names, the sounds in the slots); rebuilt when
that changes. No patterns, no regular expressions: one dictionary look-up a message. Knows nothing of values, sockets or
the engine. One thread.

Level names are aliases of level indices, as they are and in lower case (``/distill/level/structure/mute``); blanks in a
name become ``-``. The root can be another one (``--osc-root``); what goes to the engine is canonical all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from distill_live.errors import UnknownNameError, UsageError
from distill_live.events import ROOT, SHORT_IDS, param_address
from distill_live.params import MAX_LEVELS, Registry
from distill_live.params import SLOTS as SLOTS

Verb = Literal["set", "norm", "reset", "nudge", "command"]

ALL_LEVELS: Final = "all"
INPUT: Final = "input"
COMMANDS: Final = (
    "swap",
    "bank/load",
    "bank/clear",
    "bank/grab",
    "bank/list",
    "model/load",
    "model/list",
    "level/list",
    "status",
    "describe",
    "ping",
    "sync",
    "transport/start",
    "transport/stop",
    "transport/panic",
    "transport/record",
    "preset/load",
    "preset/save",
    "preset/next",
    "preset/prev",
    "preset/list",
    "preset/morph",
)
REPLIES: Final = (
    *("error", "pong", "synced", "done", "describe/end", "bank/sound"),
    *("bank/list/end", "model/list/end", "preset/list/end"),
)
"""Addresses that only we send; one that comes in is dropped, so two bridges cannot talk each other to death."""


@dataclass(frozen=True)
class Target:
    """What an address means: a verb on a parameter, or a command by name."""

    verb: Verb
    name: str


@dataclass(frozen=True)
class ModelInfo:
    """What the engine said about its model (architecture.md, message ``model``)."""

    name: str = ""
    level_names: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    slots: tuple[str, ...] = ("",) * SLOTS

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> ModelInfo:
        """Read the engine's message, padding or cutting the slots to 16."""
        slots = [str(s) for s in message.get("slots", ())][:SLOTS]
        return cls(
            str(message.get("name", "")),
            tuple(str(n) for n in message.get("level_names", ())),
            tuple(str(s) for s in message.get("sounds", ())),
            (*slots, *[""] * (SLOTS - len(slots))),
        )

    def level(self, name: object) -> int:
        """The index of a level given by index, name, or a number as text.

        Raises:
            UnknownNameError: with the names there are.

        >>> ModelInfo(level_names=("Structure", "Timbre")).level("timbre")
        1
        """
        wanted = str(name).strip().lower()
        for index, level_name in enumerate(self.level_names):
            if level_name.lower() == wanted:
                return index
        count = len(self.level_names) or MAX_LEVELS
        index = _whole(name)
        if 0 <= index < count:
            return index
        names = ", ".join(self.level_names) or f"0 to {count - 1}"
        raise UnknownNameError(f"there is no level {name!r}", fix=f"use {names}")

    def slot(self, name: object) -> str:
        """The canonical name (``"1"`` .. ``"16"`` or ``"off"``) of a slot given by number or by the sound it holds.

        >>> ModelInfo(slots=("", "bells", *[""] * 14)).slot("Bells"), ModelInfo().slot(3.0), ModelInfo().slot(0)
        ('2', '3', 'off')
        """
        wanted = str(name).strip().lower()
        number = _whole(name)
        if wanted == "off" or number == 0:
            return "off"
        if 1 <= number <= SLOTS:
            return str(number)
        for index, sound in enumerate(self.slots, 1):
            if sound and sound.lower() == wanted:
                return str(index)
        raise UnknownNameError(f"no slot holds {name!r}", fix=f"use 1 to {SLOTS}, off, or the name of a loaded sound")

    def source(self, name: object) -> str:
        """What a level can be swapped with: a slot as ``slot`` names it, or the live input.

        >>> ModelInfo().source("Input"), ModelInfo().source(3)
        ('input', '3')
        """
        return INPUT if str(name).strip().lower() == INPUT else self.slot(name)


class Namespace:
    """The address table.

    >>> from distill_live.params import Param
    >>> Namespace(Registry([Param("topk", "Top-k", "sampling", "int", 0, 1024)])).target("/distill/topk/reset")
    Target(verb='reset', name='topk')
    """

    def __init__(self, registry: Registry, root: str = ROOT, model: ModelInfo | None = None) -> None:
        """Build the table.

        Raises:
            UsageError: when the root is not like ``/name``.
        """
        self.registry = registry
        self.root = checked_root(root)
        self.model = model or ModelInfo()
        self._table: dict[str, Target] = {}
        self._rebuild()

    def set_model(self, model: ModelInfo) -> None:
        """Take over another model's level names and slots."""
        renamed = model.level_names != self.model.level_names
        self.model = model
        if renamed:
            self._rebuild()

    def target(self, address: str) -> Target | None:
        """What an address means, or None when nothing has it."""
        return self._table.get(address)

    def is_reply(self, address: str) -> bool:
        """Whether this is an address that only we send."""
        return address.removeprefix(f"{self.root}/") in REPLIES

    def address(self, tail: str) -> str:
        """An address below the root.

        >>> Namespace(Registry(), root="/two").address("pong")
        '/two/pong'
        """
        return f"{self.root}/{tail}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def _rebuild(self) -> None:
        self._table = {self.address(name): Target("command", name) for name in COMMANDS}
        aliases = level_aliases(self.model.level_names)
        for param_id in self.registry:
            self._add_param(f"param/{param_id}", param_id)
            self._table[self.address(f"norm/{param_id}")] = Target("norm", param_id)
            if param_id in SHORT_IDS:
                self._add_param(param_id, param_id)
            first, _, rest = param_id.partition(".")
            index, _, what = rest.partition(".")
            if first != "level" or not what:
                continue
            for alias in aliases.get(index, (index,)):
                self._add_param(f"level/{alias}/{what}", param_id)
                self._add_param(f"param/level.{alias}.{what}", param_id)
                self._table[self.address(f"norm/level.{alias}.{what}")] = Target("norm", param_id)

    def _add_param(self, tail: str, param_id: str) -> None:
        self._table[self.address(tail)] = Target("set", param_id)
        self._table[self.address(f"{tail}/reset")] = Target("reset", param_id)
        self._table[self.address(f"{tail}/nudge")] = Target("nudge", param_id)


def level_aliases(level_names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Every way to write a level in an address, by its index as text.

    >>> level_aliases(["Structure"])["0"]
    ('0', 'Structure', 'structure')
    """
    aliases: dict[str, tuple[str, ...]] = {str(i): (str(i),) for i in range(MAX_LEVELS)}
    for index, name in enumerate(level_names):
        plain = "-".join(name.split())
        aliases[str(index)] = tuple(dict.fromkeys((str(index), plain, plain.lower())))
    return aliases


def canonical(param_id: str) -> str:
    """The address the engine knows a parameter by, whatever our own root is."""
    return param_address(param_id)


def checked_root(root: str) -> str:
    """A root as it is used: one leading slash, none at the end.

    Raises:
        UsageError: when it cannot be an OSC address.

    >>> checked_root("/second/")
    '/second'
    """
    trimmed = root.rstrip("/")
    if not trimmed.startswith("/") or any(not 32 < ord(c) < 127 or c in "#*,?[]{}" for c in trimmed):
        raise UsageError(f"{root!r} cannot be an OSC root", fix="give one like /distill")
    return trimmed


def _whole(value: object) -> int:
    """A whole number given as int, float or text; -1 for everything else."""
    if isinstance(value, bool):
        return -1
    if isinstance(value, str):
        return int(value) if value.strip().isascii() and value.strip().isdigit() and len(value) < 9 else -1
    if isinstance(value, (int, float)) and value == value and abs(value) < 1e9 and value == int(value):
        return int(value)
    return -1
