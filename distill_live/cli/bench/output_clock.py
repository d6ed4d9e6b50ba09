"""When each frame of a take left the device, by what ``play --json`` says: where no audio server can be asked.

``scripts/bench_latency`` does not use it: it records at the device's port. Any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.playing import Line, Playing
from distill_live.errors import DistillError

RATE: Final = 48000
PERIOD: Final = 256
_NEIGHBOURS: Final = 4  # on each side, for the running median of the clock

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OutputClock:
    """When each frame of a take left the device, from pairs (moment of a device period, frames read by then).

    Attributes:
        frames, moments_s: strictly growing frames and growing moments; between them straight lines.
    """

    frames: Floats
    moments_s: Floats

    @classmethod
    def from_pairs(cls, pairs: Sequence[tuple[float, int]], latency_s: float, period: int) -> OutputClock:
        """Build it from what ``play --json`` prints.

        The first frame of the period that was just served leaves ``latency_s`` later, those behind it one by one. A
        pair may have been caught between its two halves, and periods come a little early or late, so each pair is
        held against the median of its neighbours'.

        Raises:
            ValueError: fewer than two pairs in which anything had been read.
        """
        kept = sorted({frame: moment_s for moment_s, frame in pairs if frame > 0 and moment_s > 0}.items())
        if len(kept) < 2:
            raise ValueError("a clock needs two moments at least")
        frames = np.array([frame for frame, _ in kept], np.float64)
        offsets = np.array([moment_s for _, moment_s in kept]) - frames / RATE
        smooth = [np.median(offsets[max(0, i - _NEIGHBOURS) : i + _NEIGHBOURS + 1]) for i in range(len(offsets))]
        moments_s = np.array(smooth) + (frames + period) / RATE + latency_s
        return cls(frames, np.maximum.accumulate(moments_s))

    def moment_s(self, frame: float) -> float:
        """When a frame left the device, on the monotonic clock; beyond the pairs by the nominal rate.

        >>> clock = OutputClock.from_pairs([(10.0, 48000), (11.0, 96000)], latency_s=0.01, period=480)
        >>> round(clock.moment_s(72000), 6), round(clock.moment_s(144000), 6)
        (10.52, 12.02)
        """
        if frame < self.frames[0]:
            return float(self.moments_s[0] + (frame - self.frames[0]) / RATE)
        if frame > self.frames[-1]:
            return float(self.moments_s[-1] + (frame - self.frames[-1]) / RATE)
        return float(np.interp(frame, self.frames, self.moments_s))


def output_clock(play: Playing, finished: Line) -> OutputClock:
    """The clock of a run.

    Raises:
        DistillError: its status lines do not say enough.
    """
    pairs = [(float(s["output_s"]), int(s["output_frame"])) for s in play.statuses]
    try:
        return OutputClock.from_pairs(pairs, float(finished["output_latency_s"]), PERIOD)
    except ValueError:
        raise DistillError("play has said too little about its clock", fix="let it play longer") from None
