"""How the live parameters draw one code, and what a level with feedback hands to the prior's memory.

``refresh`` reads the live values after each change; the noise is a pure function of (seed, column, row, level), so a
stream that is rewound re-draws the same dice and turning the temperature morphs the music. Render thread only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from distill_live.params import ParamBank
from distill_live.prior.guidance import Leaning
from distill_live.prior.repetition import RepetitionLimits
from distill_live.prior.sampling import gumbel_noise, read_sampling, sample


class PerformanceDice:
    """Draws codes from the values of a ``ParamBank``.

    Args:
        params: the live values.
        limits: how long codes stay in the corpus, and how often they come again.
        remembered: ``remembered(drawn, column, row, level)``, the code that the prior's memory gets.
        leaning: finds what the choices lean toward now, None for nothing.
    """

    def __init__(
        self,
        params: ParamBank,
        limits: RepetitionLimits,
        remembered: Callable[[int, int, int, int], int],
        leaning: Callable[[], Leaning | None] = lambda: None,
    ) -> None:
        self.params = params
        self.limits = limits
        self.remembered = remembered
        self._find_leaning = leaning
        self.refresh()

    def refresh(self) -> None:
        """Read the sampling values again; call it when one of them has changed."""
        self._sampling = read_sampling(self.params.number)
        self.seed = int(self.params["seed"])
        self._repetition = self.params.number("repetition")
        self._leaning = self._find_leaning()

    def draw(
        self,
        logits: npt.NDArray[np.float32],
        column: int,
        row: int,
        level: int,
        before: int = -1,
        coarser: int = -1,
        stayed: int = 0,
        recent: npt.NDArray[np.int16] | None = None,
    ) -> int:
        """One code from logits ``[K]``.

        Args:
            logits: as the prior gives them.
            column, row, level: the place.
            before, coarser: as ``CodeHabits.log_probability`` takes them.
            stayed, recent: as ``RepetitionLimits.restrained`` takes them; ``recent`` may be None for the finer levels.
        """
        s = self._sampling.levels[level]
        if self._leaning is not None:
            logits = self._leaning(logits, level, row, before, coarser)
        if recent is not None:
            logits = self.limits.restrained(logits, before, stayed, recent, self._repetition)
        noise = gumbel_noise(self.seed, column, row, level, len(logits))
        return sample(logits, s.temperature, s.top_k, s.top_p, noise, before)
