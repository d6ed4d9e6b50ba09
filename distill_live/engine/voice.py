"""One model being spoken: prior -> codes -> edits -> decoder -> vocoder, a hop at a time, late binding all the way.

Only codes are queued. The vocoder holds a few frames that it has looked at and not yet committed; they can still be
revised, so an edit re-decodes from the column that sounds and lands at the next hop::

    columns   ... | sounding | decoded ...        generated when the look-ahead needs them, no sooner
    frames        [ pending, oldest ... newest ]  the oldest is committed by the next hop
    hop                ^

A stretched hop takes no new frame in: it repeats the newest with fresh phases and few rounds of them, for when the
ring is nearly empty and time is short. Everything here is a pure function of the events: no clock, no hardware.
The render thread.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.codes.bank import Bank, Slot
from distill_live.codes.edits import ColumnEditor, EditedColumn, LevelEdit
from distill_live.codes.grid import Codes
from distill_live.codes.moments import Moments, from_sources
from distill_live.codes.params import INPUT, SLOT_LABELS, SLOTS, SWAP_LABELS
from distill_live.engine.dice import PerformanceDice
from distill_live.engine.frames import FrameDecoder
from distill_live.engine.stream import PriorStream
from distill_live.engine.watch import Watch
from distill_live.errors import UnknownNameError
from distill_live.models.playable import Playable
from distill_live.params import ParamBank
from distill_live.prior.guidance import CodeHabits, Leaning
from distill_live.vocoder.rtisi import RtisiLa

Hop = npt.NDArray[np.float32]

REMEMBERED_S: Final = 30.0  # how far back a grab can reach
STRETCH_ROUNDS: Final = 1  # of phase reconstruction while a hop is stretched
ROUNDS_AT_EFFORT: Final = (1.0, 0.5, 0.25, 0.25)  # share of the vocoder's rounds at each degree of thrift
THRIFTY_PRIOR: Final = 3  # from this degree on the prior moves on in time only every other column


class VoiceKit:
    """What all voices of one model share: worked out once, when the model is loaded, and never changed.

    Args:
        model: what plays.
        look_ahead: frames the vocoder waits for, 1 to 4; None as the model says.
    """

    def __init__(self, model: Playable, look_ahead: int | None = None) -> None:
        self.model = model
        config = model.vocoder_config
        self.vocoder = RtisiLa(config if look_ahead is None else replace(config, look_ahead=look_ahead))
        self.watch = Watch(model)
        self.editor = ColumnEditor(model.vectors, Bank())
        self.habits = CodeHabits(model.training_grids or [grid.codes for grid in model.grids], model.codebook_size)
        self.columns_per_second = model.mel.frames_per_second / model.frames_per_column


@dataclass(frozen=True)
class Memory:
    """Where a voice goes on.

    Attributes:
        column: the take's column counter.
        codes: int16 ``[W, H, Q]``, what the prior has heard; may be empty.
        held: the codes int16 ``[H]`` that hands hold, by level.
        frozen: the column ``[H, Q]`` that is frozen, or None.
    """

    column: int = 0
    codes: Codes = field(default_factory=lambda: np.zeros((0, 1, 1), np.int16))
    held: Mapping[int, Codes] = field(default_factory=dict)
    frozen: Codes | None = None


class Voice:
    """A model, played.

    Args:
        kit: the model's.
        params: the live values, shared by all voices of a performance.
        memory: where it goes on; None for a fresh start.
    """

    def __init__(self, kit: VoiceKit, params: ParamBank, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        column = memory.column
        self.kit, self.params = kit, params
        self.model = kit.model
        self.bank = Bank()
        for number, (name, codes) in enumerate(self.model.sounds[:SLOTS], 1):
            self.bank.put(number, Slot(name, codes))
        self.editor = kit.editor.over(self.bank)
        self.moments = Moments()
        self._n = self.model.frames_per_column
        self._ahead = kit.vocoder.config.look_ahead
        self._held: dict[int, Codes] = {}
        self._edited: dict[int, EditedColumn] = {}
        self._heard: dict[int, Codes | None] = {}  # the input's column that each decoded column was made with
        self.heard: Codes | None = None  # the newest from the input
        longest = round(REMEMBERED_S * kit.columns_per_second)
        self._played: deque[Codes] = deque(maxlen=longest)
        self._listened: deque[Codes] = deque(maxlen=longest)
        self._dirty = self._resample = False
        self._stutter_from: int | None = None  # the column with which a stutter begins that was on from the start
        self.decoder = FrameDecoder(self.model.decoder, self._n, kit.vocoder.magnitudes, column)
        self._habits: tuple[Codes, CodeHabits] | None = None
        self.dice = PerformanceDice(params, kit.watch.limits, self._remembered, self._leaning)
        heard = memory.codes if len(memory.codes) else None
        self.stream = PriorStream(self.model.prior, kit.watch, self.dice, column, heard)
        self._state = kit.vocoder.initial_state()
        self._pending: deque[int] = deque()  # frames in the vocoder, oldest first
        self._newest = column * self._n - 1  # the newest mel frame it has seen
        self._hold_all(memory)
        self._prime()

    # ------------------------------------------------------------------ what others read

    @property
    def column(self) -> int:
        """The column that the next hop belongs to."""
        return self._pending[0] // self._n

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
    def hops_to_decode(self) -> int:
        """How many more hops until the one that decodes another column: by then the input's column must be ready."""
        return self.decoder.decoded * self._n - self._newest - 1

    @property
    def memory(self) -> Memory:
        """From where a voice could go on if this one ended now."""
        recent = self.stream.recent
        codes = np.stack(recent) if recent else np.zeros((0, self.model.rows, self.model.levels), np.int16)
        return Memory(self.column, codes, dict(self._held), self.moments.frozen)

    def remembered(self, seconds: float, heard: bool) -> Codes:
        """The last ``seconds`` that were played, or heard at the input, as codes ``[W, H, Q]``.

        Raises:
            UnknownNameError: there is nothing yet.
        """
        columns = list(self._listened if heard else self._played)
        count = max(1, round(seconds * self.kit.columns_per_second))
        if not columns:
            what = "heard at the input" if heard else "played"
            raise UnknownNameError(f"nothing has been {what} yet", fix="try again in a moment")
        return np.stack(columns[-count:])

    # ------------------------------------------------------------------ what hands change

    def edit_of(self, level: int) -> LevelEdit:
        """What the hands ask of one level now."""
        p = self.params
        return LevelEdit(
            swap=SWAP_LABELS.index(str(p[f"level.{level}.swap"])),
            amount=float(p[f"level.{level}.blend"]),
            held=self._held.get(level),
            mute=bool(p[f"level.{level}.mute"]),
            remap=str(p[f"level.{level}.remap"]),
        )

    def sampling_changed(self) -> None:
        """Temperature and its like act from the first column on that is not decoded."""
        self._resample = True

    def edit_changed(self, level: int, what: str) -> None:
        """A hand has moved something of one level; it lands at the next hop."""
        if level >= self.model.levels:
            return
        if what == "hold":
            self.hold(level)
        if what == "feedback" or self.params[f"level.{level}.feedback"]:
            self._resample = True
        self._dirty = True

    def codes_changed(self, what: str) -> None:
        """``freeze`` or ``stutter`` has been moved."""
        if what == "freeze":
            self._freeze()
        else:
            self._start_stutter()
        self._memory_may_change()

    def hear(self, codes: Codes) -> None:
        """A column ``[H, Q]`` from the input: the next column to be decoded is made with it."""
        self.heard = codes
        self._listened.append(codes)
        self._memory_may_change()

    def let_go(self) -> None:
        """Forget what hands hold."""
        self._held.clear()
        self.moments.frozen = self.moments.stutter = self._stutter_from = None
        self._dirty = True

    def bank_changed(self) -> None:
        """A slot holds something else."""
        self._dirty = True
        if self.params["guide.slot"] != SLOT_LABELS[0]:
            self._resample = True

    def hold(self, level: int) -> None:
        """Begin or end holding one level, as its parameter says."""
        self._held.pop(level, None)
        if self.params[f"level.{level}.hold"]:
            self._held[level] = self.editor.before_swap(self._base(self.column_or_first), level, self.edit_of(level))

    def _hold_all(self, memory: Memory) -> None:
        """At the beginning: what the parameters say is held, as it was held before where that is known."""
        for level in range(self.model.levels):
            self.hold(level)
            held = memory.held.get(level)
            if level in self._held and held is not None and self._playable(held, (self.model.rows,)):
                self._held[level] = held
        self._freeze()
        if columns := int(self.params["stutter"]):
            self._stutter_from = memory.column + columns
        frozen = memory.frozen
        shape = (self.model.rows, self.model.levels)
        if self.moments.frozen is not None and frozen is not None and self._playable(frozen, shape):
            self.moments.frozen = frozen

    def _playable(self, codes: Codes, shape: tuple[int, ...]) -> bool:
        """Whether this model can speak these codes: they may come from a file, or from another model."""
        return codes.shape == shape and 0 <= int(codes.min()) <= int(codes.max()) < self.model.codebook_size

    @property
    def column_or_first(self) -> int:
        """The column that sounds, or the first there will be."""
        return self.column if self._pending else (self._newest + 1) // self._n

    def _freeze(self) -> None:
        self.moments.frozen = None
        if self.params["freeze"]:
            self.moments.frozen = self._base(self.column_or_first)

    def _start_stutter(self) -> None:
        self._stutter_from = None
        self.moments.start_stutter(int(self.params["stutter"]), self.column)

    def _memory_may_change(self) -> None:
        """Where edits feed back, the prior may have to remember other codes than it has drawn."""
        if any(self.params[f"level.{level}.feedback"] for level in range(self.model.levels)):
            self._resample = True
        self._dirty = True

    # ------------------------------------------------------------------ sound

    def hop(self, effort: int = 0, stretch: bool = False) -> Hop:
        """The next hop, float32 ``[512]``.

        Args:
            effort: 0 is full; each degree above is cheaper.
            stretch: repeat what there is instead of going on.
        """
        if self._stutter_from is not None and self.column >= self._stutter_from:
            self._start_stutter()
            self._memory_may_change()
        if self._resample:
            self._draw_again()
        if self._dirty:
            self._redecode()
        vocoder = self.kit.vocoder
        rounds = round(vocoder.config.iterations * ROUNDS_AT_EFFORT[effort])
        if stretch:
            frame, rounds = max(self._newest - len(self._pending) % 2, self._pending[0]), STRETCH_ROUNDS
        else:
            frame = self._newest = self._newest + 1
            self._decode_up_to(frame // self._n, thrifty=effort >= THRIFTY_PRIOR)
        self._pending.append(frame)
        hop, self._state = vocoder.take(self.decoder.frames([frame]), self._state, rounds)
        self._leave(self._pending.popleft())
        return hop

    def _leave(self, frame: int) -> None:
        """One frame is committed; when that was the last of its column, the past is let go."""
        column, now = frame // self._n, min(self._pending) // self._n
        if now > column:
            for c in range(column, now):
                self._played.append(self._unmuted(c))
            self._forget_before(now)

    def _unmuted(self, column: int) -> Codes:
        """What sounded in a column, with the codes of muted levels as they would have been."""
        codes, base = self._edited[column].codes, self._base(column)
        return np.where(codes < 0, base, codes).astype(np.int16)

    def _leaning(self) -> Leaning | None:
        """What the prior's choices lean toward now: the sound of a slot, counted when it is first asked for."""
        slot = self.bank[SLOT_LABELS.index(str(self.params["guide.slot"]))]
        amount = float(self.params["guide.amount"])
        if slot is None or not amount:
            return None
        if self._habits is None or self._habits[0] is not slot.codes:
            self._habits = (slot.codes, CodeHabits([slot.codes], self.model.codebook_size))
        return Leaning(self._habits[1], self.kit.habits, amount)

    def _draw_again(self) -> None:
        """Columns that are not decoded yet are drawn with the values of now; once a hop, however many have moved."""
        self._resample = False
        self.dice.refresh()
        self.stream.rewind(self.decoder.decoded)

    def _prime(self) -> None:
        """Give the vocoder the frames it looks ahead at before the first hop; they commit nothing yet."""
        for _ in range(self._ahead):
            self._newest += 1
            self._decode_up_to(self._newest // self._n)
            self._pending.append(self._newest)
            _, self._state = self.kit.vocoder.take(self.decoder.frames([self._newest]), self._state)

    def _redecode(self) -> None:
        """Decode again from the column that sounds, and give the vocoder the new frames it has not committed.

        From the first column on that the edits have really changed: a hand often turns what nothing hangs on, such as
        the blend of a level that is not swapped.
        """
        self._dirty = False
        changed = False
        for column in range(min(self._pending) // self._n, self.decoder.decoded):
            before = self._edited[column].latents
            self._edited[column] = self._edit(column)
            if changed or not np.array_equal(self._edited[column].latents, before):
                changed = True
                self.decoder.decode(column, self._edited[column].latents)
        if changed:
            self._state = self.kit.vocoder.revise(self._state, self.decoder.frames(self._pending))

    def _decode_up_to(self, column: int, thrifty: bool = False) -> None:
        for c in range(self.decoder.decoded, column + 1):
            self._heard[c] = self.heard
            self.stream.thrifty = thrifty
            self.moments.passed(c, self._sourced(c))
            self._decode(c)

    def _decode(self, column: int) -> None:
        self._edited[column] = self._edit(column)
        self.decoder.decode(column, self._edited[column].latents)

    def _edit(self, column: int) -> EditedColumn:
        edits = [self.edit_of(level) for level in range(self.model.levels)]
        return self.editor.edit(self._base(column), column, edits, self._heard.get(column))

    def _base(self, column: int) -> Codes:
        """The codes ``[H, Q]`` that the edits of single levels work on."""
        return self.moments.chosen(column, self._sourced(column))

    def _sourced(self, column: int) -> Codes:
        sources = [self.params[f"level.{level}.source"] == INPUT for level in range(self.model.levels)]
        return from_sources(self.stream.column(column).codes, self._heard.get(column), sources)

    def _remembered(self, drawn: int, column: int, row: int, level: int) -> int:
        """What the prior remembers instead of the code it drew: the edited code, when the level feeds back."""
        if not self.params[f"level.{level}.feedback"]:
            return drawn
        heard = self._heard.get(column, self.heard)
        from_input = heard is not None and self.params[f"level.{level}.source"] == INPUT
        code = int(heard[row, level]) if heard is not None and from_input else drawn
        held_still = self.moments.chosen(column, np.full((self.model.rows, self.model.levels), code, np.int16))
        edited = self.editor.edit_code(int(held_still[row, level]), row, column, level, self.edit_of(level), heard)
        return drawn if edited < 0 else edited

    def _forget_before(self, column: int) -> None:
        self.decoder.forget_before(column)
        self.stream.forget_before(column)
        for table in (self._edited, self._heard):
            for c in [c for c in table if c < column]:
                del table[c]

    def fork(self, params: ParamBank) -> Voice:
        """An independent copy that goes on from here under other values."""
        twin = copy.copy(self)
        twin.params, twin.bank = params, self.bank.copy()
        twin.editor = self.editor.over(twin.bank)
        twin.moments = self.moments.copy()
        twin._held, twin._edited, twin._heard = dict(self._held), dict(self._edited), dict(self._heard)
        twin._played, twin._listened = self._played.copy(), self._listened.copy()
        twin._pending = self._pending.copy()
        twin.decoder = self.decoder.fork()
        twin.dice = PerformanceDice(params, self.kit.watch.limits, twin._remembered, twin._leaning)
        twin.stream = self.stream.fork(twin.dice)
        return twin
