"""Columns of latents -> frames of magnitudes, with the decoder's state kept before every column, so it can go back.

    latents[c] --decoder.step(state before c)--> mel --magnitudes--> frames c*n .. c*n+n-1,  state before c+1

Knows nothing of codes, edits or time; belongs to the render thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class FrameDecoder:
    """The streaming decoder, column by column.

    Args:
        decoder: the model's ``codec.live.LiveDecoder``.
        frames_per_column: frames that one column becomes.
        magnitudes: log-mel dB ``[n_mels, n]`` to what the vocoder takes, ``[n, bins]``.
        column: the first there will be.
    """

    def __init__(
        self, decoder: Any, frames_per_column: int, magnitudes: Callable[[Floats], Floats], column: int = 0
    ) -> None:
        self.decoder = decoder
        self.magnitudes = magnitudes
        self.frames_per_column = frames_per_column
        self._before: dict[int, Any] = {column: decoder.initial_state()}
        self._frames: dict[int, Floats] = {}

    @property
    def decoded(self) -> int:
        """The first column that is not decoded."""
        return max(self._before)

    def decode(self, column: int, latents: Floats) -> None:
        """Decode one column from its latents ``[H, D]``; what was decoded after it is dropped."""
        self.drop_from(column)
        mel, self._before[column + 1] = self.decoder.step(latents[None], self._before[column])
        self._frames[column] = self.magnitudes(mel)

    def frames(self, numbers: Iterable[int]) -> Floats:
        """The frames of these numbers, ``[n, bins]``."""
        places = [divmod(frame, self.frames_per_column) for frame in numbers]
        return np.stack([self._frames[column][offset] for column, offset in places])

    def fork(self) -> FrameDecoder:
        """An independent copy; what it holds are values, so copying the tables is enough."""
        twin = FrameDecoder.__new__(FrameDecoder)
        twin.decoder, twin.frames_per_column, twin.magnitudes = self.decoder, self.frames_per_column, self.magnitudes
        twin._before, twin._frames = dict(self._before), dict(self._frames)
        return twin

    def drop_from(self, column: int) -> None:
        """Forget what was decoded from ``column`` on; the state before it stays."""
        for c in [c for c in self._frames if c >= column]:
            del self._frames[c], self._before[c + 1]

    def forget_before(self, column: int) -> None:
        """Forget the past: nothing before ``column`` will be asked for again."""
        for c in [c for c in self._frames if c < column]:
            del self._frames[c], self._before[c]
