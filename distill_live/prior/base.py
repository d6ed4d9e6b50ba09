"""What every prior is: an interface, its config, its state, and the registry of kinds.

A prior predicts one column of codes after the other. Inside a column it asks its caller to choose each code
(``choose(logits, row, level)``), so that temperature, top-k, held and forced codes live outside, and finer levels see
what was really chosen. States are immutable values: keep one to freeze, go back to one to rewind, copy one for a
second voice. Knows nothing of audio, of the codec or of parameters.

``step`` and ``prefill`` are called from the engine's one render thread, ``logits`` from training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_live.errors import ModelFileError
from distill_live.prior.sampling import Choose
from distill_live.prior.tokens import previous_columns

Column = NDArray[np.int16]
"""int16 ``[H, Q]``; several are ``[W, H, Q]``."""

MAX_ROWS: Final = 64
MAX_CODEBOOK: Final = 4096


@dataclass(frozen=True)
class PriorConfig:
    """What every kind needs to know of its codes.

    Attributes:
        rows, levels, codebook_size: H 1..64, Q 1..4, K 2..4096.

    Raises:
        ValueError: for anything outside (``build_prior`` says it as a damaged model file).
    """

    kind: ClassVar[str] = ""

    rows: int
    levels: int
    codebook_size: int

    def __post_init__(self) -> None:
        check_range("rows", self.rows, 1, MAX_ROWS)
        check_range("levels", self.levels, 1, 4)
        check_range("codebook_size", self.codebook_size, 2, MAX_CODEBOOK)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``build_prior`` reads them back."""
        return {"kind": self.kind, **asdict(self)}


def check_range(name: str, value: object, low: float, high: float, kind: type = int) -> None:
    """Raise ValueError unless ``value`` is a ``kind`` (a bool is none) from ``low`` to ``high``."""
    right = isinstance(value, kind) and not isinstance(value, bool)
    if not right or not low <= value <= high:  # type: ignore[operator]  # the line above made it a number
        raise ValueError(f"{name} is {value!r}, legal is {low:g} to {high:g}")


@dataclass(frozen=True)
class PriorState:
    """Everything a prior remembers. ``last``: int16 ``[H, Q]``, the newest column, -1 before the first; read-only."""

    last: Column


S = TypeVar("S", bound=PriorState)


class Prior(nn.Module, ABC, Generic[S]):
    """codes -> next codes."""

    config: PriorConfig
    config_class: ClassVar[type[PriorConfig]]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "config_class" in cls.__dict__:
            PRIORS[cls.config_class.kind] = cls

    @abstractmethod
    def initial_state(self) -> S:
        """The state before the first column."""

    @abstractmethod
    def step(self, state: S, choose: Choose) -> tuple[Column, S]:
        """The next column, int16 ``[H, Q]`` (read-only), and the state after it.

        ``choose(logits float32 [K], row, level)`` is asked once for each code, rows low to high, coarse before fine.
        Bit-identical for the same state and the same answers. One CPU thread.
        """

    @abstractmethod
    def prefill(self, columns: Column, state: S) -> S:
        """The state after the given columns ``[W, H, Q]``, as if ``step`` had chosen them.

        Raises:
            ModelFileError: when their shape or a code does not belong to this prior.
        """

    @abstractmethod
    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        """Teacher forcing: logits float32 ``[B, W, H, Q, K]``.

        ``previous`` int64 ``[B, W, H, Q]`` is what is remembered (-1: begin token; training corrupts it), ``columns``
        int64 ``[B, W, H, Q]`` what is being spelt: place ``n`` sees the places before it in its own column.
        """

    @abstractmethod
    def set_biases(self, log_probabilities: Tensor) -> None:
        """Set what a place says when nothing is known: float32 ``[H, Q, K]`` (training starts from the unigram)."""

    def logits(self, columns: Tensor) -> Tensor:
        """Teacher forcing on whole sequences that start with the begin token: ``[B, W, H, Q, K]``."""
        columns = columns.long()
        logits: Tensor = self(previous_columns(columns), columns)
        return logits

    def checked(self, columns: Column) -> Column:
        """``columns`` as int16 ``[W, H, Q]``, or a ModelFileError."""
        c = self.config
        if columns.ndim != 3 or columns.shape[1:] != (c.rows, c.levels):
            raise ModelFileError(
                f"codes of shape {list(columns.shape)} do not fit a prior of {c.rows} rows and {c.levels} levels",
                fix="encode the sound with this model",
            )
        if columns.size and not 0 <= int(columns.min()) <= int(columns.max()) < c.codebook_size:
            raise ModelFileError(
                f"codes from {columns.min()} to {columns.max()} do not fit a codebook of {c.codebook_size}",
                fix="encode the sound with this model",
            )
        return columns.astype(np.int16, copy=False)


PRIORS: Final[dict[str, type[Prior[Any]]]] = {}
"""Every kind by name, filled as their modules are imported; ``prior_classes`` imports them all."""

_MODULES: Final = ("distill_live.prior.recurrent",)


def prior_classes() -> dict[str, type[Prior[Any]]]:
    """All kinds there are, by name.

    >>> sorted(prior_classes())
    ['recurrent']
    """
    for module in _MODULES:
        import_module(module)
    return PRIORS


def build_prior(config: Mapping[str, Any]) -> Prior[Any]:
    """A prior of fresh weights from ``PriorConfig.to_json`` values (those of a model file).

    Raises:
        ModelFileError: for an unknown kind, a missing or unknown entry, or a value out of range.
    """
    kinds = prior_classes()
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ModelFileError(f"there is no prior of kind {kind!r}, only {', '.join(sorted(kinds))}", fix="update")
    cls = kinds[kind]
    entries = {name: value for name, value in config.items() if name != "kind"}
    unknown = set(entries) - {f.name for f in fields(cls.config_class)}
    if unknown:
        raise ModelFileError(f"the prior's config has an unknown entry {sorted(unknown)[0]!r}", fix="update")
    try:
        return cls(cls.config_class(**entries))
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"the prior's config is damaged: {error}", fix="restore the model file") from None
