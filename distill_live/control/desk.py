"""What a message asks for: checks its arguments, keeps the mirror of all values, says what to send where.

``Desk.handle`` turns one ``Call`` into an ``Outcome`` (events for the engine, replies to the sender, notices) and
touches nothing; ``Desk.commit`` writes the events that were accepted into the mirror. OSC and MIDI come through the
same door. Knows nothing of sockets, processes or time. One thread, the bridge's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from distill_live.control.namespace import ALL_LEVELS, SLOTS, Namespace, Target, canonical
from distill_live.control.outcome import Args, EngineEvent, Outcome, only, pressed, share
from distill_live.control.presetdesk import PresetDesk
from distill_live.control.validate import Call
from distill_live.errors import ParamError, UnknownNameError
from distill_live.events import ROOT, param_id_of
from distill_live.home import sound_name
from distill_live.params import MAX_LEVELS, Param, ParamBank, Value

LISTED_SOUNDS: Final = 200


@dataclass
class EngineState:
    """The last the engine said about itself, and what the bridge itself has counted."""

    load: float = 0.0
    xruns: int = 0
    xruns_minute: int = 0
    latency_ms: float = 0.0
    queue: int = 0
    model: str = ""
    state: str = "starting"
    device: str = ""
    received: int = 0
    refused: int = 0
    coalesced: int = 0

    def args(self) -> Args:
        """The arguments of ``/distill/status``, in the order of the fields."""
        return tuple(vars(self).values())


class Desk:
    """The meaning of every address, over one mirror of values."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.bank = ParamBank(namespace.registry)
        self.state = EngineState()
        self.recording = False
        self.presets = PresetDesk(namespace, self.bank)
        self._commands: dict[str, Callable[[Call], Outcome]] = {
            "swap": self._swap,
            "bank/load": self._bank_load,
            "bank/clear": self._bank_clear,
            "bank/grab": self._bank_grab,
            "bank/list": self._bank_list,
            "model/load": self._model_load,
            "model/list": self._model_list,
            "level/list": lambda call: Outcome(replies=[(call.address, self.namespace.model.level_names)]),
            "status": lambda call: Outcome(replies=[(call.address, self.state.args())]),
            "describe": self._describe,
            "ping": lambda call: Outcome(replies=[(self.namespace.address("pong"), call.args)]),
            "sync": self._sync,
            "transport/start": self._button,
            "transport/stop": self._button,
            "transport/panic": self._button,
            "transport/record": self._record,
            **self.presets.commands,
        }

    def handle(self, call: Call, target: Target) -> Outcome:
        """What a message at a known address asks for.

        Raises:
            DistillError: a sentence for the sender; nothing has changed then.
        """
        if target.verb == "command":
            return self._commands[target.name](call)
        param = self.namespace.registry[target.name]
        if target.verb == "reset":
            return _set(param, param.default_value)
        if target.verb == "nudge":
            return self._nudge(param, call)
        if param.kind == "trigger":
            return _trigger(param, call)
        if not call.args:
            return Outcome(replies=[(call.address, (self._shown(param, target),))])
        value = only(call)
        if target.verb == "norm":
            return _set_position(param, value)
        if isinstance(value, str) and param.id.endswith(".swap") and value not in param.labels:
            value = self.namespace.model.source(value)  # the name of a sound in a slot
        return _set(param, value)

    def commit(self, events: Sequence[EngineEvent]) -> None:
        """Write values on their way to the engine into the mirror."""
        for event in events:
            param_id = param_id_of(event.address)
            if event.is_value and param_id is not None:
                self.bank.set(param_id, event.args[0])
            elif event.address == f"{ROOT}/transport/record":
                self.recording = bool(event.args[0])
            else:
                self.presets.commit(event)

    def _shown(self, param: Param, target: Target) -> Value:
        value = self.bank[param.id]
        return param.to_position(value) if target.verb == "norm" else value

    def _nudge(self, param: Param, call: Call) -> Outcome:
        step = only(call)
        if isinstance(step, str) or param.kind == "trigger":
            raise ParamError(f"{param.id} cannot be moved by {step!r}", fix="send a number")
        return _set(param, self.bank.number(param.id) + param_number(param, step))

    def _swap(self, call: Call) -> Outcome:
        if len(call.args) not in (2, 3):
            raise ParamError(f"{call.address} takes a level, a source and an amount", fix="send e.g. Structure 3 1.0")
        amount = share(call.args[2]) if len(call.args) == 3 else (1.0, False)
        source = self.namespace.model.source(call.args[1])
        events = [EngineEvent(f"{ROOT}/swap", (i, source, amount[0])) for i in self._levels(call.args[0])]
        notice = ("clamped", f"amount {call.args[2]} is outside 0 to 1, {amount[0]:g} is used") if amount[1] else None
        return Outcome(events, notice=notice)

    def _levels(self, name: Value) -> list[int]:
        if isinstance(name, str) and name.lower() == ALL_LEVELS:
            return list(range(len(self.namespace.model.level_names) or MAX_LEVELS))
        return [self.namespace.model.level(name)]

    def _bank_load(self, call: Call) -> Outcome:
        if len(call.args) != 2:
            raise ParamError(f"{call.address} takes a slot and the name of a sound", fix="send e.g. 3 bells")
        return Outcome([EngineEvent(f"{ROOT}/bank/load", (self._slot(call.args[0]), sound_name(call.args[1])))])

    def _bank_clear(self, call: Call) -> Outcome:
        return Outcome([EngineEvent(f"{ROOT}/bank/clear", (self._slot(only(call)),))])

    def _bank_grab(self, call: Call) -> Outcome:
        """Slot, seconds (4), and ``played`` (what sounded) or ``heard`` (what came in)."""
        if not 1 <= len(call.args) <= 3:
            raise ParamError(f"{call.address} takes a slot, seconds, and played or heard", fix="send e.g. 3 4.0")
        seconds = number_at(call, 1, 4.0)
        which = str(call.args[2]).lower() if len(call.args) == 3 else "played"
        if which not in ("played", "heard"):
            raise ParamError(f"what was {which!r} cannot be grabbed", fix="use played or heard")
        return Outcome([EngineEvent(f"{ROOT}/bank/grab", (self._slot(call.args[0]), seconds, which))])

    def _model_load(self, call: Call) -> Outcome:
        return Outcome([EngineEvent(f"{ROOT}/model/load", (sound_name(only(call)),))])

    def _model_list(self, call: Call) -> Outcome:
        """One reply for each model there is: its name, and whether it plays."""
        from distill_live.models.library import model_names  # here: a bridge is up before this has been loaded

        model = self.namespace.model
        replies: list[tuple[str, Args]] = [(call.address, (name, name == model.name)) for name in model_names()]
        return Outcome(replies=[*replies, (f"{call.address}/end", (len(replies), model.name))])

    def _slot(self, name: Value) -> str:
        slot = self.namespace.model.slot(name)
        if slot == "off":
            raise UnknownNameError(f"{name!r} is not a slot", fix=f"use 1 to {SLOTS}")
        return slot

    def _bank_list(self, call: Call) -> Outcome:
        slots = self.namespace.model.slots
        sounds = self.namespace.model.sounds[:LISTED_SOUNDS]
        replies: list[tuple[str, Args]] = [(call.address, (str(i), sound)) for i, sound in enumerate(slots, 1)]
        replies += [(self.namespace.address("bank/sound"), (sound,)) for sound in sounds]
        return Outcome(replies=[*replies, (f"{call.address}/end", (len(slots), len(sounds)))])

    def _describe(self, call: Call) -> Outcome:
        registry = self.namespace.registry
        if call.args and not isinstance(call.args[0], str):
            raise ParamError(f"{call.address} takes the id of a parameter, not {call.args[0]!r}")
        chosen = [registry[str(call.args[0])]] if call.args else list(registry.values())
        replies: list[tuple[str, Args]] = [(call.address, describe_args(param)) for param in chosen]
        return Outcome(replies=[*replies, (f"{call.address}/end", (len(chosen),))])

    def _sync(self, call: Call) -> Outcome:
        token = only(call) if call.args else 0
        if isinstance(token, str) or not abs(token) < 2**31:
            raise ParamError(f"{call.address} takes a number, not {token!r}")
        return Outcome(sync=int(token))

    def _button(self, call: Call) -> Outcome:
        if not pressed(call):
            return Outcome()
        return Outcome([EngineEvent(ROOT + call.address.removeprefix(self.namespace.root), ())])

    def _record(self, call: Call) -> Outcome:
        """A press toggles; ``on``/``off`` and true/false say which."""
        address = f"{ROOT}/transport/record"
        first = call.args[0] if call.args else 1.0
        wanted = first.lower() if isinstance(first, str) else first
        if wanted in ("on", "off") or isinstance(wanted, bool):
            return Outcome([EngineEvent(address, (wanted in ("on", True),))])
        return Outcome([EngineEvent(address, (not self.recording,))]) if pressed(call) else Outcome()


