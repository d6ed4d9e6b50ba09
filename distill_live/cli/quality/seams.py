"""Do the edges of blocks stand out? The steps from sample to sample at the edges, and everywhere else.

Counted in a histogram, so an hour needs no memory. One thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]

QUANTILE: Final = 0.999
NEAR: Final = 8  # samples on either side of an edge that are beside it
PARTS: Final = 16  # of a block, each by itself
_RESOLUTION: Final = 2e-5
_BINS: Final = round(2.0 / _RESOLUTION) + 1


@dataclass(frozen=True)
class Seams:
    """|x[n] - x[n-1]|, the 99.9th percentile, of one kind of block.

    Attributes:
        period: samples from edge to edge.
        edge: where a block's first sample follows the last one of the block before.
        inside: everywhere else.
        beside: within 8 samples of an edge: music is as loud there as at the edge itself, so that what an edge adds
            shows, where music keeps to a grid and is not equally loud everywhere in a block.
        least, most: of the sixteenths of a block.
    """

    period: int
    edge: float
    inside: float
    beside: float
    least: float
    most: float

    @property
    def apart_percent(self) -> float:
        """How much larger the steps at edges are than those inside."""
        return 100.0 * (self.edge - self.inside) / max(self.inside, 1e-12)

    @property
    def beside_percent(self) -> float:
        """How much larger they are than those beside them."""
        return 100.0 * (self.edge - self.beside) / max(self.beside, 1e-12)


class SeamMeter:
    """Hears a sound piece by piece, however it is cut.

    Args:
        period: samples from edge to edge, a multiple of 16 and more than 16; the first sample heard is at an edge.
    """

    def __init__(self, period: int) -> None:
        assert period % PARTS == 0, period
        assert period > 2 * NEAR, period
        self.period = period
        self._rest: Floats | None = None  # what is no whole block yet, after the sample before it
        self._edge, self._beside = np.zeros((2, _BINS), np.int64)
        self._parts = np.zeros((PARTS, _BINS), np.int64)

    def hear(self, sound: Floats) -> None:
        """More of it, ``[C, T]``."""
        heard = sound if self._rest is None else np.concatenate([self._rest, sound], axis=1)
        if self._rest is None:
            heard = np.concatenate([heard[:, :1], heard], axis=1)  # nothing is known before the first sample
        blocks = (heard.shape[1] - 1) // self.period
        if not blocks:
            self._rest = heard
            return
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            steps = np.abs(np.diff(heard[:, : blocks * self.period + 1], axis=1))
        self._rest = heard[:, blocks * self.period :]
        steps = np.where(np.isfinite(steps), steps, np.float32(2.0)).reshape(len(sound), blocks, self.period)
        bins = np.minimum(steps / np.float32(_RESOLUTION), _BINS - 1).astype(np.int32)
        self._edge += _counted(bins[:, :, 0])
        self._beside += _counted(bins[:, :, 1 : NEAR + 1]) + _counted(bins[:, :, -NEAR:])
        for part, own in zip(self._parts, np.split(bins, PARTS, axis=2), strict=True):
            part += _counted(own)

    def seams(self) -> Seams:
        """Of everything heard."""
        parts = [_quantile(part) for part in self._parts]
        edge, beside = _quantile(self._edge), _quantile(self._beside)
        inside = _quantile(self._parts.sum(axis=0) - self._edge)
        return Seams(self.period, edge, inside, beside, min(parts), max(parts))


def _counted(bins: NDArray[np.int32]) -> Counts:
    counts: Counts = np.bincount(bins.ravel(), minlength=_BINS)
    return counts


def _quantile(counts: Counts) -> float:
    """Where the quantile lies, to a bin; 0 when nothing was counted."""
    total = counts.sum()
    return _RESOLUTION * float(np.searchsorted(np.cumsum(counts), QUANTILE * total)) if total else 0.0
