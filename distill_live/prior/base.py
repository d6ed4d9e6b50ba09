"""What every prior is while it plays: an interface, its config, its state, and the registry of kinds. No torch.

A prior predicts one column of codes after the other. Inside a column it asks its caller to choose each code
(``choose(logits, row, level)``), so that temperature, top-k, held and forced codes live outside, and finer levels see
what was really chosen. States are immutable values: keep one to freeze, go back to one to rewind, copy one for a
second voice. Knows nothing of audio, of the codec or of parameters. How a prior learns is ``network.py``.

Called from the engine's one render thread, or offline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import ModelFileError
from distill_live.prior.sampling import Choose
from distill_live.weights import Arrays

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
        ValueError: for anything outside (``prior_config`` says it as a damaged model file).
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
        """Plain JSON values; ``prior_config`` reads them back."""
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


class LivePrior(ABC, Generic[S]):
    """codes -> next codes.

    Args:
        config: of ``config_class``.
        weights: the tensors of a ``network.Prior``'s ``state_dict``, by name; kept as views where that can be.

    Raises:
        ModelFileError: when the weights do not fit the config.
    """

    config: PriorConfig
    config_class: ClassVar[type[PriorConfig]]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "config_class" in cls.__dict__:
            _KINDS[cls.config_class.kind] = cls

    @abstractmethod
    def __init__(self, config: Any, weights: Arrays) -> None: ...

    @abstractmethod
    def initial_state(self) -> S:
        """The state before the first column."""

    @abstractmethod
    def step(self, state: S, choose: Choose) -> tuple[Column, S]:
        """The next column, int16 ``[H, Q]`` (read-only), and the state after it.

        ``choose(logits float32 [K], row, level)`` is asked once for each code, rows low to high, coarse before fine.
        Bit-identical for the same state and the same answers. One CPU thread.
        """

    def skim(self, state: S, choose: Choose) -> tuple[Column, S]:
        """As ``step``, from what was known one column ago: cheaper where a kind knows how, for a machine under load.

        The same promises as ``step``.
        """
        return self.step(state, choose)

    @abstractmethod
    def prefill(self, columns: Column, state: S) -> S:
        """The state after the given columns ``[W, H, Q]``, as if ``step`` had chosen them.

        Raises:
            ModelFileError: when their shape or a code does not belong to this prior.
        """

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


_KINDS: Final[dict[str, type[LivePrior[Any]]]] = {}
_MODULES: Final = (
    "distill_live.prior.recurrent_live",
    "distill_live.prior.transformer_live",
    "distill_live.prior.markov_live",
    "distill_live.prior.mixed_live",
)


def live_kinds() -> dict[str, type[LivePrior[Any]]]:
    """All kinds there are, by name.

    >>> sorted(live_kinds())
    ['markov', 'mixed', 'recurrent', 'transformer']
    """
    for module in _MODULES:
        import_module(module)
    return _KINDS


def prior_config(config: Mapping[str, Any]) -> PriorConfig:
    """A config from ``PriorConfig.to_json`` values (those of a model file).

    Raises:
        ModelFileError: for an unknown kind, a missing or unknown entry, or a value out of range.
    """
    kinds = live_kinds()
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ModelFileError(f"there is no prior of kind {kind!r}, only {', '.join(sorted(kinds))}", fix="update")
    config_class = kinds[kind].config_class
    entries = {name: value for name, value in config.items() if name != "kind"}
    unknown = set(entries) - {f.name for f in fields(config_class)}
    if unknown:
        raise ModelFileError(f"the prior's config has an unknown entry {sorted(unknown)[0]!r}", fix="update")
    try:
        return config_class(**entries)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"the prior's config is damaged: {error}", fix="restore the model file") from None


def live_prior(config: Mapping[str, Any], weights: Arrays) -> LivePrior[Any]:
    """A prior ready to play, from a model file's config and tensors.

    Raises:
        ModelFileError: as ``prior_config``, and when the weights do not fit.
    """
    checked = prior_config(config)
    return live_kinds()[checked.kind](checked, weights)