def describe_args(param: Param) -> Args:
    """The arguments of one ``/distill/describe`` reply: id name group kind low high default unit curve labels help.

    ``labels`` are joined by commas; an enum's default is its label.
    """
    what = (param.id, param.name, param.group, param.kind)
    span = (float(param.low), float(param.high), param.default_value)
    return (*what, *span, param.unit, param.curve, ",".join(param.labels), param.help)


def number_at(call: Call, place: int, default: float) -> float:
    """A number among a message's arguments.

    Raises:
        ParamError: it is no finite number.
    """
    if len(call.args) <= place:
        return default
    value = call.args[place]
    if isinstance(value, (str, bool)) or value != value or abs(value) == float("inf"):
        raise ParamError(f"{call.address} cannot take {value!r}", fix=f"send a number, e.g. {default:g}")
    return float(value)


def param_number(param: Param, value: float) -> float:
    """A finite number for a parameter.

    Raises:
        ParamError: for NaN and infinity.
    """
    if value != value or abs(value) == float("inf"):
        raise ParamError(f"{param.id} cannot be moved by {value}", fix="send a finite number")
    return float(value)


def _set(param: Param, value: Value) -> Outcome:
    if param.kind == "trigger":
        raise ParamError(f"{param.id} has no value", fix="send nothing or 1 to fire it")
    coerced = param.coerce(value)
    text = f"{param.id} {value} is outside {param.range_text}, {param.format(coerced.value)} is set"
    event = EngineEvent(canonical(param.id), (coerced.value,), is_value=True)
    return Outcome([event], notice=("clamped", text) if coerced.clamped else None)


def _set_position(param: Param, position: Value) -> Outcome:
    if isinstance(position, str) or not param.settable:
        raise ParamError(f"{param.id} cannot take the position {position!r}", fix="send 0 to 1 to a settable parameter")
    outcome = _set(param, param.from_position(position))
    if not 0.0 <= position <= 1.0:
        outcome.notice = ("clamped", f"{param.id} position {position} is outside 0 to 1")
    return outcome


def _trigger(param: Param, call: Call) -> Outcome:
    return Outcome([EngineEvent(canonical(param.id), ())]) if pressed(call) else Outcome()
