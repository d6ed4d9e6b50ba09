"""Half an hour without a hand: does the music stay alive? Rendered offline, nothing is kept but counts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.plan import Plan
from distill_live.cli.offline import open_model
from distill_live.engine.performance import BLOCK, SAMPLE_RATE, Performance

SILENCE_DBFS: Final = -60.0  # a block whose RMS is below is silent
LONGEST_SILENCE_S: Final = 5.0
ENTROPY_BAR_PERCENT: Final = 20.0


@dataclass
class Listener:
    """Takes blocks and level-0 codes in, and remembers no more than it must.

    >>> listener = Listener()
    >>> listener.hear(np.zeros((2, 512), np.float32))
    >>> listener.longest_silence_s == 512 / 48000, listener.not_finite
    (True, 0)
    """

    not_finite: int = 0
    peak: float = 0.0
    longest_silence_s: float = 0.0
    codes: list[NDArray[np.int16]] = field(default_factory=list)
    _quiet_frames: int = 0

    def hear(self, block: NDArray[np.float32]) -> None:
        """One block ``[C, T]``."""
        self.not_finite += int(block.size - np.isfinite(block).sum())
        self.peak = max(self.peak, float(np.abs(block).max()))
        power = float(np.square(block, dtype=np.float64).mean())
        silent = power < 10.0 ** (SILENCE_DBFS / 10.0)
        self._quiet_frames = self._quiet_frames + block.shape[1] if silent else 0
        self.longest_silence_s = max(self.longest_silence_s, self._quiet_frames / SAMPLE_RATE)


def measure_offline(plan: Plan) -> Part:
    """The part ``offline``."""
    part = Part("offline")
    performance = Performance(open_model(plan.model), plan.seed)
    began_s = time.perf_counter()
    listener = _listen(performance, round(plan.offline_s * SAMPLE_RATE / BLOCK))
    took_s = time.perf_counter() - began_s
    window_s = min(plan.window_s, plan.offline_s / 2.0)
    entropies = windowed_entropy(listener.codes, _columns(performance, window_s))
    part.add("rendered", plan.offline_s / 60.0, "min")
    part.add("samples that are not finite", listener.not_finite, "", 0.0)
    part.add("longest silence", listener.longest_silence_s, "s", LONGEST_SILENCE_S)
    part.add("level-0 entropy at the start", entropies[0], "bits")
    part.add("level-0 entropy at the end", entropies[-1], "bits")
    part.add("entropy, end against start", _difference_percent(entropies), "% apart", ENTROPY_BAR_PERCENT)
    part.add("times the guard began anew", performance.voice.stream.reprimed)
    part.add("peak", listener.peak)
    part.add("speed", plan.offline_s / took_s, "x real time")
    part.notes.append(
        f"Entropy of the codes as they are distributed over {window_s:g} s; a silence is an RMS "
        f"below {SILENCE_DBFS:g} dBFS."
    )
    part.details = {"entropy_bits": entropies, "window_s": window_s}
    return part


def _listen(performance: Performance, blocks: int) -> Listener:
    listener = Listener()
    heard = -1
    for _ in range(blocks):
        if performance.column != heard:
            heard = performance.column
            listener.codes.append(performance.voice.stream.column(heard).codes[:, 0].copy())
        listener.hear(performance.render_block())
    return listener


def _columns(performance: Performance, seconds: float) -> int:
    return max(1, round(seconds * SAMPLE_RATE / BLOCK / performance.model.frames_per_column))


def windowed_entropy(codes: list[NDArray[np.int16]], columns: int) -> list[float]:
    """Entropy in bits of the codes in each stretch of ``columns`` columns; the last ends with the last column.

    >>> windowed_entropy([np.array([n % 4]) for n in range(8)] + [np.array([0])] * 8, 8)
    [2.0, 0.0]
    """
    columns = min(columns, len(codes))
    starts = [*range(0, len(codes) - columns, columns), len(codes) - columns]
    return [_entropy_bits(np.concatenate(codes[start : start + columns])) for start in starts]


def _entropy_bits(codes: NDArray[Any]) -> float:
    share = np.bincount(codes.ravel().astype(np.int64)) / codes.size
    share = share[share > 0]
    return abs(float(-(share * np.log2(share)).sum()))


def _difference_percent(entropies: list[float]) -> float:
    if entropies[0] == 0.0:
        return 0.0 if entropies[-1] == 0.0 else float("inf")
    return 100.0 * abs(entropies[-1] / entropies[0] - 1.0)
