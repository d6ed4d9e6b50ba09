"""What a prior is trained on: batches of random crops, their loss, and held-out bits per code.

One training loop serves everything that learns (``training.loop``); this module gives it the prior's side of it. A
batch is a pure function of (seed, step), and so is the noise of its dropout: the same seed gives the same weights, also
after a resume. Four things keep long streams alive, in training only: random crops, begin-token dropout (a crop is
preceded by the begin token or by the column that really came before), 5 to 15 % of the remembered codes replaced by
others, and what comes after the end: where a recording ends, another begins. (Without that, a prior never hears silence
end; measured on the demo corpus, whose recordings all ring out, it stayed in the code of silence for good.)

Knows nothing of sound, files or progress. Torch; called from the training process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_live.errors import CorpusError
from distill_live.prior.base import Column
from distill_live.prior.baselines import MarkovBaseline
from distill_live.prior.network import Prior
from distill_live.prior.order import BEGIN

HALVING: Final = 300.0  # steps over which the learning rate falls by the square root of two, and so on


@dataclass(frozen=True)
class PriorData:
    """The code grids of a corpus, each int16 ``[W, H, Q]``, split by file before anything else.

    Raises:
        CorpusError: when there are no training columns.
    """

    train: tuple[Column, ...]
    heldout: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        if not any(len(grid) for grid in self.train):
            raise CorpusError("there are no codes to train the prior on", fix="add recordings")

    @property
    def columns(self) -> int:
        """How many columns there are to learn from."""
        return sum(len(grid) for grid in self.train)

    @property
    def judged(self) -> tuple[Column, ...]:
        """What bits per code are measured on: the held-out grids; without any, the training grids themselves."""
        return self.heldout if any(len(grid) for grid in self.heldout) else self.train


@dataclass(frozen=True)
class PriorRecipe:
    """How to train.

    Attributes:
        learning_rate, weight_decay, warmup_steps, clip: AdamW, rising over the warm-up, then falling as 1 / sqrt.
        batch, crop: crops a step, columns a crop.
        begin_dropout: how often a crop is preceded by the real column before it, not by the begin token.
        corrupt_low, corrupt_high: the share of remembered codes that are replaced, drawn for each crop.
        validate_every, patience: steps between two looks at the held-out bits; so many without a better one end it.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 20
    clip: float = 1.0
    batch: int = 16
    crop: int = 64
    begin_dropout: float = 0.5
    corrupt_low: float = 0.05
    corrupt_high: float = 0.15
    validate_every: int = 25
    patience: int = 8

    def __post_init__(self) -> None:
        assert self.learning_rate > 0, self.learning_rate
        assert self.batch >= 1, self.batch
        assert self.crop >= 2, self.crop
        assert 0.0 <= self.begin_dropout <= 1.0, self.begin_dropout
        assert 0.0 <= self.corrupt_low <= self.corrupt_high <= 1.0, (self.corrupt_low, self.corrupt_high)

    def rate(self, step: int) -> float:
        """The learning rate of a step, as a factor on ``learning_rate``.

        >>> round(PriorRecipe().rate(0), 3), PriorRecipe().rate(20) > PriorRecipe().rate(2000)
        (0.05, True)
        """
        return min(1.0, (step + 1) / self.warmup_steps) * (1.0 + step / HALVING) ** -0.5


@dataclass(frozen=True)
class Batch:
    """Both int64 ``[B, W, H, Q]``; -1 is the begin token in ``previous``."""

    previous: Tensor
    columns: Tensor


def draw_batch(data: PriorData, recipe: PriorRecipe, seed: int, step: int) -> Batch:
    """The crops of one step, a pure function of (seed, step)."""
    rng = np.random.Generator(np.random.Philox(key=seed, counter=step << 64))
    grids = [grid for grid in data.train if len(grid)]
    share = np.array([len(grid) for grid in grids]) / data.columns
    which = rng.choice(len(grids), recipe.batch, p=share)
    crops = [_crop(grids, int(i), recipe, rng) for i in which]
    previous, columns = (np.stack(part) for part in zip(*crops, strict=True))
    previous = _corrupt(previous, recipe, rng)
    return Batch(torch.from_numpy(previous), torch.from_numpy(columns))


