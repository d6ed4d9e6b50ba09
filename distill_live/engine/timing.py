"""Measured durations as p50/p95/p99/max, kept in a buffer taken before the first measurement."""

from __future__ import annotations

import numpy as np


class Timings:
    """The last ``size`` durations.

    >>> t = Timings(4)
    >>> for ms in (1.0, 2.0, 3.0): t.add(ms / 1000)
    >>> t.summary()["p50"], t.summary()["max"], t.summary()["n"]
    (2.0, 3.0, 3.0)
    """

    def __init__(self, size: int = 1 << 16) -> None:
        self._seconds = np.zeros(size)
        self.count = 0

    def add(self, seconds: float) -> None:
        self._seconds[self.count % len(self._seconds)] = seconds
        self.count += 1

    def recent_mean(self, n: int) -> float:
        """Mean of the last ``n``, in seconds."""
        n = min(n, self.count, len(self._seconds))
        if n == 0:
            return 0.0
        last = (self.count - 1 - np.arange(n)) % len(self._seconds)
        return float(self._seconds[last].mean())

    def summary(self) -> dict[str, float]:
        """``p50``, ``p95``, ``p99``, ``max`` and ``mean`` in milliseconds, and ``n``."""
        kept = self._seconds[: min(self.count, len(self._seconds))] * 1000.0
        if not len(kept):
            return {"p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0, "mean": 0.0, "n": 0}
        p50, p95, p99 = np.percentile(kept, (50, 95, 99))
        values = {"p50": p50, "p95": p95, "p99": p99, "max": kept.max(), "mean": kept.mean(), "n": len(kept)}
        return {name: round(float(v), 4) for name, v in values.items()}
