"""Fixed exchanges of codes: a table ``[K]`` per level and rule, computed once from the codebooks.

Pure numpy on codebook vectors; called once when a model is loaded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distill_live.codes.params import REMAP_LABELS
from distill_live.errors import UnknownNameError

Vectors = npt.NDArray[np.float32]
Table = npt.NDArray[np.int16]


def remap_table(rule: str, vectors: Vectors, level: int) -> Table:
    """The table of one rule for one level's codebook ``[K, D]``.

    ``random`` is a permutation that depends on the level alone, ``neighbour`` the nearest other code, ``transpose``
    a step of an eighth of the codebook along its first principal axis (the ends come round).

    >>> remap_table("off", np.zeros((3, 2), np.float32), 0).tolist()
    [0, 1, 2]
    """
    size = len(vectors)
    if rule == "off":
        return np.arange(size, dtype=np.int16)
    if rule == "random":
        return np.random.default_rng(level).permutation(size).astype(np.int16)
    if rule == "neighbour":
        distance = ((vectors[:, None] - vectors[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        nearest: Table = distance.argmin(1).astype(np.int16)
        return nearest
    if rule == "transpose":
        return _transpose(vectors)
    raise UnknownNameError(f"there is no remap {rule!r}", fix=f"use {', '.join(REMAP_LABELS)}")


def remap_tables(vectors: Vectors) -> dict[str, Table]:
    """Every rule's tables ``[Q, K]`` for codebooks ``[Q, K, D]``."""
    return {rule: np.stack([remap_table(rule, v, level) for level, v in enumerate(vectors)]) for rule in REMAP_LABELS}


def _transpose(vectors: Vectors) -> Table:
    centred = vectors.astype(np.float64) - vectors.mean(0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    axis = axis * np.sign(axis[np.abs(axis).argmax()])  # an SVD leaves the sign open
    order = np.argsort(centred @ axis, kind="stable")
    table = np.empty(len(vectors), np.int16)
    table[order] = np.roll(order, -max(1, len(vectors) // 8)).astype(np.int16)
    return table
