"""Columns of latents -> mel frames, with the decoder's state kept before every column, so that it can go back.

    latents[c] --decoder.step(state before c)--> frames c*n .. c*n+n-1,  state before c+1

Knows nothing of codes, edits or time; belongs to the render thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Mel = npt.NDArray[np.float32]


class FrameDecoder:
    """The streaming decoder, column by column.

    Args:
        decoder: the model's ``codec.live.LiveDecoder``.
        frames_per_column: mel frames that one column becomes.
        column: the first there will be.
    """

    def __init__(self, decoder: Any, frames_per_column: int, column: int = 0) -> None:
        self.decoder = decoder
        self.frames_per_column = frames_per_column
        self._before: dict[int, Any] = {column: decoder.initial_state()}
        self._mel: dict[int, Mel] = {}

    @property
    def decoded(self) -> int:
        """The first column that is not decoded."""
        return max(self._before)

    def decode(self, column: int, latents: npt.NDArray[np.float32]) -> None:
        """Decode one column from its latents ``[H, D]``; what was decoded after it is dropped."""
        self.drop_from(column)
        self._mel[column], self._before[column + 1] = self.decoder.step(latents[None], self._before[column])

    def frames(self, numbers: Iterable[int]) -> Mel:
        """The mel frames of these numbers, ``[n_mels, n]`` in dB, contiguous."""
        places = [divmod(frame, self.frames_per_column) for frame in numbers]
        return np.stack([self._mel[column][:, offset] for column, offset in places], axis=1)

    def fork(self) -> FrameDecoder:
        """An independent copy; what it holds are values, so copying the tables is enough."""
        twin = FrameDecoder.__new__(FrameDecoder)
        twin.decoder, twin.frames_per_column = self.decoder, self.frames_per_column
        twin._before, twin._mel = dict(self._before), dict(self._mel)
        return twin

    def drop_from(self, column: int) -> None:
        """Forget what was decoded from ``column`` on; the state before it stays."""
        for c in [c for c in self._mel if c >= column]:
            del self._mel[c], self._before[c + 1]

    def forget_before(self, column: int) -> None:
        """Forget the past: nothing before ``column`` will be asked for again."""
        for c in [c for c in self._mel if c < column]:
            del self._mel[c], self._before[c]
