"""A flood of OSC from a process of its own: so many messages a second that turn knobs and leave the music audible.

``python -m distill_live.cli.bench.flood PORT RATE LEVELS SEED`` sends until stdin ends and answers with how many it has
sent (``beside``). :class:`Flood` is its other end. Every message is drawn by seed; values move, no level is muted for
good, and nothing turns the volume down.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from distill_live.cli.bench.beside import READY, Beside
from distill_live.params import Value

BATCHES_HZ: Final = 100.0

Call = tuple[str, tuple[Value, ...]]


class Flood(Beside):
    """The sender that runs beside us."""

    def __init__(self, port: int, per_s: int, levels: int, seed: int) -> None:
        super().__init__("flood", str(port), str(per_s), str(levels), str(seed))

    def per_s(self) -> float:
        """End it; how many messages a second it has sent."""
        told = self.stop()
        return float(told.get("sent", 0)) / max(float(told.get("seconds", 0.0)), 1e-9)


def drawn(rng: np.random.Generator, levels: int) -> Call:
    """One message.

    >>> drawn(np.random.default_rng(1), 3)
    ('mix', (0.401,))
    """
    level = int(rng.integers(levels))

    def between(low: float, high: float) -> tuple[Value, ...]:
        return (round(float(rng.uniform(low, high)), 3),)

    moves: tuple[Callable[[], Call], ...] = (
        lambda: ("temperature", between(0.4, 1.6)),
        lambda: ("topp", between(0.6, 1.0)),
        lambda: ("topk", (int(rng.integers(8, 64)),)),
        lambda: (f"level/{level}/temperature", between(0.6, 1.4)),
        lambda: (f"level/{level}/blend", between(0.0, 1.0)),
        lambda: ("swap", (level, int(rng.integers(1, 9)) if rng.random() < 0.5 else "off", 1.0)),
        lambda: ("mix", between(0.3, 1.0)),
        lambda: ("status", ()),
    )
    shares = np.array([8, 2, 2, 4, 3, 1, 3, 0.2])
    return moves[int(rng.choice(len(moves), p=shares / shares.sum()))]()


def main(port: int, per_s: int, levels: int, seed: int) -> None:
    """The process: a batch a hundredth of a second, never more than is due."""
    from distill_live.control.client import OscClient
    from distill_live.control.osc import encode

    rng = np.random.default_rng(seed)
    sent, began_s = 0, time.monotonic()
    with OscClient(port=port) as client:
        ready: list[Any] = [
            encode(client.address(path), args) for path, args in (drawn(rng, levels) for _ in range(4096))
        ]
        print(READY, flush=True)
        while True:
            due = round((time.monotonic() - began_s) * per_s)
            for number in range(sent, due):
                client.send_bytes(ready[number % len(ready)])
            sent = due
            if select.select([sys.stdin], [], [], 1.0 / BATCHES_HZ)[0]:
                over = not sys.stdin.readline()
                print(json.dumps({"sent": sent, "seconds": time.monotonic() - began_s}), flush=True)
                if over:
                    return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
