"""Somebody who plays short bursts into the instrument's input, at moments that the audio server's clock knows exactly.

``python -m distill_live.cli.bench.bursts PORTS SEED LOW_S HIGH_S`` is a JACK client that plays bursts of noise into
every port whose name begins with PORTS, so many seconds apart, until stdin ends; on its last line it tells the
server's frames at which they began. :class:`Bursts` is its other end.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.beside import Beside, serve, stand_in_front

PORTS: Final = "distill-live:in_"
RATE: Final = 48000
BURST_S: Final = 0.25
RISE_S: Final = 0.001
LEVEL: Final = 0.25
LEAD_IN_S: Final = 1.0


class Bursts(Beside):
    """The player that runs beside us."""

    def __init__(self, seed: int, gap_s: tuple[float, float], ports: str = PORTS) -> None:
        super().__init__("bursts", ports, str(seed), *map(str, gap_s))

    def begun(self) -> list[int]:
        """End it; the server's frames at which bursts have begun."""
        return [int(frame) for frame in self.stop().get("begun", [])]


def burst(rng: np.random.Generator) -> NDArray[np.float32]:
    """A burst of noise that rises within a millisecond, stands, and falls again, ``[T]``.

    >>> sound = burst(np.random.default_rng(0))
    >>> len(sound) == BURST_S * RATE, bool(np.abs(sound).max() <= LEVEL), float(sound[0])
    (True, True, 0.0)
    """
    sound = rng.uniform(-LEVEL, LEVEL, round(BURST_S * RATE))
    rise = np.minimum(np.arange(len(sound)) / (RISE_S * RATE), 1.0)
    return (sound * rise * rise[::-1]).astype(np.float32)


class BurstPlayer:
    """The JACK client's side; ``period`` belongs to JACK's thread."""

    def __init__(self, client: Any, seed: int, gap_s: tuple[float, float]) -> None:
        self.port = client.outports.register("out")
        self._client = client
        self._rng = np.random.default_rng(seed)
        self._shortest, self._longest = (round(second * RATE) for second in gap_s)
        self._sound = burst(self._rng)
        self._next = -1
        self.begun: list[int] = []

    def period(self, frames: int) -> None:
        """Fill one period; the burst that sounds in it may have begun earlier."""
        now = self._client.last_frame_time
        if self._next < 0:
            self._next = now + round(LEAD_IN_S * RATE)
        out = self.port.get_array()
        out[:] = 0.0
        first, last = self._next - now, self._next - now + len(self._sound)
        low, high = max(first, 0), min(last, frames)
        if low < high:
            out[low:high] = self._sound[low - first : high - first]
        if 0 <= first < frames:
            self.begun.append(self._next)
        if last <= frames:
            self._next += len(self._sound) + int(self._rng.integers(self._shortest, self._longest))


def main(ports: str, seed: str, low_s: str, high_s: str) -> None:
    """The process."""
    import jack

    stand_in_front()
    client: Any = jack.Client("distill-bursts", no_start_server=True)
    player = BurstPlayer(client, int(seed), (float(low_s), float(high_s)))
    client.set_process_callback(player.period)
    client.activate()
    for port in client.get_ports(ports, is_input=True, is_audio=True):
        client.connect(player.port, port)
    serve(lambda _: {"count": len(player.begun)})
    client.deactivate()
    client.close()
    print(json.dumps({"begun": player.begun}))


if __name__ == "__main__":
    main(*sys.argv[1:])
