"""How a performance stands, in plain JSON: enough to go on from it in another process, or after a crash of everything.

The engine tells it to its supervisor twice a second; the supervisor starts a new engine with it when one has died, and
keeps it on disk for the next ``play`` (``laststate``). Sounds of the bank that the model does not hold travel beside it
as assets. Knows no process and no file. Any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distill_live.codes.params import SLOTS
from distill_live.engine.performance import Performance
from distill_live.engine.take import TakeStart, decode_memory, encode_memory
from distill_live.errors import DistillError, TakeError
from distill_live.params import Value


@dataclass(frozen=True)
class Standing:
    """A performance between two blocks.

    Attributes:
        model: path of the model file.
        start: values, effects and memory: how a take would begin that goes on from here.
        bank: slot -> (name, hash of the codes), where a slot differs from how the model fills it; hash "" is empty.
        playing: False when it was stopped.
        library: slot -> name, where the sound came from the library, and is to be encoded again for another model.
    """

    model: str
    start: TakeStart
    bank: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    playing: bool = True
    library: Mapping[int, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        memory = self.start.memory
        return {
            "model": self.model,
            "seed": self.start.seed,
            "params": dict(self.start.params),
            "effects": list(self.start.effects),
            "look_ahead": self.start.look_ahead,
            "memory": None if memory is None else encode_memory(memory),
            "bank": {str(slot): list(sound) for slot, sound in self.bank.items()},
            "playing": self.playing,
            "library": {str(slot): name for slot, name in self.library.items()},
        }

    @classmethod
    def from_json(cls, body: Any) -> Standing:
        """What ``to_json`` wrote.

        Raises:
            TakeError: it is something else.
        """
        try:
            memory = None if body["memory"] is None else decode_memory(body["memory"])
            params: dict[str, Value] = dict(body["params"])
            look_ahead = None if body["look_ahead"] is None else int(body["look_ahead"])
            start = TakeStart(int(body["seed"]), params, tuple(map(str, body["effects"])), look_ahead, memory)
            bank = {int(slot): (str(name), str(sha256)) for slot, (name, sha256) in body["bank"].items()}
            library = {int(slot): str(name) for slot, name in body.get("library", {}).items()}
            standing = cls(str(body["model"]), start, bank, bool(body["playing"]), library)
        except (AttributeError, KeyError, TypeError, ValueError, DistillError):
            raise TakeError("the last state cannot be read", fix="start without it") from None
        if not all(1 <= slot <= SLOTS for slot in standing.bank):
            raise TakeError("the last state names a slot that is none", fix="start without it")
        return standing


def standing_of(performance: Performance, library: Mapping[int, str] | None = None) -> Standing:
    """How a performance stands now; codes of its bank become its assets. Touches no disk."""
    params = performance.params.snapshot()
    seed = int(params.pop("seed", 0))
    start = TakeStart(seed, params, performance.chain.order, performance.look_ahead, performance.memory)
    usual = [name for name, _ in performance.model.sounds[:SLOTS]]
    bank: dict[int, tuple[str, str]] = {}
    for number in range(1, SLOTS + 1):
        slot, name = performance.bank[number], usual[number - 1] if number <= len(usual) else None
        if slot is None and name is not None:
            bank[number] = ("", "")
        elif slot is not None and slot.codes is not performance.model.sound(name or ""):
            bank[number] = (slot.name, performance.add_asset(slot.codes))
    path = str(performance.model.path.absolute())
    return Standing(path, start, bank, performance.playing, dict(library or {}))
