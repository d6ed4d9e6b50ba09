"""The digest of a stretch of sound: what says, long after, whether a rendering is the very one that was played.

SHA-256 of the samples as float32, little-endian, channel beside channel: the data of a float32 WAV file, so that any
tool can check a recording. However the stretch is cut into blocks, the digest is the same. Any thread.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


class SoundDigest:
    """Grows with the sound.

    >>> whole, parts = SoundDigest(), SoundDigest()
    >>> sound = np.linspace(-1, 1, 2048, dtype=np.float32).reshape(2, 1024)
    >>> whole.update(sound); parts.update(sound[:, :100]); parts.update(sound[:, 100:])
    >>> whole.hexdigest == parts.hexdigest
    True
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, samples: NDArray[np.float32]) -> None:
        """Take in float32 ``[C, T]``."""
        self._hash.update(np.ascontiguousarray(samples.T, dtype="<f4").data)

    @property
    def hexdigest(self) -> str:
        """64 hexadecimal digits: the digest of everything so far."""
        return self._hash.hexdigest()
