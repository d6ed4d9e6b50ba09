"""Learning and counting together, as it is played: each code's probability is a mean of theirs.

What has learnt knows what is like what, and goes where nothing was counted; what has counted knows the corpus's own
turns and how long things stay. Mixed by shares for each level (``mixed.py`` fits them) they need fewer bits than
either alone: on recordings held out 5.60 a code for 5.74 and 5.74 on beats, 3.97 for 4.10 and 4.22 on the demo corpus,
with two shares that stay. Better still, each order of contexts of what counts has a share of its own at each place, and
all follow what is heard (``following.py``).

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
        shape = (1 + counted.orders, config.levels) if config.heard else (config.levels,)
        self._shares = as_shares(taken.take("shares", *shape), config.heard)
        taken.done()
        self._learned: LivePrior[Any] = live_kinds()[learned.kind](learned, _part(weights, LEARNED))
        self._counted = LiveMarkovPrior(counted, _part(weights, COUNTED))

    def initial_state(self) -> MixedState:
        nothing = np.ones((self.config.heard, len(self._shares), self.config.rows, self.config.levels))
        return _state(self._learned.initial_state(), self._counted.initial_state(), nothing)

    def step(self, state: MixedState, choose: Choose) -> tuple[Column, MixedState]:
        return self._step(state, choose, self._learned.step, hears=self.config.heard > 0)

    def skim(self, state: MixedState, choose: Choose) -> tuple[Column, MixedState]:
        """What has learnt guesses from the column before: what comes says nothing of it, and the shares do not move."""
        return self._step(state, choose, self._learned.skim, hears=False)

    def prefill(self, columns: Column, state: MixedState) -> MixedState:
        columns = self.checked(columns)
        far = columns[: max(0, len(columns) - self.config.heard)]  # too far back for the shares
        learned, counted = self._learned.prefill(far, state.learned), self._counted.prefill(far, state.counted)
        state = _state(learned, counted, state.heard)
        for column in columns[len(far) :]:
            state = self._listened(column, state)
        return state

    def _step(self, state: MixedState, choose: Choose, step: Any, hears: bool) -> tuple[Column, MixedState]:
        spelling = self._counted.spelling(state.counted)
        shares = followed(state.heard, self._shares).astype(np.float32)
        likely = np.ones(shares.shape)

        def choose_mixed(logits: Logits, row: int, level: int) -> int:
            counted = spelling.each(row, level) if self.config.heard else [spelling.probabilities(row, level)]
            code = choose(mixed(logits, counted, shares[:, row, level]), row, level)
            if hears:
                likely[:, row, level] = [probability_of(logits, code), *(p[code] for p in counted)]
            spelling.put(row, level, code)
            return code

        column, learned = step(state.learned, choose_mixed)
        return column, _state(learned, spelling.after(), _heard(state.heard, likely))

    def _listened(self, column: Column, state: MixedState) -> MixedState:
        """The state after ``step`` with these codes, without a distribution for a choice that is none."""
        spelling = self._counted.spelling(state.counted)
        likely = np.ones(state.heard.shape[1:])

        def known(logits: Logits, row: int, level: int) -> int:
            code = int(column[row, level])
            likely[:, row, level] = [probability_of(logits, code), *spelling.each_of(row, level, code)]
            spelling.put(row, level, code)
            return code

        _, learned = self._learned.step(state.learned, known)
        return _state(learned, spelling.after(), _heard(state.heard, likely))


def as_shares(stored: NDArray[np.float32], heard: int) -> NDArray[np.float32]:
    """The shares ``[E, Q]``, of what has learnt first, as they begin.

    Args:
        stored: ``[E, Q]``, or, where nothing is heard (old files), ``[Q]`` of what has learnt.
        heard: as in ``MixedConfig``.

    Raises:
        ModelFileError: they are no shares.
    """
    shares = stored if heard else np.stack([stored, np.float32(1.0) - stored])
    if not ((shares >= 0.0) & (shares <= 1.0)).all() or not shares.sum(axis=0).all():
        raise ModelFileError("the shares of its prior are not between 0 and 1", fix="train it again")
    return shares / shares.sum(axis=0) if heard else shares


def _heard(before: Floats, likely: Floats) -> Floats:
    """One column more, and one less."""
    return np.concatenate([before[1:], said(likely)[None]]) if len(before) else before


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
    p = np.exp(np.subtract(logits, logits.max(), dtype=np.float64))
    return float(p[code] / p.sum())


def _part(weights: Arrays, beginning: str) -> Arrays:
    return {name.removeprefix(beginning): array for name, array in weights.items() if name.startswith(beginning)}


def _state(learned: PriorState, counted: MarkovState, heard: Floats) -> MixedState:
    heard.setflags(write=False)
    return MixedState(last=learned.last, learned=learned, counted=counted, heard=heard)
