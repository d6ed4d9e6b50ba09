"""What every prior is while it learns: a torch module that is taught whole sequences, and hands over what plays.

Each kind is two classes over the same weights: a ``network.Prior`` (torch, teacher forcing) and a ``base.LivePrior``
(numpy, column by column); a test holds them equal to 1e-4. Knows nothing of audio, of the codec or of parameters.
Training thread; ``live`` and what goes through it on the CPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, prior_config
from distill_live.prior.sampling import Choose
from distill_live.prior.tokens import previous_columns
from distill_live.weights import Arrays

S = TypeVar("S", bound=PriorState)


class Prior(nn.Module, ABC, Generic[S]):
    """codes -> next codes, learning."""

    config: PriorConfig
    config_class: ClassVar[type[PriorConfig]]
    live_class: ClassVar[type[LivePrior[Any]]]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "config_class" in cls.__dict__:
            PRIORS[cls.config_class.kind] = cls

    def __init__(self) -> None:
        super().__init__()
        self._live: LivePrior[S] | None = None

    @abstractmethod
    def forward(self, previous: Tensor, columns: Tensor) -> Tensor:
        """Teacher forcing: logits float32 ``[B, W, H, Q, K]``.

        ``previous`` int64 ``[B, W, H, Q]`` is what is remembered (-1: begin token; training corrupts it), ``columns``
        int64 ``[B, W, H, Q]`` what is being spelt: place ``n`` sees the places before it in its own column.
        """

    @abstractmethod
    def set_biases(self, log_probabilities: Tensor) -> None:
        """Set what a place says when nothing is known: float32 ``[H, Q, K]`` (training starts from the unigram)."""

    def bits(self, grids: Sequence[Column]) -> NDArray[np.float64]:
        """Bits per code of whole grids ``[W, H, Q]``, per level ``[Q]``; every grid starts with the begin token.

        The prior is left in ``eval``.
        """
        total, count = np.zeros(self.config.levels), 0
        for grid in grids:
            if len(grid):
                p = self.of_codes(grid)
                total -= np.log2(np.maximum(p, 1e-12)).sum(axis=(0, 1))
                count += p.shape[0] * p.shape[1]
        return total / max(count, 1)

    def of_codes(self, grid: Column) -> NDArray[np.float64]:
        """The probability of each code of a grid that starts with the begin token, ``[W, H, Q]``.

        The prior is left in ``eval``.
        """
        self.eval()
        columns = torch.from_numpy(grid.astype(np.int64))[None].to(next(self.parameters()).device)
        with torch.inference_mode():
            logs = self.logits(columns).log_softmax(-1).gather(-1, columns[..., None])
        found: NDArray[np.float64] = logs[0, ..., 0].double().exp().cpu().numpy()
        return found

    def logits(self, columns: Tensor) -> Tensor:
        """Teacher forcing on whole sequences that start with the begin token: ``[B, W, H, Q, K]``."""
        columns = columns.long()
        logits: Tensor = self(previous_columns(columns), columns)
        return logits

    def live(self) -> LivePrior[S]:
        """What plays, over views of the weights (on the CPU they follow every change made in place)."""
        if self._live is None:
            self._live = self.live_class(self.config, self.weights())
        return self._live

    def weights(self) -> Arrays:
        """The weights as arrays by name: views, on the CPU."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}

    def initial_state(self) -> S:
        return self.live().initial_state()

    def step(self, state: S, choose: Choose) -> tuple[Column, S]:
        """As ``LivePrior.step``."""
        return self.live().step(state, choose)

    def prefill(self, columns: Column, state: S) -> S:
        """As ``LivePrior.prefill``."""
        return self.live().prefill(columns, state)

    def train(self, mode: bool = True) -> Prior[S]:
        self._live = None
        return super().train(mode)

    def _apply(self, fn: Any, recurse: bool = True) -> Prior[S]:
        self._live = None  # .to(), .float() and the like replace the tensors the views look at
        return super()._apply(fn, recurse)


PRIORS: Final[dict[str, type[Prior[Any]]]] = {}
"""Every kind by name, filled as their modules are imported; ``prior_classes`` imports them all."""

_MODULES: Final = tuple(f"distill_live.prior.{kind}" for kind in ("recurrent", "transformer", "markov", "mixed"))


def prior_classes() -> dict[str, type[Prior[Any]]]:
    """All kinds there are, by name.

    >>> sorted(prior_classes())
    ['markov', 'mixed', 'recurrent', 'transformer']
    """
    for module in _MODULES:
        import_module(module)
    return PRIORS


def build_prior(config: Mapping[str, Any]) -> Prior[Any]:
    """A prior of fresh weights from ``PriorConfig.to_json`` values.

    Raises:
        ModelFileError: for an unknown kind, a missing or unknown entry, or a value out of range.
    """
    checked = prior_config(config)
    return prior_classes()[checked.kind](checked)  # type: ignore[call-arg]  # each kind takes its own config
