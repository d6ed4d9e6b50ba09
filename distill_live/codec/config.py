"""What an RVQ-VAE is made of: its code grid, its levels, its size; and the sizes that suit a corpus.

Knows nothing of torch, audio or files; everything here is a frozen value that any thread may read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from distill_live.errors import ModelFileError, UsageError

VECTORS_PER_CODE: Final = 20  # fewer training vectors per code, and the deeper levels collapse
DEAD_SHARE: Final = 0.1  # a code used by less than this share of its fair part is dead
SMALLEST_CODEBOOK: Final = 16
LARGEST_CODEBOOK: Final = 4096

_LEVEL_NAMES: Final = {
    2: ("Structure", "Detail"),
    3: ("Structure", "Timbre", "Detail"),
    4: ("Structure", "Timbre", "Texture", "Detail"),
}


def _check_int(what: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"{what} cannot be {value!r}", fix=f"use {low} to {high}")


def _check_power_of_two(what: str, value: int, low: int, high: int) -> None:
    _check_int(what, value, low, high)
    if value & (value - 1):
        raise UsageError(f"{what} cannot be {value}", fix=f"use a power of two, {low} to {high}")


def _check_float(what: str, value: float, low: float, high: float) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise UsageError(f"{what} cannot be {value!r}", fix=f"use {low:g} to {high:g}")


@dataclass(frozen=True)
class Grid:
    """How codes are laid out: ``rows`` bands of frequency, one column every ``frames_per_column`` mel frames.

    Rows count upwards from the lowest band. Codes are ordered time-major: position ``column * rows + row``.

    >>> GRIDS["reference"].columns(94), GRIDS["frames"].columns(94)
    (6, 24)
    """

    name: str
    rows: int
    frames_per_column: int

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise UsageError(f"a grid cannot be called {self.name!r}", fix="give it a name")
        _check_power_of_two("rows of a grid", self.rows, 1, 16)
        _check_power_of_two("frames per column of a grid", self.frames_per_column, 4, 64)

    def columns(self, frames: int) -> int:
        """Whole columns that hold ``frames`` mel frames."""
        return -(-frames // self.frames_per_column)


GRIDS: Final[Mapping[str, Grid]] = {
    grid.name: grid for grid in (Grid("reference", 8, 16), Grid("bands", 2, 8), Grid("frames", 1, 4))
}
DEFAULT_GRID: Final = "frames"


def grid_named(grid: Grid | str) -> Grid:
    """The grid of that name; a grid itself comes back as it is.

    Raises:
        UsageError: for an unknown name.
    """
    if isinstance(grid, Grid):
        return grid
    if grid not in GRIDS:
        raise UsageError(f"there is no grid {grid!r}", fix=f"use one of {', '.join(GRIDS)}")
    return GRIDS[grid]


def level_names(levels: int) -> tuple[str, ...]:
    """What the levels are called until the user renames them, coarse to fine.

    >>> level_names(3)
    ('Structure', 'Timbre', 'Detail')

    Raises:
        UsageError: for anything but 2, 3 or 4 levels.
    """
    if levels not in _LEVEL_NAMES:
        raise UsageError(f"{levels} levels are not possible", fix="use 2, 3 or 4")
    return _LEVEL_NAMES[levels]


@dataclass(frozen=True)
class VQVAEConfig:
    """Everything that fixes the shapes of an RVQ-VAE and the behaviour of its quantiser.

    Attributes:
        n_mels: mel bands in and out; a multiple of 16 times the grid's rows.
        grid: the code grid (a name of ``GRIDS`` is accepted).
        levels: residual codebooks, 2 to 4, coarse to fine.
        codebook_size: codes in each codebook (``K``).
        codebook_dim: features of a latent (``D``); the codebooks live in it directly, without projections.
        channels: width of the networks at their finest stage (2 and 5 times that further in).
        commitment_weight: how strongly latents are drawn to their codes.
        decay: of the moving averages the codebooks follow.
        floor_db: what silence is on the mel scale; padding has this value.
        names: of the levels, coarse to fine; empty for the usual ones.

    Raises:
        UsageError: when a value is out of its range.

    >>> VQVAEConfig(grid="bands", levels=2).names
    ('Structure', 'Detail')
    """

    n_mels: int = 128
    grid: Grid = GRIDS[DEFAULT_GRID]
    levels: int = 3
    codebook_size: int = 64
    codebook_dim: int = 16
    channels: int = 32
    commitment_weight: float = 0.25
    decay: float = 0.97
    floor_db: float = -100.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", grid_named(self.grid))
        object.__setattr__(self, "names", tuple(self.names) or level_names(self.levels))
        _check_int("levels", self.levels, 2, 4)
        _check_int("codebook dimension", self.codebook_dim, 2, 256)
        _check_int("channels", self.channels, 4, 256)
        _check_int("n_mels", self.n_mels, 16, 1024)
        _check_power_of_two("codebook size", self.codebook_size, SMALLEST_CODEBOOK, LARGEST_CODEBOOK)
        _check_float("commitment weight", self.commitment_weight, 0.0, 10.0)
        _check_float("decay", self.decay, 0.5, 0.9999)
        _check_float("floor_db", self.floor_db, -300.0, -1.0)
        if self.n_mels % (16 * self.grid.rows):
            raise UsageError(f"{self.n_mels} mels do not divide into {self.grid.rows} rows", fix="use 128 mels")
        if len(self.names) != self.levels or not all(isinstance(n, str) and n for n in self.names):
            raise UsageError(f"{len(self.names)} level names for {self.levels} levels", fix="name every level once")

    def to_json(self) -> dict[str, Any]:
        """The config as plain JSON values."""
        return {**asdict(self), "names": list(self.names)}

    @classmethod
    def from_json(cls, data: object) -> VQVAEConfig:
        """Read what ``to_json`` wrote.

        Raises:
            ModelFileError: when a field is missing, unknown, of a wrong type or out of range.
        """
        if not isinstance(data, dict) or set(data) != set(cls.__dataclass_fields__):
            raise ModelFileError("the codec's configuration has missing or unknown fields", fix="train the model again")
        fields = dict(data)
        try:
            fields["grid"] = Grid(**fields["grid"])
            fields["names"] = tuple(fields["names"])
            return cls(**fields)
        except (TypeError, ValueError, UsageError) as error:
            raise ModelFileError(f"the codec's configuration is not valid: {error}") from None


def get_adaptive_vqvae_config(
    file_count: int,
    vectors: int | None = None,
    *,
    levels: int = 3,
    grid: Grid | str = DEFAULT_GRID,
    codebook_size: int | None = None,
) -> VQVAEConfig:
    """The configuration that suits a corpus: 64 codes for up to 20 files, 128 for up to 100, 256 above.

    Args:
        file_count: recordings in the corpus, at least 1.
        vectors: latents the training recordings give; with them known, there are at least 20 for each code
            (the size is the largest power of two that allows it, never below 16).
        levels: 2 to 4.
        grid: a grid or its name.
        codebook_size: overrides the rule.

    Raises:
        UsageError: when a value is out of its range.

    >>> get_adaptive_vqvae_config(26).codebook_size, get_adaptive_vqvae_config(26, vectors=749).codebook_size
    (128, 32)
    """
    if file_count < 1 or (vectors is not None and vectors < 1):
        raise UsageError("a corpus without sound has no configuration", fix="give at least one recording")
    size = codebook_size
    if size is None:
        size = 64 if file_count <= 20 else 128 if file_count <= 100 else 256
        if vectors is not None:
            most = max(vectors // VECTORS_PER_CODE, SMALLEST_CODEBOOK)
            size = min(size, 1 << (most.bit_length() - 1))
    return VQVAEConfig(grid=grid_named(grid), levels=levels, codebook_size=size)
