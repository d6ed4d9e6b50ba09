"""The recorder's thread: what is played goes to it block by block, and it does everything that may wait for a disk.

Knows nothing of files: a ``Sink`` gets the blocks, and jobs (a log line, a recording that begins) are done at their
place between them. ``push`` and ``do`` belong to the render loop and never wait, ``close`` to whoever made it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Job = Callable[[], None]

WAITING_BLOCKS: Final = 4096  # 44 s of blocks of 512 at 48 kHz: longer than any disk sleeps
BLOCKS_AT_ONCE: Final = 64  # joined before they are handed on: one call that waits for a lock instead of many
_LOOK_S: Final = 0.05
_CLOSE_PATIENCE_S: Final = 10.0


class Sink(Protocol):
    """What the recorder's thread hands everything to."""

    def blocks(self, wet: Floats, dry: Floats | None) -> None:
        """Sound that was played: wet ``[2, T]``, dry ``[T]`` where it is kept."""

    def lost(self, frames: int) -> None:
        """So much found no room: the disk slept too long."""


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
        self._waiting: deque[tuple[Floats, Floats | None] | Job] = deque()
        self._lost_frames = 0
        self._quit = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def push(self, wet: Floats, dry: Floats | None = None) -> None:
        """Hand over float32 ``[2, T]`` and ``[T]``; both are copied. Never waits."""
        if len(self._waiting) >= self._most:
            self._lost_frames += wet.shape[1]
            return
        self._tell_of_gap()
        self._waiting.append((wet.copy(), None if dry is None else dry.copy()))

    def do(self, job: Job) -> None:
        """Have something done after every block so far, and before the next. Never waits."""
        self._tell_of_gap()
        self._waiting.append(job)

    def close(self) -> bool:
        """Do what is waiting and end the thread; False when the disk does not answer. Again does nothing."""
        self._quit.set()
        self._thread.join(_CLOSE_PATIENCE_S)
        return not self._thread.is_alive()

    def _tell_of_gap(self) -> None:
        frames, self._lost_frames = self._lost_frames, 0
        if frames:
            self._waiting.append(partial(self._sink.lost, frames))

    def _run(self) -> None:
        while not self._quit.wait(_LOOK_S):
            self._work()
        self._work()

    def _work(self) -> None:
        """Everything that waits; blocks that belong together are joined."""
        joined: list[tuple[Floats, Floats | None]] = []
        while self._waiting:
            item = self._waiting.popleft()
            if callable(item):
                self._hand_on(joined)
                item()
                continue
            if joined and ((joined[0][1] is None) != (item[1] is None) or len(joined) == BLOCKS_AT_ONCE):
                self._hand_on(joined)
            joined.append(item)
        self._hand_on(joined)

    def _hand_on(self, joined: list[tuple[Floats, Floats | None]]) -> None:
        if not joined:
            return
        dry = [part for _, part in joined if part is not None]
        self._sink.blocks(np.concatenate([wet for wet, _ in joined], axis=1), np.concatenate(dry) if dry else None)
        joined.clear()
