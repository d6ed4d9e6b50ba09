"""How the live parameters draw one code, and what a level with feedback hands to the prior's memory.

``refresh`` reads the live values after each change; the noise is a pure function of (seed, column, row, level), so a
stream that is rewound re-draws the same dice and turning the temperature morphs the music. Render thread only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from distill_live.codes.edits import ColumnEditor, LevelEdit
from distill_live.params import ParamBank
from distill_live.prior.sampling import gumbel_noise, read_sampling, sample


class PerformanceDice:
    """Draws codes from the values of a ``ParamBank``.

    Args:
        params: the live values.
        editor: the edits of the model's codes.
        edit_of: ``edit_of(level) -> LevelEdit``, what the hands ask of a level now.
    """

    def __init__(self, params: ParamBank, editor: ColumnEditor, edit_of: Callable[[int], LevelEdit]) -> None:
        self.params = params
        self.editor = editor
        self.edit_of = edit_of
        self.refresh()

    def refresh(self) -> None:
        """Read the sampling values again; call it when one of them has changed."""
        self._sampling = read_sampling(self.params.number)
        self.seed = int(self.params["seed"])

    def draw(self, logits: npt.NDArray[np.float32], column: int, row: int, level: int) -> int:
        """One code from logits ``[K]``."""
        s = self._sampling.levels[level]
        noise = gumbel_noise(self.seed, column, row, level, len(logits))
        return sample(logits, s.temperature, s.top_k, s.top_p, noise)

    def remembered(self, drawn: int, column: int, row: int, level: int) -> int:
        """What the prior remembers instead of the code it drew: the edited code, when the level feeds back."""
        if not self.params[f"level.{level}.feedback"]:
            return drawn
        edited = self.editor.edit_code(drawn, row, column, level, self.edit_of(level))
        return drawn if edited < 0 else edited
