"""Learning and counting together, as it is played: each code's probability is a mean of both.

What has learnt knows what is like what, and goes where nothing was counted; what has counted knows the corpus's own
turns and how long things stay. Mixed by a share for each level (``mixed.py`` fits them) they need fewer bits than
either alone: on recordings held out 5.60 a code for 5.74 and 5.74 on beats, 3.97 for 4.10 and 4.22 on the demo corpus.

Which of them is right changes from sound to sound, so the shares follow what is heard: whoever expected the last codes
better has more to say in the next column, and a sixth of the way back to the fitted shares is gone with each column
(Herbster and Warmuth, Tracking the best expert, 1998, whose fixed share is the fitted one here)::

    heard    s' = s r / (s r + 1 - s)                 r: how much likelier the code was to what has learnt
    before the next column    s = s0 + 5/6 (s' - s0)  over the last 16 columns, from s0 on

Render thread, or offline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import ModelFileError
from distill_live.prior.base import Column, LivePrior, PriorConfig, PriorState, check_range, live_kinds, prior_config
from distill_live.prior.markov_live import LiveMarkovPrior, MarkovConfig, MarkovState, logits_of
from distill_live.prior.sampling import Choose, Logits
from distill_live.weights import Arrays, Weights

Floats = NDArray[np.float64]

LEARNED: Final = "learned."  # what the names of its tensors begin with
COUNTED: Final = "counted."
LEARNING: Final = ("recurrent", "transformer")
HEARD: Final = 16  # columns, after which 5 % of what one said is left; a prefill has to spell as many
KEPT: Final = 5.0 / 6.0  # of what was heard, from column to column
_UNHEARD_OF: Final = 1e6  # one code says no more than this


@dataclass(frozen=True)
class MixedConfig(PriorConfig):
    """Two priors of one shape.

    Attributes:
        learned: ``PriorConfig.to_json`` of the one that learns.
        counted: of the one that counts.
        heard: columns that the shares follow; 0 in files from before they did: there they stay as they were fitted.
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
    """What both remember, and ``heard``: the ratios of the last columns, float64 ``[N, H, Q]``, the oldest first."""

    learned: PriorState
    counted: MarkovState
    heard: Floats


class LiveMixedPrior(LivePrior[MixedState]):
    """Asks one, then the other, and puts what the caller chose to both."""

    config_class = MixedConfig

    def __init__(self, config: MixedConfig, weights: Arrays) -> None:
        self.config: MixedConfig = config
        own = {name: array for name, array in weights.items() if not name.startswith((LEARNED, COUNTED))}
        taken = Weights(own, "prior")
        self._shares = taken.take("shares", config.levels)
        taken.done()
        if not ((self._shares >= 0.0) & (self._shares <= 1.0)).all():
            raise ModelFileError("the shares of its prior are not between 0 and 1", fix="train it again")
        learned = prior_config(config.learned)
        self._learned: LivePrior[Any] = live_kinds()[learned.kind](learned, _part(weights, LEARNED))
        self._counted = LiveMarkovPrior(prior_config(config.counted), _part(weights, COUNTED))  # type: ignore[arg-type]

    def initial_state(self) -> MixedState:
        nothing = np.ones((self.config.heard, self.config.rows, self.config.levels))
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
        ratios = np.ones_like(shares, np.float64)

        def choose_mixed(logits: Logits, row: int, level: int) -> int:
            counted = spelling.probabilities(row, level)
            code = choose(mixed(logits, counted, shares[row, level]), row, level)
            ratios[row, level] = ratio_of(probability_of(logits, code), counted[code])
            spelling.put(row, level, code)
            return code

        column, learned = step(state.learned, choose_mixed)
        heard = np.concatenate([state.heard[1:], ratios[None]]) if len(state.heard) else state.heard
        return column, _state(learned, spelling.after(), heard)


def mixed(logits: Logits, counted: NDArray[np.float64], share: np.float32) -> Logits:
    """Logits ``[K]`` of what learns and probabilities ``[K]`` of what counts as logits of both.

    >>> both = mixed(np.zeros(2, np.float32), np.array([1.0, 0.0]), np.float32(0.5))
    >>> np.exp(both).round(2).tolist()
    [0.75, 0.25]
    """
    p = np.exp(np.subtract(logits, logits.max(), dtype=np.float64))
    p *= share / p.sum()
    p += (1.0 - share) * counted
    return logits_of(p)


def probability_of(logits: Logits, code: int) -> float:
    """What softmax gives one code."""
    p = np.exp(np.subtract(logits, logits[code], dtype=np.float64))
    return float(1.0 / p.sum())


def ratio_of(learned: Floats | float, counted: Floats | float) -> Floats:
    """How much likelier codes were to what has learnt than to what counts."""
    found: Floats = np.clip(learned / np.maximum(counted, 1e-12), 1.0 / _UNHEARD_OF, _UNHEARD_OF)
    return found


def followed(heard: Floats, fitted: Floats) -> Floats:
    """The shares after ratios ``[N, ..., Q]``, oldest first; ``fitted`` are those that they begin with and return to.

    >>> followed(np.ones((16, 1)), np.array([0.3])).round(3), followed(np.full((16, 1), 4.0), np.array([0.3])).round(2)
    (array([0.3]), array([0.85]))
    """
    shares = np.broadcast_to(fitted, heard.shape[1:]).astype(np.float64)
    for ratio in heard:
        likelier = shares * ratio
        shares = fitted + KEPT * (likelier / (likelier + (1.0 - shares)) - fitted)
    return shares


def followed_along(ratios: Floats, fitted: Floats, columns: int) -> Floats:
    """The shares before each column of a grid, from its ratios (both ``[W, ..., Q]``), when so many are heard."""
    before = np.concatenate([np.ones((columns, *ratios.shape[1:])), ratios])
    heard = [before[n : n + len(ratios)] for n in range(columns)]
    return followed(np.stack(heard) if columns else np.empty((0, *ratios.shape)), fitted)


def _part(weights: Arrays, beginning: str) -> Arrays:
    return {name.removeprefix(beginning): array for name, array in weights.items() if name.startswith(beginning)}


def _state(learned: PriorState, counted: MarkovState, heard: Floats) -> MixedState:
    heard.setflags(write=False)
    return MixedState(last=learned.last, learned=learned, counted=counted, heard=heard)
