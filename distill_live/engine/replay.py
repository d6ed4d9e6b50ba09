"""Offline rendering: a performance driven by a list of events instead of by hands, bit-identical to the live one.

Any process that has called ``live_setup.prepare_live``; no clock, no hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from distill_live.audio.digest import SoundDigest
from distill_live.engine.performance import BLOCK, SAMPLE_RATE, Performance
from distill_live.engine.take import add_assets, check_model, start_of
from distill_live.engine.takes import known_length
from distill_live.engine.voice import Memory, VoiceKit
from distill_live.errors import DistillError, TakeError
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import Take

Block = npt.NDArray[np.float32]
Observer = Callable[[Performance], None]
"""Called after every block; ``performance.frame`` is then the first sample of the next."""


def render(
    performance: Performance, events: Sequence[ControlEvent], frames: int, observe: Observer | None = None
) -> Iterator[Block]:
    """Blocks float32 ``[2, 512]`` (the last one cut) of ``frames`` samples; events land at the block that holds them.

    An event whose frame lies inside a block takes effect at the next block, as it would live.

    Raises:
        TakeError: an event that this performance cannot play.
    """
    pending = sorted(events, key=lambda e: e.frame)
    next_event = 0
    while performance.frame < frames:
        while next_event < len(pending) and pending[next_event].frame <= performance.frame:
            _apply(performance, pending[next_event])
            next_event += 1
        left = frames - performance.frame
        block = performance.render_block()
        if observe is not None:
            observe(performance)
        yield block[:, :left]


def _apply(performance: Performance, event: ControlEvent) -> None:
    try:
        performance.apply(event)
    except DistillError as error:
        at = f"{event.address[:60]!r} at frame {event.frame}"
        raise TakeError(f"the event {at} cannot be played: {error.what}", fix="restore the log") from None


def render_offline(
    performance: Performance, seconds: float, events: Sequence[ControlEvent] = (), observe: Observer | None = None
) -> Block:
    """``seconds`` of sound as one array float32 ``[2, T]``."""
    frames = round(seconds * SAMPLE_RATE)
    blocks = list(render(performance, events, frames, observe))
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.float32)


def length_of(take: Take) -> int:
    """A take's frames; one that broke off goes on to a second behind its last event, or to its recording's end."""
    if take.frames is not None:
        return take.frames
    last = max((event.frame for event in take.events), default=0)
    return max((last + SAMPLE_RATE) // BLOCK * BLOCK, known_length(take))


def fits(memory: Memory, model: Playable) -> bool:
    """Whether a model can go on from a memory."""
    shape = (model.rows, model.levels)
    heard = not len(memory.codes) or (model.can_play(memory.codes) and int(memory.codes.min()) >= 0)
    columns = [] if memory.frozen is None else [memory.frozen]
    for level, codes in memory.held.items():
        if level >= model.levels or codes.shape != shape[:1]:
            return False
        columns.append(np.repeat(codes[:, None], model.levels, axis=1))
    return heard and all(column.shape == shape and model.can_play(column[None]) for column in columns)


def performance_of(model: Playable, take: Take, models: Sequence[Playable] = ()) -> Performance:
    """A performance in the state that a take begins in, with everything at hand that came in from outside.

    Args:
        model: the one it begins with.
        take: what happened.
        models: the others that it crosses over into.

    Raises:
        TakeError: it cannot be replayed.
    """
    check_model(take, model)
    start = start_of(take)
    if start.memory is not None and not fits(start.memory, model):
        raise TakeError(f"the take goes on from codes that {model.name} does not have", fix="restore the log")
    performance = start.performance(model)
    add_assets(performance, take)
    for other in models:
        performance.add_kit(VoiceKit(other, performance.look_ahead))
    return performance


def replay(
    model: Playable, take: Take, observe: Observer | None = None, models: Sequence[Playable] = ()
) -> Iterator[Block]:
    """The blocks of a take again, ``[2, 512]`` (see ``performance_of`` and ``length_of``).

    Raises:
        TakeError: it cannot be replayed.
    """
    return render(performance_of(model, take, models), take.events, length_of(take), observe)


class Rendition:
    """A take being rendered from its first sample to where a stretch of it ends, of which the stretch is wanted.

    What lies before is rendered too: only so does the stretch sound bit for bit as it does within the whole.

    Args:
        performance: from ``performance_of``.
        take: what happens.
        start, stop: the stretch, in frames of the take.

    Attributes:
        whole: digest of all that has been rendered.
        stretch: digest of what has been handed out.
    """

    def __init__(self, performance: Performance, take: Take, start: int, stop: int) -> None:
        self.performance, self.take = performance, take
        self.start, self.stop = start, stop
        self.whole, self.stretch = SoundDigest(), SoundDigest()

    def blocks(self, *observers: Observer) -> Iterator[tuple[Block, Block]]:
        """What is heard ``[2, n]`` and what went into the effects ``[n]``, of the stretch.

        Raises:
            TakeError: an event that cannot be played.
        """

        def observe(performance: Performance) -> None:
            for observer in observers:
                observer(performance)

        frame = 0
        for wet in render(self.performance, self.take.events, self.stop, observe):
            self.whole.update(wet)
            first = max(self.start - frame, 0)
            frame += wet.shape[1]
            if frame > self.start:
                self.stretch.update(wet[:, first:])
                yield wet[:, first:], self.performance.dry[first : wet.shape[1]]
