"""When the machine itself stood still: a process on each core that sleeps, above everything, and notes waking up late.

Nothing we run can keep a thread of the highest real-time priority from its core, so what it notes is the machine's
doing (another guest of the same host, firmware), not ours. ``python -m distill_live.cli.bench.standstill CORE`` greets
with ``ready``, or with ``ordinary`` where no real time is granted, and tells its notes when stdin ends (``beside``).
:class:`Standstills` is their other end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from distill_live.cli.bench.beside import READY, Beside

PRIORITY: Final = 98  # the migration threads of the kernel have 99
NAP_S: Final = 0.002
LATE_S: Final = 0.005
_LOOK_EVERY: Final = 50  # naps between two looks at stdin


@dataclass(frozen=True)
class Standstill:
    """A core that did not run from ``at_s`` (monotonic) for ``late_s``."""

    core: int
    at_s: float
    late_s: float


class Standstills:
    """The watchers beside us, one a core.

    Attributes:
        realtime: whether all of them were granted it; else what they note may be the load's doing.
    """

    def __init__(self, cores: Sequence[int] | None = None) -> None:
        wanted = sorted(os.sched_getaffinity(0)) if cores is None else cores
        self._watchers = [Beside("standstill", str(core)) for core in wanted]
        self.realtime = all(watcher.ready for watcher in self._watchers)

    def stop(self) -> list[Standstill]:
        """End the watchers; what they noted, in order."""
        noted = [Standstill(*one) for watcher in self._watchers for one in watcher.stop().get("late", [])]
        return sorted(noted, key=lambda one: one.at_s)


def lateness(due_s: float, woke_s: float) -> float | None:
    """How late a nap has ended, when that is worth a note.

    >>> lateness(10.0, 10.004), lateness(10.0, 10.25)
    (None, 0.25)
    """
    late_s = woke_s - due_s
    return late_s if late_s > LATE_S else None


def watch(core: int) -> list[tuple[int, float, float]]:
    """Nap until stdin ends; every nap that took too long."""
    noted: list[tuple[int, float, float]] = []
    naps = 0
    while True:
        due_s = time.monotonic() + NAP_S
        time.sleep(NAP_S)
        late_s = lateness(due_s, time.monotonic())
        if late_s is not None:
            noted.append((core, due_s, round(late_s, 5)))
        naps += 1
        if naps % _LOOK_EVERY == 0 and select.select([sys.stdin], [], [], 0.0)[0]:
            return noted


def main(core: int) -> None:
    """The process."""
    os.sched_setaffinity(0, {core})
    granted = False
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        granted = True
    gc.disable()
    print(READY if granted else "ordinary", flush=True)
    print(json.dumps({"late": watch(core)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