def _crop(
    grids: Sequence[Column], which: int, recipe: PriorRecipe, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(previous, columns), each ``[crop, H, Q]``: from somewhere in a grid on into others; beginnings come often."""
    grid = grids[which]
    begin = max(0, int(rng.integers(-recipe.crop + 1, len(grid))))
    pieces = [grid[begin:]]
    while sum(map(len, pieces)) < recipe.crop:
        pieces.append(grids[int(rng.integers(len(grids)))])
    columns = np.concatenate(pieces)[: recipe.crop].astype(np.int64)
    known = begin > 0 and rng.random() < recipe.begin_dropout
    first = grid[begin - 1] if known else np.full(grid.shape[1:], BEGIN)
    return np.concatenate([first[None].astype(np.int64), columns[:-1]]), columns


def _corrupt(previous: NDArray[np.int64], recipe: PriorRecipe, rng: np.random.Generator) -> NDArray[np.int64]:
    """Replaces some codes of ``[B, W, H, Q]`` by codes of the same row and level from elsewhere in the batch."""
    B, W = previous.shape[:2]
    shares = rng.uniform(recipe.corrupt_low, recipe.corrupt_high, (B, 1, 1, 1))
    others = previous.reshape(B * W, *previous.shape[2:])[rng.permutation(B * W)].reshape(previous.shape)
    replace = (rng.random(previous.shape) < shares) & (previous != BEGIN) & (others != BEGIN)
    return np.where(replace, others, previous)


class PriorObjective:
    """Trains one prior on one set of grids.

    Args:
        prior: fresh, or one to go on with; ``begin`` starts a fresh one from the unigram.
        seed: of the batches and the dropout (the prior's own weights are seeded where it is built).
    """

    def __init__(self, prior: Prior[Any], data: PriorData, recipe: PriorRecipe, seed: int) -> None:
        self.prior = prior
        self.data = data
        self.recipe = recipe
        self.seed = seed
        self.baseline = MarkovBaseline(data.train, prior.config.codebook_size)
        self.rank, self.size = 0, 1  # of a team whose batches interlace

    def begin(self) -> None:
        """Let a fresh prior begin where counting ends: at the unigram, not at chance."""
        self.prior.set_biases(torch.from_numpy(np.log(self.baseline.unigram())).float())

    def optimizer(self) -> torch.optim.AdamW:
        """AdamW, weight decay on matrices only."""
        matrices = [p for name, p in self.prior.named_parameters() if p.ndim > 1 and "bias" not in name]
        rest = [p for name, p in self.prior.named_parameters() if p.ndim <= 1 or "bias" in name]
        groups = [
            {"params": matrices, "weight_decay": self.recipe.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=(0.9, 0.98))

    def loss(self, step: int) -> Tensor:
        """Mean cross-entropy of the step's batch, in nats per code."""
        number = step * self.size + self.rank
        batch = draw_batch(self.data, self.recipe, self.seed, number)
        device = next(self.prior.parameters()).device
        self.prior.train()
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed * 1_000_003 + number)
            logits = self.prior(batch.previous.to(device), batch.columns.to(device))
        return nn.functional.cross_entropy(logits.flatten(0, -2), batch.columns.to(device).flatten())

    def train_step(self, step: int, optimizer: torch.optim.Optimizer) -> float:
        """One update; returns the loss in bits per code."""
        for group in optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self.recipe.rate(step)
        optimizer.zero_grad(set_to_none=True)
        loss = self.loss(step)
        loss.backward()
        nn.utils.clip_grad_norm_(self.prior.parameters(), self.recipe.clip)
        optimizer.step()
        return float(loss.detach()) / float(np.log(2.0))

    def validate(self) -> NDArray[np.float64]:
        """Held-out bits per code, per level ``[Q]``; their mean is what to keep the best of."""
        return self.prior.bits(self.data.judged)


def early_stop(bits: Sequence[float], patience: int) -> bool:
    """Whether the best of the held-out bits so far is ``patience`` or more validations old.

    >>> early_stop([5.0, 4.0, 4.1, 4.2], patience=2), early_stop([5.0, 4.0, 4.1], patience=2)
    (True, False)
    """
    return len(bits) > 0 and len(bits) - 1 - int(np.argmin(bits)) >= patience
