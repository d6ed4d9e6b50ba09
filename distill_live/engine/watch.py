"""The guard of one model's stream: its thresholds, how loud its codes are, and excerpts to start again from.

Loudness is judged from the stream's own codes (level 0, decoded once when the model is loaded), never from the sound: a
level that a hand has muted must not make the music start again. Render thread only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distill_live.codes.grid import Codes
from distill_live.models.playable import Playable
from distill_live.prior.contexts import some_of
from distill_live.prior.guard import EXCERPT_S, Alarm, GuardState, guard_excerpt
from distill_live.prior.repetition import RepetitionLimits

SETTLE_COLUMNS = 3


def code_loudness_db(model: Playable) -> npt.NDArray[np.float32]:
    """Loudest band, in dB, of each level-0 code when it is held alone: float32 ``[K]``."""
    loudness = np.empty(model.codebook_size, np.float32)
    for code, vector in enumerate(model.vectors[0]):
        held = np.tile(vector, (SETTLE_COLUMNS, model.rows, 1))
        loudness[code] = model.decoder.forward(held)[:, -model.frames_per_column :].mean(axis=1).max()
    return loudness


class Watch:
    """Watches a stream of columns."""

    def __init__(self, model: Playable) -> None:
        self._grids = model.training_grids or tuple(grid.codes for grid in model.grids)
        self._loudness = code_loudness_db(model)
        self._grid_loudness = [self._loudness[g[:, :, 0]].max(1) for g in self._grids]
        columns_per_second = model.mel.frames_per_second / model.frames_per_column
        self._length = max(1, round(EXCERPT_S * columns_per_second))
        self.guard = model.guard()
        self.limits = RepetitionLimits(some_of(self._grids), model.codebook_size, columns_per_second)

    def update(self, state: GuardState, column: Codes) -> tuple[GuardState, Alarm | None]:
        """Take one column ``[H, Q]`` in; says "loop" or "silence" when the stream is to start again."""
        loudness = float(self._loudness[column[:, 0]].max())
        return self.guard.update(state, column, loudness)

    def excerpt(self, seed: int, column: int) -> Codes:
        """The training excerpt to start again from, a pure function of its arguments."""
        return guard_excerpt(self._grids, seed, column, self._length, self._grid_loudness)
