"""A load that the engine cannot push aside: a process on each core that is busy for a share of every few milliseconds.

``python -m distill_live.cli.bench.press CORE SHARE`` greets with ``ready``, or with ``ordinary`` where no real time is
granted, and presses until stdin ends (``beside``). It stands between the engine and the device, so that the engine has
what it leaves over and the sound itself is not touched. :class:`Press` is its other end.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import sys
import time
from collections.abc import Sequence
from typing import Final

from distill_live.cli.bench.beside import READY, Beside
from distill_live.engine.priority import ENGINE_PRIORITY

PRIORITY: Final = ENGINE_PRIORITY + 5
CYCLE_S: Final = 0.005
MOST: Final = 0.85  # the kernel keeps a twentieth from everything that has real time, and the rest is the engine's
_LOOK_EVERY: Final = 20  # cycles between two looks at stdin


class Press:
    """The load beside us, on each core.

    Args:
        share: of each core that it takes, 0..``MOST``.

    Attributes:
        realtime: whether it stands before the engine; else it is an ordinary load.
    """

    def __init__(self, share: float, cores: Sequence[int] | None = None) -> None:
        assert 0.0 <= share <= MOST, share
        wanted = sorted(os.sched_getaffinity(0)) if cores is None else cores
        self._pressing = [Beside("press", str(core), str(share)) for core in wanted]
        self.realtime = all(one.ready for one in self._pressing)

    def stop(self) -> None:
        """End it."""
        for one in self._pressing:
            one.stop()


def press(share: float) -> None:
    """Be busy for this share of the time, until stdin ends."""
    cycles = 0
    while True:
        began_s = time.monotonic()
        while time.monotonic() - began_s < share * CYCLE_S:
            pass
        time.sleep(max(began_s + CYCLE_S - time.monotonic(), 0.0))
        cycles += 1
        if cycles % _LOOK_EVERY == 0 and select.select([sys.stdin], [], [], 0.0)[0]:
            return


def main(core: str, share: str) -> None:
    """The process."""
    os.sched_setaffinity(0, {int(core)})
    granted = False
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        granted = True
    gc.disable()
    print(READY if granted else "ordinary", flush=True)
    press(float(share))
    print("{}")


if __name__ == "__main__":
    main(*sys.argv[1:])
