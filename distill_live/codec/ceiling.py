"""How loud a decoder may become: as its recordings are, and a little more.

Codes that come from a sound of another kind, or from levels that never met, add up to latents that no training has
shown; a small codec answered two drones 30 and 40 dB too loud. So every band has a ceiling, and the whole frame one
too. The recordings themselves are never above it. Values, no state: any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.errors import ModelFileError

Floats = npt.NDArray[np.float32]

HEADROOM_DB: Final = 3.0  # a recording that is not known yet may be a little louder than those that are
NEIGHBOURS: Final = 2  # bands on either side whose loudest moment counts too: a tone a little higher is no stranger


@dataclass(frozen=True)
class Ceiling:
    """The most that a log-mel may be, in dB.

    Attributes:
        bands: of each band, ``[n_mels]``.
        frame: of the power of all bands together.
    """

    bands: Floats
    frame: float

    @classmethod
    def of_recordings(cls, mels: Sequence[Floats]) -> Ceiling:
        """3 dB above the loudest of recordings, log-mels ``[n_mels, frames]`` in dB; at least one holds a frame."""
        loudest = np.max([mel.max(axis=1) for mel in mels if mel.shape[1]], axis=0)
        wide = np.lib.stride_tricks.sliding_window_view(np.pad(loudest, NEIGHBOURS, mode="edge"), 2 * NEIGHBOURS + 1)
        frame = max(float(_frame_db(mel).max()) for mel in mels if mel.shape[1])
        return cls((wide.max(axis=1) + HEADROOM_DB).astype(np.float32), float(np.float32(frame + HEADROOM_DB)))

    def with_recordings(self, mels: Sequence[Floats]) -> Ceiling:
        """As high as it is, or as more recordings need."""
        other = Ceiling.of_recordings(mels)
        return Ceiling(np.maximum(self.bands, other.bands), max(self.frame, other.frame))

    def __call__(self, mel: Floats) -> Floats:
        """A log-mel ``[n_mels, n]`` below it: bands are cut, frames as a whole made quieter."""
        below = np.minimum(mel, self.bands[:, None])
        over = np.maximum(_frame_db(below) - np.float32(self.frame), np.float32(0.0))
        limited: Floats = below - over
        return limited

    def to_array(self) -> Floats:
        """As a tensor of a model file, float32 ``[n_mels + 1]``, the frame's last."""
        return np.append(self.bands, np.float32(self.frame))

    @classmethod
    def from_array(cls, array: npt.NDArray[np.generic], n_mels: int) -> Ceiling:
        """Read what ``to_array`` gave.

        Raises:
            ModelFileError: it is of another shape or type.
        """
        if array.shape != (n_mels + 1,) or array.dtype != np.float32:
            raise ModelFileError(f"its codec's ceiling is no float32 [{n_mels + 1}]", fix="train it again")
        return cls(np.asarray(array[:-1], np.float32), float(array[-1]))


def _frame_db(mel: Floats) -> Floats:
    """The power of all bands together, ``[n]`` in dB."""
    power = np.exp(mel * np.float32(np.log(10.0) / 10.0)).sum(axis=0)
    in_db: Floats = np.float32(10.0) * np.log10(np.maximum(power, np.float32(1e-30)))
    return in_db
