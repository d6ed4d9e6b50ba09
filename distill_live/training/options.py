"""What a training run is asked for, checked before anything is read.

Standard library and configurations only. Any thread.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from distill_live.codec.config import DEFAULT_GRID, VQVAEConfig, grid_named
from distill_live.codec.schedule import CodecSchedule
from distill_live.errors import UsageError

DEFAULT_BUDGET_S: Final = 300.0
SHORTEST_BUDGET_S: Final = 5.0
LONGEST_BUDGET_S: Final = 7 * 86400.0
MAX_SEED: Final = 2**31 - 1
MAX_EPOCHS: Final = 100_000
AUTO: Final = "auto"
PRIOR_KINDS: Final = (AUTO, "recurrent", "transformer", "markov", "mixed")
DEVICES: Final = (AUTO, "cpu", "cuda", "mps")
WHOLE: Final = {"codebook_dim": int, "channels": int}
SHAPE_SETTINGS: Final = (*WHOLE, "commitment_weight", "decay")
CODEC_SETTINGS: Final = (*SHAPE_SETTINGS, *(f.name for f in fields(CodecSchedule)))
PRESETS: Final = {"quick": 150, "good": 600, "best": 2400}  # steps of the codec


@dataclass(frozen=True)
class TrainOptions:
    """What to train, and for how long.

    Attributes:
        budget_s: wall-clock seconds for everything, 5 and up; None for no such limit.
        epochs: of the codec, and at most of the prior; None for no such limit.
        preset: a name of ``PRESETS``: so many steps of the codec, and the prior until it learns no more. With none of
            the three, five minutes.
        levels: 2 to 4.
        grid: a name of ``codec.config.GRIDS``.
        codebook_size: a power of two; None lets the corpus decide.
        prior: a kind of ``PRIOR_KINDS``; ``auto`` learns one and keeps it, the counts, or both, whatever is best.
        seed: of everything random.
        threads: None for all cores.
        resume: go on with an interrupted run.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``mps``.
        start: a model file whose codec this one begins as; None for a fresh one.
        codec: what is different from the usual codec and its schedule, by the names of ``CODEC_SETTINGS``.

    Raises:
        UsageError: when a value is out of its range.

    >>> TrainOptions().budget_s, TrainOptions(epochs=3).budget_s, TrainOptions(preset="good").codec_steps
    (300.0, None, 600)
    """

    budget_s: float | None = None
    epochs: int | None = None
    levels: int = 3
    grid: str = DEFAULT_GRID
    codebook_size: int | None = None
    prior: str = AUTO
    seed: int = 0
    threads: int | None = None
    resume: bool = False
    preset: str | None = None
    device: str = AUTO
    start: Path | None = None
    codec: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.budget_s is None and self.epochs is None and self.preset is None:
            object.__setattr__(self, "budget_s", DEFAULT_BUDGET_S)
        if self.budget_s is not None and not SHORTEST_BUDGET_S <= self.budget_s <= LONGEST_BUDGET_S:
            raise UsageError(f"a budget of {self.budget_s:g} s is not possible", fix="use 5s to 168h")
        _check("epochs", self.epochs, 1, MAX_EPOCHS)
        _check("seed", self.seed, 0, MAX_SEED)
        _check("threads", self.threads, 1, 1024)
        if self.preset is not None and self.preset not in PRESETS:
            raise UsageError(f"there is no preset {self.preset!r}", fix=f"use {', '.join(PRESETS)}")
        check_prior_kind(self.prior)
        if self.device not in DEVICES:
            raise UsageError(f"there is no device {self.device!r}", fix=f"use {', '.join(DEVICES)}")
        for name in self.codec:
            if name not in CODEC_SETTINGS:
                raise UsageError(f"the codec has no setting {name!r}", fix=f"use {', '.join(CODEC_SETTINGS)}")
            number = self.codec[name]
            if not math.isfinite(number) or (name in WHOLE and number != int(number)):
                what = "a whole number" if name in WHOLE else "a number"
                raise UsageError(f"{name} cannot be {number:g}", fix=f"use {what}")
        VQVAEConfig(
            grid=grid_named(self.grid),
            levels=self.levels,
            codebook_size=self.codebook_size or 64,
            **self.shape_settings,
        )
        CodecSchedule(**self.schedule_settings)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        names = ("levels", "grid", "codebook_size", "prior", "seed")
        chosen = {name: getattr(self, name) for name in names}
        return chosen | {"start": self.start and str(self.start), "codec": dict(self.codec)}

    @property
    def shape_settings(self) -> dict[str, Any]:
        """Those of ``codec`` that are fields of ``VQVAEConfig``."""
        return {n: WHOLE.get(n, float)(value) for n, value in self.codec.items() if n in SHAPE_SETTINGS}

    @property
    def schedule_settings(self) -> dict[str, float]:
        """Those of ``codec`` that are fields of ``CodecSchedule``."""
        return {name: float(value) for name, value in self.codec.items() if name not in SHAPE_SETTINGS}

    @property
    def codec_steps(self) -> int | None:
        """How many steps the codec is trained at most."""
        return None if self.preset is None else PRESETS[self.preset]

    @property
    def thread_count(self) -> int:
        return self.threads or usable_cores()


def check_prior_kind(kind: str) -> None:
    """Raise UsageError unless ``kind`` is one of ``PRIOR_KINDS``."""
    if kind not in PRIOR_KINDS:
        raise UsageError(f"there is no prior of kind {kind!r}", fix=f"use {', '.join(PRIOR_KINDS)}")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check(what: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{what} cannot be {value}", fix=f"use {low} to {high}")
