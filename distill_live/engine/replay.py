"""Offline rendering: a performance driven by a list of events instead of by hands, bit-identical to the live one.

Any process that has called ``live_setup.prepare_live``; no clock, no hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from distill_live.engine.performance import BLOCK, Performance
from distill_live.engine.take import add_assets, start_of
from distill_live.engine.voice import VoiceKit
from distill_live.errors import TakeError
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
    """
    pending = sorted(events, key=lambda e: e.frame)
    next_event = 0
    while performance.frame < frames:
        while next_event < len(pending) and pending[next_event].frame <= performance.frame:
            performance.apply(pending[next_event])
            next_event += 1
        left = frames - performance.frame
        block = performance.render_block()
        if observe is not None:
            observe(performance)
        yield block[:, :left]


def render_offline(
    performance: Performance, seconds: float, events: Sequence[ControlEvent] = (), observe: Observer | None = None
) -> Block:
    """``seconds`` of sound as one array float32 ``[2, T]``."""
    frames = round(seconds * 48000)
    blocks = list(render(performance, events, frames, observe))
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.float32)


def replay(
    model: Playable, take: Take, observe: Observer | None = None, models: Sequence[Playable] = ()
) -> Iterator[Block]:
    """The blocks of a take again. A log without its end is replayed to one second past its last event.

    Args:
        model: the one it began with.
        take: what happened.
        observe: called after every block.
        models: the others that it crossed over into.

    Raises:
        TakeError: it cannot be replayed.
    """
    performance = start_of(take).performance(model)
    add_assets(performance, take)
    for other in models:
        performance.add_kit(VoiceKit(other, performance.look_ahead))
    frames = take.frames
    if frames is None:
        last = max((e.frame for e in take.events), default=0)
        frames = (last + 48000) // BLOCK * BLOCK
    if frames < 0:
        raise TakeError("the take has a negative length", fix="restore the log")
    return render(performance, take.events, frames, observe)
