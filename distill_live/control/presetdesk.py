"""What ``/distill/preset/...`` asks for: presets loaded as one bundle, saved from the mirror, listed, morphed.

A load sets every parameter that a preset holds (``presets.preset.belongs``): what its file does not name goes to the
default. Its events are one bundle for the engine, applied between two blocks, in this order: the command
``/distill/preset/load [name]`` itself, so that the engine can cross-fade the jump; the values; ``/distill/bank/load``
for slots that do not hold what the preset wants. ``done`` is said when the bundle is on its way; who must know when
it sounds sends ``/sync`` behind it.

A morph moves values alone, and only those that differ from the mirror: it is a fader, so nothing is cross-faded, no
sound is loaded, and a level that is held is not caught anew sixty times a second. Reads and writes small files; knows
no engine and no socket. One thread, the bridge's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from distill_live.control.namespace import Namespace, canonical
from distill_live.control.outcome import Args, EngineEvent, Outcome, only, pressed, share
from distill_live.control.validate import Call
from distill_live.errors import ParamError, PresetError, UnknownNameError
from distill_live.events import ROOT
from distill_live.home import check_name
from distill_live.params import ParamBank, Value
from distill_live.presets.morph import morph
from distill_live.presets.preset import Preset, gather, gather_bank
from distill_live.presets.shelf import list_presets, neighbours, read_listed, read_preset, save_preset
from distill_live.presets.text import ReadPreset

PRESET_LOAD: Final = f"{ROOT}/preset/load"
BANK_LOAD: Final = f"{ROOT}/bank/load"
LISTED_PRESETS: Final = 200


class PresetDesk:
    """The commands below ``/distill/preset``. ``current`` is the preset that was loaded or saved last, "" for none."""

    def __init__(self, namespace: Namespace, bank: ParamBank) -> None:
        """``bank`` is the desk's mirror of values; it is only read."""
        self.namespace = namespace
        self.bank = bank
        self.current = ""
        self._asked_for: dict[int, str] = {}  # what each slot was last told to hold; it may not have happened yet
        self.commands: dict[str, Callable[[Call], Outcome]] = {
            "preset/load": self._load,
            "preset/save": self._save,
            "preset/next": lambda call: self._step(call, 1),
            "preset/prev": lambda call: self._step(call, -1),
            "preset/list": self._list,
            "preset/morph": self._morph,
        }

    def commit(self, event: EngineEvent) -> None:
        """Remember what is on its way to the engine."""
        if event.address == PRESET_LOAD:
            self.current = str(event.args[0])
        elif event.address == BANK_LOAD:
            self._asked_for[int(str(event.args[0]))] = str(event.args[1])

    def _load(self, call: Call) -> Outcome:
        return self._loaded(call, read_preset(_wanted(only(call)), self.namespace.registry))

    def _step(self, call: Call, step: int) -> Outcome:
        """The next preset that can be read: on a stage, a damaged file must not bar the way to those behind it."""
        if not pressed(call):
            return Outcome()
        barred: list[str] = []
        for line in neighbours(self.current, step):
            try:
                return self._loaded(call, read_listed(line, self.namespace.registry), barred)
            except PresetError as error:
                barred.append(str(error))
        raise UnknownNameError("there is no preset that can be loaded", fix="save one first")

    def _loaded(self, call: Call, read: ReadPreset, barred: Sequence[str] = ()) -> Outcome:
        preset = read.preset
        values = preset.all_values(self.namespace.registry)
        events = [EngineEvent(PRESET_LOAD, (preset.name,)), *_value_events(values), *self._slot_events(preset)]
        code = "skipped" if barred or read.skipped else "clamped"
        text = " ".join([*barred, read.remarks]).strip()
        return Outcome(events, [self._done(call, preset.name)], notice=(code, text) if text else None)

    def _slot_events(self, preset: Preset) -> list[EngineEvent]:
        """Loads for the slots that do not hold what the preset wants, or may be about to hold something else."""
        now = self.namespace.model.slots
        return [
            EngineEvent(BANK_LOAD, (str(slot), sound))
            for slot, sound in sorted(preset.bank.items())
            if not now[slot - 1] == sound == self._asked_for.get(slot, sound)
        ]

    def _save(self, call: Call) -> Outcome:
        """What the mirror holds now; a preset that is saved again keeps its number and its note."""
        wanted = only(call)
        if not isinstance(wanted, str):
            raise ParamError(f"{call.address} takes a name, not {wanted!r}", fix="send e.g. night")
        name, registry, model = check_name(wanted.strip()), self.namespace.registry, self.namespace.model
        before = next((line.heading for line in list_presets() if line.name == name), None)
        values = gather({param_id: self.bank[param_id] for param_id in registry}, registry)
        number, note = (before.number, before.note) if before else (None, "")
        save_preset(Preset(name, values, gather_bank(model.slots), model.name, number, note), registry)
        self.current = name
        return Outcome(replies=[self._done(call, name)])

    def _list(self, call: Call) -> Outcome:
        lines = list_presets()
        replies: list[tuple[str, Args]] = [
            (call.address, (line.place, line.name, line.whose, line.heading.note)) for line in lines[:LISTED_PRESETS]
        ]
        return Outcome(replies=[*replies, (f"{call.address}/end", (len(lines), self.current))])

    def _morph(self, call: Call) -> Outcome:
        if len(call.args) != 3:
            raise ParamError(f"{call.address} takes two presets and 0 to 1", fix="send e.g. deep-drone wild-hands 0.5")
        place, clamped = share(call.args[2])
        registry = self.namespace.registry
        first, second = (read_preset(_wanted(name), registry).preset for name in call.args[:2])
        values = morph(first, second, place, registry)
        notice = ("clamped", f"{call.args[2]} is outside 0 to 1, {place:g} is used") if clamped else None
        return Outcome(_value_events({i: v for i, v in values.items() if v != self.bank[i]}), notice=notice)

    def _done(self, call: Call, name: str) -> tuple[str, Args]:
        return self.namespace.address("done"), (call.address, name)


def _value_events(values: dict[str, Value]) -> list[EngineEvent]:
    return [EngineEvent(canonical(param_id), (value,), is_value=True) for param_id, value in values.items()]


def _wanted(value: Value) -> str | int:
    """A preset's name, or its place as a number (Pd sends only floats).

    Raises:
        ParamError: it is neither.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not abs(value) < 2**31 or value != int(value):
        raise ParamError(f"{value!r} is neither the name nor the number of a preset", fix="/distill/preset/list")
    return int(value)
