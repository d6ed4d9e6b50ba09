"""When the machine is too slow: what is left out, in a stated order, and when it comes back.

=======  ===========================================
degree   what is left out
=======  ===========================================
0        nothing
1        half of the rounds of phase reconstruction
2        three quarters of them
3        besides, the prior moves on in time only every other column
=======  ===========================================

After degree 3 only a longer lead helps (``lead.AdaptiveLead``). A degree is entered when blocks take more than 75 % of
their time, and left when they have taken less than half of it for five seconds. What blocks take is the mean over a
quarter of a second without the slowest quarter of them (a trimmed mean): a core that stands still for a while makes one
block slow, which the lead is there for; a machine that is too slow makes all of them slow. Pure arithmetic; the render
thread.
"""

from __future__ import annotations

from collections import deque
from typing import Final

HIGH: Final = 0.75
LOW: Final = 0.5
SEEN_BLOCKS: Final = 24  # a quarter of a second
STANDSTILLS: Final = 6  # of them, the slowest, which are no lack of speed
SETTLE_S: Final = 0.5  # before a degree is judged
CALM_S: Final = 5.0
MOST: Final = 3


class Thrift:
    """The degree of thrift.

    >>> thrift = Thrift(block_s=0.0107)
    >>> [thrift.took(0.010, now_s=n / 93.75) for n in range(60)][-1], thrift.degree
    (False, 1)
    """

    def __init__(self, block_s: float) -> None:
        self.degree = 0
        self._block_s = block_s
        self._seen: deque[float] = deque(maxlen=SEEN_BLOCKS)
        self._entered_s = self._calm_since_s = 0.0

    @property
    def share(self) -> float:
        """How much of their time the last blocks took, but for the slowest quarter of them."""
        if len(self._seen) <= STANDSTILLS:
            return 0.0
        kept = sorted(self._seen)[:-STANDSTILLS]
        return sum(kept) / len(kept) / self._block_s

    @property
    def exhausted(self) -> bool:
        """Everything is left out already, and it is still too much."""
        return self.degree == MOST and len(self._seen) == SEEN_BLOCKS and self.share > HIGH

    def took(self, seconds: float, now_s: float) -> bool:
        """One block has been rendered; whether the degree has changed."""
        self._seen.append(seconds)
        share = self.share
        if share > LOW:
            self._calm_since_s = now_s
        if len(self._seen) < SEEN_BLOCKS or now_s - self._entered_s < SETTLE_S:
            return False
        if share > HIGH and self.degree < MOST:
            return self._enter(self.degree + 1, now_s)
        if self.degree and now_s - self._calm_since_s >= CALM_S:
            return self._enter(self.degree - 1, now_s)
        return False

    def _enter(self, degree: int, now_s: float) -> bool:
        self.degree = degree
        self._entered_s = self._calm_since_s = now_s
        self._seen.clear()
        return True
