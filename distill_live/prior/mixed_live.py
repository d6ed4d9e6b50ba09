"""Learning and counting together, as it is played: each code's probability is a mean of theirs.

What has learnt knows what is like what, and goes where nothing was counted; what has counted knows the corpus's own
turns and how long things stay. Mixed by shares for each level (``mixed.py`` fits them) they need fewer bits than
either alone: on recordings held out 5.60 a code for 5.74 and 5.74 on beats, 3.97 for 4.10 and 4.22 on the demo corpus.
Each order of contexts of what counts has a share of its own, and all follow what is heard (``following.py``).

Render thread, or offline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import ModelFileError
from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range, live_kinds, prior_config
from distill_live.prior.following import followed, said
from distill_live.prior.markov_live import LiveMarkovPrior, MarkovConfig, MarkovState, logits_of
from distill_live.prior.sampling import Choose, Logits
from distill_live.weights import Arrays, Weights

Floats = NDArray[np.float64]

LEARNED: Final = "learned."  # what the names of its tensors begin with
COUNTED: Final = "counted."
LEARNING: Final = ("recurrent", "transformer")


@dataclass(frozen=True)
class MixedConfig(PriorConfig):
    """Two priors of one shape.

    Attributes:
        learned: ``PriorConfig.to_json`` of the one that learns.
        counted: of the one that counts.
        heard: columns that the shares follow; 0 in files from before they did: there two shares, of what has learnt
            and of all that was counted, stay as they were fitted.
    """

    kind: ClassVar[str] = "mixed"

    learned: Mapping[str, Any] = field(default_factory=dict)
    counted: Mapping[str, Any] = field(default_factory=dict)
    heard: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("heard", self.heard, 0, 64)
        for part, kinds in ((self.learned, LEARNING), (self.counted, (MarkovConfig.kind,))):
            if not isinstance(part, Mapping) or part.get("kind") not in kinds:
                raise ValueError(f"a part of it is no {' or '.join(kinds)} prior")
            shape = (part.get("rows"), part.get("levels"), part.get("codebook_size"))
            if shape != (self.rows, self.levels, self.codebook_size):
                raise ValueError("its parts are of different shapes")


@dataclass(frozen=True)
class MixedState(PriorState):
    """What both remember, and ``heard``, what the last columns said of each: float64 ``[N, E, H, Q]``, oldest first."""

    learned: PriorState
    counted: MarkovState
    heard: Floats


class LiveMixedPrior(LivePrior[MixedState]):
    """Asks one, then the other, and puts what the caller chose to both."""

    config_class = MixedConfig

    def __init__(self, config: MixedConfig, weights: Arrays) -> None:
        self.config: MixedConfig = config
        own = {name: array for name, array in weights.items() if not name.startswith((LEARNED, COUNTED))}
        learned, counted = prior_config(config.learned), prior_config(config.counted)
        assert isinstance(counted, MarkovConfig)
        taken = Weights(own, "prior")
        self._shares = shares_of(taken, config, counted)
        taken.done()
        self._learned: LivePrior[Any] = live_kinds()[learned.kind](learned, _part(weights, LEARNED))
        self._counted = LiveMarkovPrior(counted, _part(weights, COUNTED))

    def initial_state(self) -> MixedState:
        nothing = np.ones((self.config.heard, len(self._shares), self.config.rows, self.config.levels))
        return _state(self._learned.initial_state(), self._counted.initial_state(), nothing)

    def step(self, state: MixedState, choose: Choose) -> tuple[Column, MixedState]:
        return self._step(state, choose, self._learned.step)

    def skim(self, state: MixedState, choose: Choose) -> tuple[Column, MixedState]:
        return self._step(state, choose, self._learned.skim)

    def prefill(self, columns: Column, state: MixedState) -> MixedState:
        columns = self.checked(columns)
        far = columns[: max(0, len(columns) - self.config.heard)]  # too far back for the shares
        learned, counted = self._learned.prefill(far, state.learned), self._counted.prefill(far, state.counted)
        state = _state(learned, counted, state.heard)
        for column in columns[len(far) :]:
            _, state = self.step(state, lambda _logits, row, level, column=column: int(column[row, level]))  # type: ignore[misc]
        return state

    def _step(self, state: MixedState, choose: Choose, step: Any) -> tuple[Column, MixedState]:
        spelling = self._counted.spelling(state.counted)
        shares = followed(state.heard, self._shares).astype(np.float32)
        likely = np.ones(shares.shape)

        def choose_mixed(logits: Logits, row: int, level: int) -> int:
            if len(state.heard):
                counted = spelling.each(row, level)
            else:
                counted = [spelling.probabilities(row, level)]
            code = choose(mixed(logits, counted, shares[:, row, level]), row, level)
            likely[:, row, level] = [probability_of(logits, code), *(p[code] for p in counted)]
            spelling.put(row, level, code)
            return code

        column, learned = step(state.learned, choose_mixed)
        heard = np.concatenate([state.heard[1:], said(likely)[None]]) if len(state.heard) else state.heard
        return column, _state(learned, spelling.after(), heard)


def shares_of(taken: Weights, config: MixedConfig, counted: MarkovConfig) -> NDArray[np.float32]:
    """The fitted shares ``[E, Q]``, of what has learnt first.

    Raises:
        ModelFileError: they are of another shape, or are no shares.
    """
    if config.heard:
        shares = taken.take("shares", 1 + counted.orders, config.levels)
    else:
        learned = taken.take("shares", config.levels)
        shares = np.stack([learned, np.float32(1.0) - learned])
    if not ((shares >= 0.0) & (shares <= 1.0)).all() or not shares.sum(axis=0).all():
        raise ModelFileError("the shares of its prior are not between 0 and 1", fix="train it again")
    return shares / shares.sum(axis=0) if config.heard else shares


def mixed(logits: Logits, counted: Sequence[Floats], shares: NDArray[np.float32]) -> Logits:
    """Logits ``[K]`` of what learns and probabilities ``[K]`` of all that counts as logits of their mixture.

    >>> both = mixed(np.zeros(2, np.float32), [np.array([1.0, 0.0])], np.float32([0.5, 0.5]))
    >>> np.exp(both).round(2).tolist()
    [0.75, 0.25]
    """
    p = np.exp(np.subtract(logits, logits.max(), dtype=np.float64))
    p *= shares[0] / p.sum()
    for share, other in zip(shares[1:], counted, strict=True):
        p += share * other
    return logits_of(p)


def probability_of(logits: Logits, code: int) -> float:
    """What softmax gives one code."""
    p = np.exp(np.subtract(logits, logits[code], dtype=np.float64))
    return float(1.0 / p.sum())


def _part(weights: Arrays, beginning: str) -> Arrays:
    return {name.removeprefix(beginning): array for name, array in weights.items() if name.startswith(beginning)}


def _state(learned: PriorState, counted: MarkovState, heard: Floats) -> MixedState:
    heard.setflags(write=False)
    return MixedState(last=learned.last, learned=learned, counted=counted, heard=heard)
