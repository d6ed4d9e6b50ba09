"""A take as the live loop makes one: a performance and a tape, without processes, clocks or devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill_live.codes.grid import Codes
from distill_live.engine.performance import BLOCK, Performance
from distill_live.engine.take import TakeStart, encode_codes, header
from distill_live.engine.tape import Tape
from distill_live.engine.voice import VoiceKit
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable


@dataclass(frozen=True)
class Played:
    """What a session has left behind, and what it sounded like: wet ``[2, T]``, dry ``[T]``."""

    folder: Path
    wet: np.ndarray
    dry: np.ndarray

    @property
    def log(self) -> Path:
        return self.folder / "take.jsonl"


def play_take(
    model: Playable,
    takes: Path,
    events: Mapping[int, Sequence[ControlEvent]] = {},
    blocks: int = 60,
    recorded: tuple[int, int] | None = (10, 40),
    start: TakeStart | None = None,
    others: Sequence[Playable] = (),
    sounds: Sequence[Codes] = (),
    ends: bool = True,
) -> Played:
    """Play ``blocks`` blocks with ``events`` by block; record from one block to another.

    ``others`` can be crossed into, ``sounds`` are assets; a take that does not end breaks off as in a crash.
    """
    start = start or TakeStart(7)
    performance = start.performance(model)
    tape = Tape(None, None, header(model, start, 256), takes)
    assert tape.folder is not None
    for codes in sounds:
        tape.asset(performance.add_asset(codes), encode_codes(codes))
    for other in others:
        performance.add_kit(VoiceKit(other))
        tape.model(other)
    wet, dry = _run(performance, tape, events, blocks, recorded)
    if ends:
        assert tape.close(performance.frame, keep=True) == []
    else:
        tape._recorder.close()
        for log in tape._keeper._logs:
            log._close()  # as the system does it for a process that dies
    return Played(tape.folder, np.concatenate(wet, axis=1), np.concatenate(dry))


def _run(
    performance: Performance,
    tape: Tape,
    events: Mapping[int, Sequence[ControlEvent]],
    blocks: int,
    recorded: tuple[int, int] | None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    wet, dry = [], []
    for block in range(blocks):
        if recorded is not None and block in recorded:
            tape.start_recording() if block == recorded[0] else tape.stop_recording()
        for event in events.get(block, ()):
            tape.event(performance.apply(event))
        wet.append(performance.render_block())
        dry.append(performance.dry)
        tape.push(wet[-1], dry[-1])
        assert performance.frame == (block + 1) * BLOCK
    return wet, dry
