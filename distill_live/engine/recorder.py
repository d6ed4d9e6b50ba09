"""The recorder's thread: what is played goes to it block by block, and it does everything that may wait for a disk.

Knows nothing of files: a ``Sink`` gets the blocks; jobs are done in their order, some at their very place between two
blocks. ``push``, ``do``, ``note``, ``lend`` and ``take_back`` belong to the render loop and never wait, ``close`` to
whoever made it.

Two threads of one process take turns at the interpreter, and each turn that the recorder takes while a block is made
makes it late: so it works while the render loop sleeps (``lend``), and stops between two jobs when that wakes up
(``take_back``). Only what has waited for long is done at any time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_live.engine.priority import HELPER_PRIORITY, request_realtime

Floats = NDArray[np.float32]

WAITING_BLOCKS: Final = 4096  # 44 s of blocks of 512 at 48 kHz: longer than any disk sleeps
BLOCKS_AT_ONCE: Final = 64  # joined before they are handed on: one call that waits for a lock instead of many
_LOOK_S: Final = 0.1  # what a process that is killed has not yet written; half of it costs half as much again
_LATEST_S: Final = 0.3  # so long it stands back for a render loop that never sleeps
_CLOSE_PATIENCE_S: Final = 10.0


class Sink(Protocol):
    """What the recorder's thread hands everything to."""

    def blocks(self, wet: Floats, dry: Floats | None) -> None:
        """Sound that was played: wet ``[2, T]`` (in memory as files hold it), dry ``[T]`` where it is kept."""

    def lost(self, frames: int) -> None:
        """So much found no room: the disk slept too long."""

    def settle(self) -> None:
        """So much for now, some ten times a second; everything that waited, or what there was time for."""


class Recorder:
    """Hands blocks and jobs to a thread of its own, in their order.

    A block that finds no room is counted, and the sink told of the gap at its place.

    Args:
        sink: called by the recorder's thread alone.
        waiting_blocks: how many may wait for the disk.
    """

    def __init__(self, sink: Sink, waiting_blocks: int = WAITING_BLOCKS) -> None:
        self._sink = sink
        self._most = waiting_blocks
        self._pushed = self._popped = 0  # blocks; each is counted by one thread alone
        self._waiting: deque[_Block | _Job] = deque()
        self._lost_frames = 0
        self._lent = True
        self._empty_s = time.monotonic()
        self._go, self._quit = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def push(self, wet: Floats, dry: Floats | None = None) -> None:
        """Hand over float32 ``[2, T]`` and ``[T]``; both are copied. Never waits."""
        if self._pushed - self._popped >= self._most:
            self._lost_frames += wet.shape[1]
            return
        self._tell_of_gap()
        self._pushed += 1
        self._waiting.append(_Block(wet.copy(), None if dry is None else dry.copy()))

    def do(self, job: Callable[[], None]) -> None:
        """Have something done after every block and job so far, and before the next. Never waits."""
        self._tell_of_gap()
        self._waiting.append(_Job(job, between_blocks=True))

    def note(self, job: Callable[[], None]) -> None:
        """Have something done after every job so far; the blocks so far may follow it. Never waits."""
        self._waiting.append(_Job(job, between_blocks=False))

    def lend(self) -> None:
        """The render loop is about to sleep: now is the time for what waits. Never waits."""
        self._lent = True
        if self._waiting and time.monotonic() - self._empty_s >= _LOOK_S:
            self._go.set()

    def take_back(self) -> None:
        """The render loop has woken up. Never waits."""
        self._lent = False

    def close(self) -> bool:
        """Do what is waiting and end the thread; False when the disk does not answer. Again does nothing."""
        self._quit = True
        self._go.set()
        self._thread.join(_CLOSE_PATIENCE_S)
        return not self._thread.is_alive()

    def _tell_of_gap(self) -> None:
        frames, self._lost_frames = self._lost_frames, 0
        if frames:
            self._waiting.append(_Job(partial(self._sink.lost, frames), between_blocks=True))

    def _run(self) -> None:
        request_realtime(HELPER_PRIORITY)
        while not self._quit:
            self._go.wait(_LATEST_S)
            self._go.clear()
            self._work()
        self._work()

    def _work(self) -> None:
        """Everything that waits, or as much as there is time for; blocks that belong together are joined."""
        joined: list[_Block] = []
        if not self._waiting:
            self._empty_s = time.monotonic()
            return
        urgent = self._quit or time.monotonic() - self._empty_s >= _LATEST_S
        while self._waiting and (self._lent or urgent):
            item = self._waiting.popleft()
            if isinstance(item, _Block):
                self._popped += 1
                if joined and ((joined[0].dry is None) != (item.dry is None) or len(joined) == BLOCKS_AT_ONCE):
                    self._hand_on(joined)
                joined.append(item)
                continue
            if item.between_blocks:
                self._hand_on(joined)
            item.do()
        self._hand_on(joined)
        if not self._waiting:
            self._empty_s = time.monotonic()
        self._sink.settle()

    def _hand_on(self, joined: list[_Block]) -> None:
        if not joined:
            return
        as_in_files = np.concatenate([np.ascontiguousarray(block.wet.T) for block in joined])
        dry = [block.dry for block in joined if block.dry is not None]
        self._sink.blocks(as_in_files.T, np.concatenate(dry) if dry else None)
        joined.clear()


class _Block(NamedTuple):  # made by the render thread: a frozen dataclass takes four times as long
    wet: Floats
    dry: Floats | None


class _Job(NamedTuple):
    do: Callable[[], None]
    between_blocks: bool
