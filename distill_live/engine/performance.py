"""One performance: events in, blocks of sound out, bit for bit; no clock, no thread, no hardware.

The same object plays live, renders offline and replays a log. It holds the values that hands turn, the model that
speaks (``voice.Voice``; two while one crosses over into another) and the effects behind it::

    event -> values -> voice ----+-- start, stop -- effects -- out
             (leaving voice) ----+

Whatever decides something live - the hand, the input, the clock when the machine is short of time - arrives as an
event, so that a log holds all of it. Called by the render thread alone.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.smoothing import equal_power_fades, raised_cosine
from distill_live.codes.bank import Bank, Slot, slot_number
from distill_live.codes.edits import EditedColumn
from distill_live.codes.grid import Codes
from distill_live.codes.params import EDITS, SLOT_LABELS, SLOTS, SWAP_LABELS
from distill_live.effects.chain import EffectChain, standard_chain
from distill_live.effects.params import STANDARD_ORDER
from distill_live.engine.params import MODEL_FADE, load_all
from distill_live.engine.presence import Presence
from distill_live.engine.voice import REMEMBERED_S, ROUNDS_AT_EFFORT, Memory, Voice, VoiceKit
from distill_live.errors import ParamError, UnknownNameError
from distill_live.events import ROOT, ControlEvent, param_id_of
from distill_live.models.playable import Playable
from distill_live.params import MAX_LEVELS, ParamBank, Value

BLOCK: Final = 512
SAMPLE_RATE: Final = 48000
CHANNELS: Final = 2
JUMP_BLOCKS: Final = 2  # a preset's jump is led over in 21 ms
MOST_EFFORT: Final = len(ROUNDS_AT_EFFORT) - 1
Block = npt.NDArray[np.float32]

FADE_OUT, FADE_IN = equal_power_fades(BLOCK)
_JUMP_IN: Final = raised_cosine(JUMP_BLOCKS * BLOCK)[1:]

SWAP: Final = f"{ROOT}/swap"
BANK_LOAD: Final = f"{ROOT}/bank/load"
BANK_CLEAR: Final = f"{ROOT}/bank/clear"
GRAB: Final = f"{ROOT}/bank/grab"
START: Final = f"{ROOT}/transport/start"
STOP: Final = f"{ROOT}/transport/stop"
PANIC: Final = f"{ROOT}/transport/panic"
RECORD: Final = f"{ROOT}/transport/record"
MODEL_LOAD: Final = f"{ROOT}/model/load"
PRESET_LOAD: Final = f"{ROOT}/preset/load"
# What the machine decides, and what the input brings: never sent from outside, but in every log.
HEARD: Final = f"{ROOT}/input/column"
EFFORT: Final = f"{ROOT}/engine/effort"
STRETCH: Final = f"{ROOT}/engine/stretch"
LEAD: Final = f"{ROOT}/engine/lead"
RETIRE: Final = f"{ROOT}/engine/retire"

SAMPLING: Final = frozenset(
    {"temperature", "topk", "topp", "seed", "repetition", "guide.slot", "guide.amount"}
    | {f"level.{i}.{what}" for i in range(MAX_LEVELS) for what in ("temperature", "topk", "topp")}
)


@dataclass(frozen=True)
class Delays:
    """What the performance itself adds between a control and the sound, in samples."""

    grain: int
    look_ahead: int
    window: int
    effects: int


class Performance:
    """A model being played.

    Args:
        model: what plays.
        seed: of the dice; also the initial value of the ``seed`` parameter.
        params: initial values by id, where they differ from the defaults.
        effects: names of the insert effects, in the order in which the sound passes them.
        look_ahead: frames the vocoder waits for, 1 to 4; None as the model says.
        memory: where it goes on; None for a fresh start.

    Raises:
        DistillError: an initial value that no parameter can have, or an effect that is not installed.
    """

    def __init__(
        self,
        model: Playable,
        seed: int = 0,
        params: Mapping[str, Value] | None = None,
        effects: Sequence[str] = STANDARD_ORDER,
        look_ahead: int | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.params = ParamBank(load_all())
        self.params.restore({"seed": seed, **(params or {})})
        self.assets: dict[str, Codes] = {}
        self._digests: dict[int, str] = {}  # of the assets, by identity: they are kept, and never changed
        self.look_ahead = look_ahead
        kit = VoiceKit(model, look_ahead)
        self.kits: dict[str, VoiceKit] = {model.sha256: kit}
        self.chain = self._new_chain(effects)
        self._spare = self._spare_chain()
        self.voice = Voice(kit, self.params, memory)
        self._presence = Presence(1.0)
        self._leaving: list[tuple[Voice, Presence]] = []
        self._before: tuple[Performance, int] | None = None  # what sounded before a jump, and the blocks it is away
        self.blocks = 0
        self.effort = 0
        self.dry: Block = np.zeros(BLOCK, np.float32)
        self._gain = self._target = 1.0
        self._panicking = self._stretch = False

    # ------------------------------------------------------------------ what others read

    @property
    def model(self) -> Playable:
        """The model that plays; while two cross over, the one that comes."""
        return self.voice.model

    @property
    def bank(self) -> Bank:
        return self.voice.bank

    @property
    def frame(self) -> int:
        """The output sample that the next block starts with: where an event applied now takes effect."""
        return self.blocks * BLOCK

    @property
    def column(self) -> int:
        """The column that the next block belongs to."""
        return self.voice.column

    @property
    def sounding(self) -> EditedColumn:
        """The column that sounds, after the edits."""
        return self.voice.sounding

    @property
    def entropy_bits(self) -> npt.NDArray[np.float32]:
        """Entropy of the prior's choice for the sounding column, per level."""
        return self.voice.entropy_bits

    @property
    def queued(self) -> int:
        """Columns decoded ahead of the one that sounds."""
        return self.voice.queued

    @property
    def playing(self) -> bool:
        return self._target > 0.0

    @property
    def crossing(self) -> bool:
        """Whether another model is still on its way out."""
        return bool(self._leaving)

    @property
    def delays(self) -> Delays:
        config = self.voice.kit.vocoder.config
        return Delays(BLOCK, config.look_ahead * BLOCK, config.n_fft // 2, self.chain.latency)

    @property
    def memory(self) -> Memory:
        """From where a performance could go on if this one ended now."""
        return self.voice.memory

    # ------------------------------------------------------------------ what comes in from outside

    def add_asset(self, codes: Codes) -> str:
        """Keep codes that came in from outside; returns the hash that ``/distill/bank/load`` names them by."""
        digest = self._digests.get(id(codes))
        if digest is None:
            digest = hashlib.sha256(np.ascontiguousarray(codes).tobytes() + str(codes.shape).encode()).hexdigest()
            self._digests[id(self.assets.setdefault(digest, codes))] = digest
        return digest

    def add_kit(self, kit: VoiceKit) -> None:
        """Keep another model ready, for ``/distill/model/load``, which names it by its hash."""
        self.kits[kit.model.sha256] = kit

    def forget_kits(self) -> None:
        """Keep the models that are heard, and no others; one that is wanted again has to be added again."""
        self.kits = {voice.model.sha256: voice.kit for voice in self._voices}

    # ------------------------------------------------------------------ events

    def apply(self, event: ControlEvent) -> ControlEvent:
        """Apply one canonical event from the next block on; returns it as it belongs into the log.

        Raises:
            DistillError: it is refused, and nothing has changed.
        """
        handler = self._COMMANDS.get(event.address)
        args = handler(self, event.args) if handler is not None else self._set_param(event)
        return replace(event, frame=self.frame, args=args)

    def fork(self) -> Performance:
        """An independent copy that goes on from here: a second voice, a what-if, a snapshot to measure against."""
        twin = self._fork_with(self._new_chain(self.chain.order))
        twin._spare = twin._spare_chain()
        return twin

    def _fork_with(self, chain: EffectChain) -> Performance:
        twin = copy.copy(self)
        twin.params = ParamBank(self.params.registry)
        twin.params.restore(self.params.snapshot())
        twin.assets, twin._digests, twin.kits = dict(self.assets), dict(self._digests), dict(self.kits)
        twin.voice = self.voice.fork(twin.params)
        twin._leaving = [(voice.fork(twin.params), copy.copy(presence)) for voice, presence in self._leaving]
        twin._presence = copy.copy(self._presence)
        if self._before is not None:
            twin._before = (self._before[0].fork(), self._before[1])
        twin.chain = chain
        chain.load_state(self.chain.state())
        return twin

    def _new_chain(self, order: Sequence[str]) -> EffectChain:
        chain = standard_chain(self.params, order)
        chain.prepare(SAMPLE_RATE, BLOCK)
        return chain

    def _spare_chain(self) -> EffectChain:
        """For a jump's old half: made before it is needed, since making one takes milliseconds.

        One that cannot be copied is never needed, and hosted plugins are dear.
        """
        return self._new_chain(self.chain.order) if self.chain.copies_exactly else self.chain

    def _set_param(self, event: ControlEvent) -> tuple[Value, ...]:
        param_id = param_id_of(event.address)
        if param_id is None:
            raise UnknownNameError(f"the engine has no address {event.address}", fix="see /distill/describe")
        param = self.params.registry[param_id]
        if len(event.args) != 1:
            raise ParamError(f"{param_id} takes one value, not {len(event.args)}", fix=f"send {param.range_text}")
        value = self.params.set(param_id, event.args[0]).value
        self._changed(param_id)
        return (value,)

    def _changed(self, param_id: str) -> None:
        level, what = _level_edit(param_id)
        for voice in self._voices:
            if param_id in SAMPLING:
                voice.sampling_changed()
            if param_id in ("freeze", "stutter"):
                voice.codes_changed(param_id)
            if what in EDITS:
                voice.edit_changed(level, what)
        self.chain.set_param(param_id, self.params[param_id])

    @property
    def _voices(self) -> list[Voice]:
        return [self.voice, *(voice for voice, _ in self._leaving)]

    # ------------------------------------------------------------------ commands

    def _swap(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(args) not in (2, 3) or isinstance(args[0], str):
            raise ParamError("a swap is level, slot and amount", fix="send e.g. 0, '3', 1.0")
        level, source = int(args[0]), _swap_source(args[1])
        if not 0 <= level < self.model.levels:
            raise UnknownNameError(f"there is no level {level}", fix=f"use 0 to {self.model.levels - 1}")
        amount = self.params.set(f"level.{level}.blend", args[2] if len(args) == 3 else 1.0).value
        self.params.set(f"level.{level}.swap", source)
        for voice in self._voices:
            voice.edit_changed(level, "swap")
        return (level, source, amount)

    def _bank_load(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(args) not in (2, 3):
            raise ParamError("a bank load is a slot and a name", fix="send e.g. '3', 'bell'")
        number, name = slot_number(_not_bool(args[0])), str(args[1])
        codes = self.assets.get(str(args[2])) if len(args) == 3 else self.model.sound(name)
        if codes is None:
            raise UnknownNameError(f"there is no sound {name!r}", fix="/distill/bank/list shows what there is")
        if not self.model.can_play(codes):
            raise ParamError(f"the sound {name!r} does not fit {self.model.name}", fix="encode it with this model")
        self._fill(number, Slot(name, codes))
        return (SLOT_LABELS[number], *args[1:])

    def _bank_clear(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        number = slot_number(_not_bool(args[0])) if args else 0
        self._fill(number, None)
        return (SLOT_LABELS[number],)

    def _grab(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Fill a slot from the last seconds: slot, seconds, and ``played`` or ``heard``."""
        if not 1 <= len(args) <= 3:
            raise ParamError("a grab is a slot, seconds, and played or heard", fix="send e.g. '3', 4.0, 'played'")
        number = slot_number(_not_bool(args[0]))
        seconds, which = _seconds(args[1] if len(args) > 1 else 4.0), str(args[2] if len(args) > 2 else "played")
        if which not in ("played", "heard"):
            raise ParamError(f"what was {which!r} cannot be grabbed", fix="use played or heard")
        codes = self.voice.remembered(seconds, which == "heard")
        self._fill(number, Slot(f"{which} {seconds:g} s", codes))
        return (SLOT_LABELS[number], seconds, which)

    def _fill(self, number: int, slot: Slot | None) -> None:
        self.bank.put(number, slot)
        self.voice.bank_changed()

    def _start(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        self._target = 1.0
        return ()

    def _stop(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        self._target = 0.0
        return ()

    def _panic(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Silence, and every edit off; ``start`` goes on from there."""
        self._target = 0.0
        edits = [f"level.{level}.{what}" for level in range(MAX_LEVELS) for what in EDITS]
        for param_id in (*edits, "freeze", "stutter"):
            self.params.set(param_id, self.params.registry[param_id].default_value)
        for voice in self._voices:
            voice.let_go()
        self._panicking = True
        return ()

    def _load_model(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Cross over into another model: name, hash, and whether it goes on from what was played."""
        if len(args) not in (2, 3):
            raise ParamError("a model load is a name and a hash", fix="send the name of a model")
        kit = self.kits.get(str(args[1]))
        if kit is None:
            raise UnknownNameError(
                f"the model {args[0]!r} is not loaded", fix="/distill/model/list shows what there is"
            )
        goes_on = bool(args[2]) if len(args) == 3 else False
        samples = round(float(self.params[MODEL_FADE.id]) * SAMPLE_RATE)
        self._presence.go(0.0, samples)
        self._leaving.append((self.voice, self._presence))
        before, self.voice = self.voice, Voice(kit, self.params, self._memory_for(kit, goes_on))
        if goes_on and _alike(before.model, kit.model):
            _carry_bank(before, self.voice)
        self._presence = Presence(0.0)
        self._presence.go(1.0, samples)
        return (str(args[0]), str(args[1]), goes_on)

    def _memory_for(self, kit: VoiceKit, goes_on: bool) -> Memory:
        """The same place in the take's time; the same codes too, where a model goes on as a newer state of itself."""
        frame = self.column * self.model.frames_per_column
        column = -(-frame // kit.model.frames_per_column)
        if goes_on and _alike(self.model, kit.model):
            return replace(self.memory, column=column)
        return Memory(column, np.zeros((0, kit.model.rows, kit.model.levels), np.int16))

    def _jump(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Many values are about to move at once: what sounds now goes on beside it until it has faded."""
        if self._before is None and self.chain.copies_exactly:
            before = self._fork_with(self._spare)
            if before.chain.bypassed == self.chain.bypassed:  # else an effect could not load its state: another sound
                self._before = (before, 0)
        return args

    def _hear(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        shape = (self.model.rows, self.model.levels)
        codes = np.array([-1 if isinstance(code, str) else int(code) for code in args], np.int64)
        if codes.size != shape[0] * shape[1] or codes.min() < 0 or codes.max() >= self.model.codebook_size:
            raise ParamError(f"a column of {self.model.name} is {shape[0]} x {shape[1]} codes", fix="restore the log")
        self.voice.hear(codes.reshape(shape).astype(np.int16))
        return args

    def _set_effort(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        degree = int(_only(args))
        if not 0 <= degree <= MOST_EFFORT:
            raise ParamError(f"there is no degree of thrift {degree}", fix=f"use 0 to {MOST_EFFORT}")
        self.effort = degree
        return (degree,)

    def _set_stretch(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        self._stretch = True
        return ()

    def _retire(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(args) != 2:
            raise ParamError("an effect is taken out by its name and why", fix="restore the log")
        self.chain.retire(str(args[0]), str(args[1]))
        return args

    def _note(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Something that a log says and that changes no sample."""
        return args

    _COMMANDS: Final = {
        SWAP: _swap,
        BANK_LOAD: _bank_load,
        BANK_CLEAR: _bank_clear,
        GRAB: _grab,
        START: _start,
        STOP: _stop,
        PANIC: _panic,
        RECORD: _note,
        MODEL_LOAD: _load_model,
        PRESET_LOAD: _jump,
        HEARD: _hear,
        EFFORT: _set_effort,
        STRETCH: _set_stretch,
        LEAD: _note,
        RETIRE: _retire,
    }

    # ------------------------------------------------------------------ sound

    def render_block(self) -> Block:
        """The next block, float32 ``[2, 512]``; ``dry`` is then what went into the effects, ``[512]``."""
        self.dry = self._music()
        out = self.chain.process(np.repeat(self.dry[None], CHANNELS, axis=0))
        if self._before is not None:
            out = self._led_over(*self._before, out)
        if self._panicking:
            out = out * FADE_OUT
            self.chain.reset()
            self._panicking, self._before = False, None
            self._gain = 0.0  # whoever starts again rises from silence, in the next block too
        self.blocks += 1
        return out

    def _led_over(self, before: Performance, away: int, out: Block) -> Block:
        """Weights that add up to 1: between two limited sounds nothing is louder than the louder of them."""
        share = _JUMP_IN[away * BLOCK : (away + 1) * BLOCK]
        self._before = (before, away + 1) if away + 1 < JUMP_BLOCKS else None
        old = before.render_block()
        led_over: Block = old + share * (out - old)
        return led_over

    def _music(self) -> Block:
        if self.blocks == 0:
            self._gain = self._target  # a take that begins stopped has never sounded
        if self._gain == self._target == 0.0:
            return np.zeros(BLOCK, np.float32)
        hop = self._hop()
        if self._gain != self._target:
            hop = hop * (FADE_IN if self._target > self._gain else FADE_OUT)
            self._gain = self._target
        return hop

    def _hop(self) -> Block:
        stretch, self._stretch = self._stretch, False
        hop = self.voice.hop(self.effort, stretch)
        if not self._leaving:
            return hop
        hop = hop * self._presence.block(BLOCK)
        for voice, presence in self._leaving:
            hop += voice.hop(self.effort, stretch) * presence.block(BLOCK)
        self._leaving = [(voice, presence) for voice, presence in self._leaving if not presence.gone]
        return hop


def _alike(old: Playable, new: Playable) -> bool:
    """Whether codes of one model mean something to the other."""
    return (old.rows, old.levels, old.codebook_size) == (new.rows, new.levels, new.codebook_size)


def _carry_bank(before: Voice, after: Voice) -> None:
    """The slots that are not as the model fills them stay so, with the new model's codes where it has the sound."""
    old, new = before.model, after.model
    usual = [Slot(name, codes) for name, codes in old.sounds[:SLOTS]]
    for number in range(1, SLOTS + 1):
        slot, own = before.bank[number], usual[number - 1] if number <= len(usual) else None
        if (slot and slot.codes) is (own and own.codes):
            continue
        known = None if slot is None or slot.codes is not old.sound(slot.name) else new.sound(slot.name)
        after.bank.put(number, slot if slot is None or known is None else Slot(slot.name, known))
    after.bank_changed()


def _level_edit(param_id: str) -> tuple[int, str]:
    """Which level's edit a parameter is; ``(0, "")`` for one that is none."""
    parts = param_id.split(".")
    return (int(parts[1]), parts[2]) if len(parts) == 3 and parts[0] == "level" else (0, "")


def _swap_source(value: Value) -> str:
    label = str(value).lower() if isinstance(value, str) else ""
    return label if label in SWAP_LABELS else SLOT_LABELS[slot_number(_not_bool(value))]


def _not_bool(value: Value) -> str | int | float:
    if isinstance(value, bool):
        raise ParamError("a slot is a number or a label", fix=f"use 1 to {SLOTS} or off")
    return value


def _only(args: tuple[Value, ...]) -> float:
    if len(args) != 1 or isinstance(args[0], str):
        raise ParamError(f"one number is wanted, not {args}", fix="restore the log")
    return float(args[0])


def _seconds(value: Value) -> float:
    if isinstance(value, (str, bool)) or not value == value or not 0.0 < float(value) <= REMEMBERED_S:
        raise ParamError(f"{value!r} s cannot be grabbed", fix=f"use more than 0 and up to {REMEMBERED_S:g}")
    return float(value)
