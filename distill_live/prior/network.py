"""What every prior is while it learns: a torch module that is taught whole sequences, and hands over what plays.

Each kind is two classes over the same weights: a ``network.Prior`` (torch, teacher forcing) and a ``base.LivePrior``
(numpy, column by column); a test holds them equal to 1e-4. Knows nothing of audio, of the codec or of parameters.
Training thread; ``live`` and what goes through it on the CPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Final, Generic, TypeVar

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

_MODULES: Final = ("distill_live.prior.recurrent", "distill_live.prior.transformer", "distill_live.prior.markov")


def prior_classes() -> dict[str, type[Prior[Any]]]:
    """All kinds there are, by name.

    >>> sorted(prior_classes())
    ['markov', 'recurrent', 'transformer']
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
