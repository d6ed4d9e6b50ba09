"""The prior as a task of the loop; its objective (``prior.objective``) draws the batches and judges.

Knows nothing of sound. Training thread.
"""

from __future__ import annotations

from typing import Any

from distill_live.prior.network import Prior
from distill_live.prior.objective import PriorData, PriorObjective, PriorRecipe, early_stop
from distill_live.training.checkpoint import (
    Snapshot,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from distill_live.training.loop import Validation


class PriorTask:
    """Trains ``prior`` on code grids; every step is a function of (seed, step), so there are no dice to remember.

    Args:
        prior: fresh; it is begun at the unigram here.
        data: the grids and their split.
        seed: of batches and dropout.
    """

    name = "prior"
    unit = "bits/code"

    def __init__(self, prior: Prior[Any], data: PriorData, seed: int, recipe: PriorRecipe | None = None) -> None:
        self.prior = prior
        self.recipe = recipe or PriorRecipe()
        self.objective = PriorObjective(prior, data, self.recipe, seed)
        self.objective.begin()
        self.optimizer = self.objective.optimizer()
        self.steps_per_epoch = self.recipe.validate_every

    @property
    def module(self) -> Prior[Any]:
        return self.prior

    def take_share(self, rank: int, size: int) -> None:
        self.objective.rank, self.objective.size = rank, size

    def train_step(self, step: int, progress: float) -> float:  # its schedule is one of steps
        return self.objective.train_step(step, self.optimizer)

    def validate(self) -> Validation:
        bits = self.objective.validate()
        return Validation(float(bits.mean()), (), {"bits_per_level": [round(float(b), 4) for b in bits]})

    def comparable_from(self) -> int:
        return 0

    def converged(self, held_out: list[float]) -> bool:
        return early_stop(held_out, self.recipe.patience)

    def snapshot(self) -> Snapshot:
        return Snapshot({**module_state(self.prior, "model"), **optimizer_state(self.optimizer, "optimizer")}, {})

    def restore(self, snapshot: Snapshot) -> None:
        load_module(self.prior, snapshot.part("model"))
        load_optimizer(self.optimizer, snapshot.part("optimizer"))
