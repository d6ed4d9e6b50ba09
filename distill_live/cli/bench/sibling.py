"""A second model to cross over into, made from the first in a moment: the same networks, each code a little less so.

It is a real model file with a hash of its own, so crossing over is all there is to it: another voice, with another
past, that sounds its own codes. And it has no more onsets than the first. Pure but for the files.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from distill_live.models.file import SUFFIX, read_model, save_model
from distill_live.models.library import models_folder

NAMES: Final = ("first", "sibling")
SHRUNK: Final = 0.9  # what a code vector is multiplied by
_GRID: Final = "grid."


def sibling(model: Path, out: Path) -> str:
    """Write the sibling of a model file; its hash."""
    read = read_model(model)
    weights = {name: array for name, array in read.tensors.items() if not name.startswith(_GRID)}
    weights["codebooks"] = weights["codebooks"] * weights["codebooks"].dtype.type(SHRUNK)
    return save_model(out, read.metadata, weights, read.grids)


def stock_library(model: Path) -> tuple[Path, Path]:
    """Put a model and its sibling into the library, under ``NAMES``; their files."""
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    own, other = (folder / f"{name}{SUFFIX}" for name in NAMES)
    shutil.copyfile(model, own)
    sibling(own, other)
    return own, other
