"""Trained numbers on their way from a file into a network: each is taken once, in the shape that is expected.

Knows nothing of files or of networks. numpy; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from distill_live.errors import ModelFileError

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]


class Weights:
    """The tensors of one part of a model file, each of which must be taken once, in the shape that is expected.

    Args:
        arrays: by name.
        part: what they belong to, for the sentence when one does not fit.
    """

    def __init__(self, arrays: Arrays, part: str) -> None:
        self._arrays = dict(arrays)
        self._part = part

    def take(self, name: str, *shape: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """One tensor, contiguous, of this type; the array itself where it is that already.

        Raises:
            ModelFileError: it is not there, or of another shape or type.
        """
        array = self._arrays.pop(name, None)
        if array is None:
            raise self._odd(name)
        if array.shape != shape or array.dtype != dtype:
            raise ModelFileError(f"the shape of {name[:60]!r} does not fit its {self._part}", fix="train it again")
        return np.ascontiguousarray(array, dtype)

    def done(self) -> None:
        """Raises: ModelFileError: something is left over."""
        if self._arrays:
            raise self._odd(sorted(self._arrays)[0])

    def _odd(self, name: str) -> ModelFileError:
        what = f"its {self._part} does not fit its configuration ({name[:60]!r})"
        return ModelFileError(what, fix="train it again")
