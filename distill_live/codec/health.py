"""How well the codebooks are used, level by level: numbers, a traffic-light word for each, and a warning.

Counts codes, knows nothing of how they came about. The counter belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from distill_live.codec.config import DEAD_SHARE

Word = Literal["green", "yellow", "red"]

# (green, yellow): green from the first on, yellow from the second on, else red
UTILISATION_LIMITS: Final = (60.0, 30.0)  # % of the codes used at all
PERPLEXITY_LIMITS: Final = (40.0, 15.0)  # % of the codes that an even use of this entropy would need
ALIVE_LIMITS: Final = (60.0, 30.0)  # % of the codes that are not dead
_WORST_FIRST: Final[tuple[Word, ...]] = ("red", "yellow", "green")


@dataclass(frozen=True)
class LevelHealth:
    """One level's codebook: what of it is in use.

    Attributes:
        name: the level's name.
        codes: codes in the codebook.
        counted: vectors these figures come from.
        utilisation_percent: codes used at least once.
        perplexity: 2 to the entropy of the use, 1 to ``codes``: how many codes an even use would need.
        dead_codes: codes used less than a tenth as often as in even use.
        utilisation_word, perplexity_word, dead_codes_word: green, yellow or red for each.
        warning: a sentence when utilisation is below 30 %, else empty.
    """

    name: str
    codes: int
    counted: int
    utilisation_percent: float
    perplexity: float
    dead_codes: int
    utilisation_word: Word
    perplexity_word: Word
    dead_codes_word: Word
    warning: str

    @property
    def word(self) -> Word:
        """The worst of the three words."""
        words = (self.utilisation_word, self.perplexity_word, self.dead_codes_word)
        return min(words, key=_WORST_FIRST.index)

    def to_json(self) -> dict[str, Any]:
        """All figures and the overall word as plain JSON values."""
        return {**asdict(self), "word": self.word}


class UsageCounter:
    """Counts codes as they come by; ``health`` says how the levels are used.

    >>> counter = UsageCounter(("Structure", "Detail"), 4)
    >>> counter.add(torch.tensor([[0, 1], [1, 1], [2, 1], [3, 1]]))
    >>> [(h.utilisation_percent, h.perplexity, h.word) for h in counter.health()]
    [(100.0, 4.0, 'green'), (25.0, 1.0, 'red')]
    """

    def __init__(self, names: Sequence[str], codebook_size: int) -> None:
        self.names = tuple(names)
        self._counts = torch.zeros(len(self.names), codebook_size, dtype=torch.int64)

    def add(self, codes: Tensor) -> None:
        """Count codes ``[..., Q]``; muted ones (negative) are left out."""
        flat = codes.detach().reshape(-1, len(self.names)).cpu()
        for level, counts in enumerate(self._counts):
            used = flat[:, level]
            counts += torch.bincount(used[used >= 0], minlength=len(counts))

    def clear(self) -> None:
        self._counts.zero_()

    def health(self) -> tuple[LevelHealth, ...]:
        """The levels, coarse to fine."""
        return tuple(_level(name, counts) for name, counts in zip(self.names, self._counts, strict=True))


def code_health(codes: Tensor, names: Sequence[str], codebook_size: int) -> tuple[LevelHealth, ...]:
    """Health of the codebooks as ``codes [..., Q]`` use them."""
    counter = UsageCounter(names, codebook_size)
    counter.add(codes)
    return counter.health()


def _level(name: str, counts: Tensor) -> LevelHealth:
    size, total = len(counts), int(counts.sum())
    share = counts.to(torch.float64) / max(total, 1)
    entropy_bits = float(-(share * share.clamp_min(1e-300).log2()).sum())
    perplexity = 2.0**entropy_bits
    utilisation = 100.0 * int((counts > 0).sum()) / size
    dead = int((share < DEAD_SHARE / size).sum())
    warning = ""
    if utilisation < UTILISATION_LIMITS[1]:
        warning = (
            f"{name} uses only {utilisation:.0f} % of its {size} codes; a smaller codebook, more varied "
            "recordings or longer training would use more."
        )
    return LevelHealth(
        name=name,
        codes=size,
        counted=total,
        utilisation_percent=utilisation,
        perplexity=perplexity,
        dead_codes=dead,
        utilisation_word=_word(utilisation, UTILISATION_LIMITS),
        perplexity_word=_word(100.0 * perplexity / size, PERPLEXITY_LIMITS),
        dead_codes_word=_word(100.0 * (size - dead) / size, ALIVE_LIMITS),
        warning=warning,
    )


def _word(percent: float, limits: tuple[float, float]) -> Word:
    green, yellow = limits
    return "green" if percent >= green else "yellow" if percent >= yellow else "red"
