"""``CodeGrid``: a sound as codes, and its file ``grid.npz`` (int16 ``[W, H, Q]``, no pickle).

Knows which model made it (by hash) and how long the source was; knows nothing of networks. Any thread.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from distill_live.errors import AudioFileError, DistillError

Codes = npt.NDArray[np.int16]
FORMAT = "distill-live/grid"
VERSION = 1


@dataclass(frozen=True)
class CodeGrid:
    """Codes of one sound.

    Attributes:
        codes: int16 ``[W, H, Q]``, columns in time, rows low to high, levels coarse to fine; -1 mutes a level.
        model_sha256: the model whose codebooks these codes index.
        source_samples: length of the encoded sound at 48 kHz.
        name: where it came from, for people.

    >>> CodeGrid(np.zeros((5, 1, 3), np.int16), "abc", 9000, "bell").columns
    5
    """

    codes: Codes
    model_sha256: str
    source_samples: int
    name: str = ""

    def __post_init__(self) -> None:
        if self.codes.ndim != 3 or self.codes.dtype != np.int16 or self.codes.size == 0:
            raise DistillError(
                f"a code grid is int16 [columns, rows, levels], not {self.codes.dtype} {list(self.codes.shape)}",
                fix="make it with `distill-live encode`",
            )
        if int(self.codes.min()) < -1:
            raise DistillError(f"a code grid holds the code {int(self.codes.min())}", fix="codes start at 0, -1 mutes")

    @property
    def columns(self) -> int:
        return int(self.codes.shape[0])

    def save(self, path: Path) -> None:
        """Write ``grid.npz`` atomically.

        Raises:
            AudioFileError: the place cannot be written; what was there before is untouched.
        """
        temporary = path.with_name(path.name + ".tmp")
        try:
            with temporary.open("wb") as file:
                np.savez_compressed(
                    file,
                    format=np.array(FORMAT),
                    version=np.array(VERSION),
                    codes=self.codes,
                    model_sha256=np.array(self.model_sha256),
                    source_samples=np.array(self.source_samples),
                    name=np.array(self.name),
                )
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise AudioFileError(f"cannot write {path}: {error.strerror}", fix="choose another place") from None

    def for_model(self, sha256: str, codebook_size: int, rows: int, levels: int) -> CodeGrid:
        """This grid, when the model given can play it.

        Raises:
            DistillError: another model made it, or its codes do not fit this one.
        """
        fix = "encode the sound again with this model"
        if self.model_sha256 != sha256:
            raise DistillError(f"the grid {self.name!r} was made by another model", fix=fix)
        if self.codes.shape[1:] != (rows, levels) or int(self.codes.max()) >= codebook_size:
            raise DistillError(f"the grid {self.name!r} does not fit {rows} rows x {levels} levels", fix=fix)
        return self


def load_grid(path: Path) -> CodeGrid:
    """Read ``grid.npz``.

    Raises:
        AudioFileError: missing, damaged, foreign, or from the future.
    """
    fix = "make it with `distill-live encode`"
    try:
        with np.load(path, allow_pickle=False) as data:
            if "format" not in data or str(data["format"]) != FORMAT:
                raise AudioFileError(f"{path} is not a code grid", fix=fix)
            if int(data["version"]) > VERSION:
                raise AudioFileError(f"{path} is a grid of version {int(data['version'])}", fix="update distill-live")
            return CodeGrid(
                np.ascontiguousarray(data["codes"]),
                str(data["model_sha256"]),
                int(data["source_samples"]),
                str(data["name"]),
            )
    except FileNotFoundError:
        raise AudioFileError(f"there is no file {path}", fix=fix) from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise AudioFileError(f"{path} is not a readable code grid ({type(error).__name__})", fix=fix) from None
    except DistillError as error:
        raise AudioFileError(f"{path}: {error.what}", fix=error.fix) from None
