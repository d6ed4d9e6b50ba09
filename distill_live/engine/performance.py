"""One performance: events -> prior -> codes -> decoder -> vocoder -> effects, block by block, bit for bit.

The same object plays live, renders offline and replays a log: no clock, no thread, no hardware. Late binding
(DESIGN.md section 4): only codes are queued; at block ``f`` the vocoder commits mel frame ``f``, and the frames it has
looked ahead at can still be revised. An edit re-decodes from the column that sounds; a sampling change rewinds the
prior to the first column that is not decoded.

Called by the render thread alone.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.smoothing import equal_power_fades
from distill_live.codes.bank import Bank, Slot, slot_number
from distill_live.codes.edits import ColumnEditor, EditedColumn, LevelEdit
from distill_live.codes.grid import Codes
from distill_live.codes.params import EDITS, SLOT_LABELS, SLOTS
from distill_live.effects.chain import EffectChain, standard_chain
from distill_live.effects.params import STANDARD_ORDER
from distill_live.engine.dice import PerformanceDice
from distill_live.engine.frames import FrameDecoder
from distill_live.engine.params import load_all
from distill_live.engine.stream import PriorStream
from distill_live.engine.watch import Watch
from distill_live.errors import ParamError, UnknownNameError
from distill_live.events import ROOT, ControlEvent, param_id_of
from distill_live.models.playable import Playable
from distill_live.params import MAX_LEVELS, ParamBank, Value
from distill_live.vocoder.rtisi import RtisiLa

BLOCK: Final = 512
SAMPLE_RATE: Final = 48000
CHANNELS: Final = 2
Block = npt.NDArray[np.float32]

FADE_OUT, FADE_IN = equal_power_fades(BLOCK)

SWAP: Final = f"{ROOT}/swap"
BANK_LOAD: Final = f"{ROOT}/bank/load"
BANK_CLEAR: Final = f"{ROOT}/bank/clear"
START: Final = f"{ROOT}/transport/start"
STOP: Final = f"{ROOT}/transport/stop"
PANIC: Final = f"{ROOT}/transport/panic"

SAMPLING: Final = frozenset(
    {"temperature", "topk", "topp", "seed"}
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

    Raises:
        DistillError: an initial value that no parameter can have, or an effect that is not installed.
    """

    def __init__(
        self,
        model: Playable,
        seed: int = 0,
        params: Mapping[str, Value] | None = None,
        effects: Sequence[str] = STANDARD_ORDER,
    ) -> None:
        self.model = model
        self.params = ParamBank(load_all())
        self.params.restore({"seed": seed, **(params or {})})
        self.bank = Bank()
        self.assets: dict[str, Codes] = {}
        for number, (name, codes) in enumerate(model.sounds[:SLOTS], 1):
            self.bank.put(number, Slot(name, codes))
        self.editor = ColumnEditor(model.vectors, self.bank)
        self.chain: EffectChain = standard_chain(self.params, effects)
        self.chain.prepare(SAMPLE_RATE, BLOCK)
        self.vocoder = RtisiLa(model.vocoder_config)
        self._ahead = self.vocoder.config.look_ahead
        self._n = model.frames_per_column
        self.blocks = 0
        self._gain = self._target = 1.0
        self._dirty = self._panicking = False
        self._held: dict[int, Codes] = {}
        self._edited: dict[int, EditedColumn] = {}
        self._frame = 0  # mel frame that the next hop commits; stands still while stopped
        self.decoder = FrameDecoder(model.decoder, self._n)
        self.dice = PerformanceDice(self.params, self.editor, self.edit_of)
        self.stream = PriorStream(model.prior, Watch(model), self.dice)
        self._voice = self.vocoder.initial_state()
        for level in range(model.levels):
            self._hold(level)
        self._prime()

    # ------------------------------------------------------------------ what others read

    @property
    def frame(self) -> int:
        """The output sample that the next block starts with: where an event applied now takes effect."""
        return self.blocks * BLOCK

    @property
    def column(self) -> int:
        """The column that the next block belongs to."""
        return self._frame // self._n

    @property
    def sounding(self) -> EditedColumn:
        """The column that sounds, after the edits."""
        return self._edited[self.column]

    @property
    def entropy_bits(self) -> npt.NDArray[np.float32]:
        """Entropy of the prior's choice for the sounding column, per level."""
        return self.stream.column(self.column).entropy_bits

    @property
    def queued(self) -> int:
        """Columns decoded ahead of the one that sounds."""
        return self.decoder.decoded - 1 - self.column

    @property
    def playing(self) -> bool:
        return self._target > 0.0

    @property
    def delays(self) -> Delays:
        return Delays(BLOCK, self._ahead * BLOCK, self.vocoder.config.n_fft // 2, self.chain.latency)

    # ------------------------------------------------------------------ events

    def apply(self, event: ControlEvent) -> ControlEvent:
        """Apply one canonical event from the next block on; returns it as it belongs into the log.

        Raises:
            DistillError: it is refused, and nothing has changed.
        """
        handler = self._COMMANDS.get(event.address)
        if handler is not None:
            args = handler(self, event.args)
        else:
            args = self._set_param(event)
        return replace(event, frame=self.frame, args=args)

    def fork(self) -> Performance:
        """An independent copy that goes on from here: a second voice, a what-if, a snapshot to measure against."""
        twin = copy.copy(self)
        twin.params = ParamBank(self.params.registry)
        twin.params.restore(self.params.snapshot())
        twin.bank, twin.assets = self.bank.copy(), dict(self.assets)
        twin.editor = ColumnEditor(self.model.vectors, twin.bank)
        twin._held, twin._edited = dict(self._held), dict(self._edited)
        twin.decoder = self.decoder.fork()
        twin.dice = PerformanceDice(twin.params, twin.editor, twin.edit_of)
        twin.stream = self.stream.fork(twin.dice)
        twin.chain = standard_chain(twin.params, self.chain.order)
        twin.chain.prepare(SAMPLE_RATE, BLOCK)
        twin.chain.load_state(self.chain.state())
        return twin

    def add_asset(self, codes: Codes) -> str:
        """Keep codes that came in from outside; returns the hash that ``/distill/bank/load`` names them by."""
        digest = hashlib.sha256(np.ascontiguousarray(codes).tobytes() + str(codes.shape).encode()).hexdigest()
        self.assets[digest] = codes
        return digest

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
        if param_id in SAMPLING:
            self.dice.refresh()
            self.stream.rewind(self.decoder.decoded)
        parts = param_id.split(".")
        if parts[0] == "level" and parts[2] in EDITS:
            self._edit_changed(int(parts[1]), parts[2])
        self.chain.set_param(param_id, self.params[param_id])

    def _edit_changed(self, level: int, what: str) -> None:
        if level >= self.model.levels:
            return
        if what == "hold":
            self._hold(level)
        if what == "feedback" or self.params[f"level.{level}.feedback"]:
            self.stream.rewind(self.decoder.decoded)
        self._dirty = True

    def _hold(self, level: int) -> None:
        self._held.pop(level, None)
        if self.params[f"level.{level}.hold"]:
            raw = self.stream.column(self.column).codes
            self._held[level] = self.editor.before_swap(raw, level, self.edit_of(level)).copy()

    def edit_of(self, level: int) -> LevelEdit:
        """What the hands ask of one level now."""
        p = self.params
        return LevelEdit(
            swap=SLOT_LABELS.index(str(p[f"level.{level}.swap"])),
            amount=float(p[f"level.{level}.blend"]),
            held=self._held.get(level),
            mute=bool(p[f"level.{level}.mute"]),
            remap=str(p[f"level.{level}.remap"]),
        )

    # ------------------------------------------------------------------ commands

    def _swap(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(args) not in (2, 3) or isinstance(args[0], str):
            raise ParamError("a swap is level, slot and amount", fix="send e.g. 0, '3', 1.0")
        level, number = int(args[0]), slot_number(args[1])
        if not 0 <= level < self.model.levels:
            raise UnknownNameError(f"there is no level {level}", fix=f"use 0 to {self.model.levels - 1}")
        amount = self.params.set(f"level.{level}.blend", args[2] if len(args) == 3 else 1.0).value
        self.params.set(f"level.{level}.swap", SLOT_LABELS[number])
        self._edit_changed(level, "swap")
        return (level, SLOT_LABELS[number], amount)

    def _bank_load(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(args) not in (2, 3):
            raise ParamError("a bank load is a slot and a name", fix="send e.g. '3', 'bell'")
        number, name = slot_number(_not_bool(args[0])), str(args[1])
        codes = self.assets.get(str(args[2])) if len(args) == 3 else self.model.sound(name)
        if codes is None:
            raise UnknownNameError(f"there is no sound {name!r}", fix="/distill/bank/list shows what there is")
        self.bank.put(number, Slot(name, codes))
        self._dirty = True
        return (SLOT_LABELS[number], *args[1:])

    def _bank_clear(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        number = slot_number(_not_bool(args[0])) if args else 0
        self.bank.put(number, None)
        self._dirty = True
        return (SLOT_LABELS[number],)

    def _start(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        self._target = 1.0
        return ()

    def _stop(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        self._target = 0.0
        return ()

    def _panic(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Silence, and every edit off; ``start`` goes on from there."""
        self._target = 0.0
        for level in range(self.model.levels):
            for what in EDITS:
                self.params.set(f"level.{level}.{what}", self.params.registry[f"level.{level}.{what}"].default_value)
        self._held.clear()
        self._dirty = self._panicking = True
        return ()

    _COMMANDS: Final = {
        SWAP: _swap,
        BANK_LOAD: _bank_load,
        BANK_CLEAR: _bank_clear,
        START: _start,
        STOP: _stop,
        PANIC: _panic,
    }

    # ------------------------------------------------------------------ sound

    def render_block(self) -> Block:
        """The next block, float32 ``[2, 512]``."""
        out = self.chain.process(np.repeat(self._music()[None], CHANNELS, axis=0))
        if self._panicking:
            out = out * FADE_OUT
            self.chain.reset()
            self._panicking = False
        self.blocks += 1
        return out

    def _music(self) -> Block:
        if self._gain == self._target == 0.0:
            return np.zeros(BLOCK, np.float32)
        hop = self._hop()
        if self._gain != self._target:
            hop = hop * (FADE_IN if self._target > self._gain else FADE_OUT)
            self._gain = self._target
        return hop

    def _hop(self) -> Block:
        if self._dirty:
            self._redecode()
        newest = self._frame + self._ahead
        self._decode_up_to(newest // self._n)
        hop, self._voice = self.vocoder.step(self.decoder.frames(newest, 1), self._voice)
        self._frame += 1
        if self._frame % self._n == 0:
            self._forget_before(self.column)
        return hop

    def _prime(self) -> None:
        """Give the vocoder the frames it looks ahead at before the first block; they commit nothing yet."""
        self._decode_up_to(self._ahead // self._n)
        for frame in range(self._ahead):
            _, self._voice = self.vocoder.step(self.decoder.frames(frame, 1), self._voice)

    def _redecode(self) -> None:
        """Decode again from the column that sounds, and give the vocoder the new frames it has not committed."""
        self._dirty = False
        for column in range(self.column, self.decoder.decoded):
            self._decode(column)
        if self._ahead:
            pending = self.decoder.frames(self._frame, self._ahead)
            self._voice = self.vocoder.revise(self._voice, pending)

    def _decode_up_to(self, column: int) -> None:
        for c in range(self.decoder.decoded, column + 1):
            self._decode(c)

    def _decode(self, column: int) -> None:
        edits = [self.edit_of(level) for level in range(self.model.levels)]
        self._edited[column] = self.editor.edit(self.stream.column(column).codes, column, edits)
        self.decoder.decode(column, self._edited[column].latents)

    def _forget_before(self, column: int) -> None:
        self.decoder.forget_before(column)
        self.stream.forget_before(column)
        for c in [c for c in self._edited if c < column]:
            del self._edited[c]


def _not_bool(value: Value) -> str | int | float:
    if isinstance(value, bool):
        raise ParamError("a slot is a number or a label", fix=f"use 1 to {SLOTS} or off")
    return value
