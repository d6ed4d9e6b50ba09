"""A task small enough to be run hundreds of times: a linear model that learns a line, and a program that trains it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from distill_live.signals import StopFlag, stop_on_signals
from distill_live.training.checkpoint import (
    Snapshot,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from distill_live.training.loop import Loop, Validation
from distill_live.training.stopping import Limits


class LineTask:
    """Learns ``y = 2 x + 1``; the batch of a step is a function of the step."""

    name = "line"
    unit = "error"
    steps_per_epoch = 5

    def __init__(self, step_s: float = 0.0, worse_after: int = 10**9) -> None:
        self.model = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05)
        self.step_s, self.worse_after, self.steps = step_s, worse_after, 0
        self.rank, self.size = 0, 1

    @property
    def module(self) -> torch.nn.Module:
        return self.model

    def take_share(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def train_step(self, step: int, progress: float = 0.0) -> float:
        time.sleep(self.step_s)
        self.steps += 1
        x = torch.randn(16, 1, generator=torch.Generator().manual_seed(step * self.size + self.rank))
        target = 2 * x + 1 if step < self.worse_after else -9 * x
        loss = (self.model(x) - target).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def validate(self) -> Validation:
        with torch.no_grad():
            return Validation(float((self.model(torch.ones(1, 1)) - 3).abs()))

    def comparable_from(self) -> int:
        return 0

    def converged(self, held_out: list[float]) -> bool:
        return False

    def snapshot(self) -> Snapshot:
        return Snapshot({**module_state(self.model, "model"), **optimizer_state(self.optimizer, "optimizer")}, {})

    def restore(self, snapshot: Snapshot) -> None:
        load_module(self.model, snapshot.part("model"))
        load_optimizer(self.optimizer, snapshot.part("optimizer"))

    def weights(self) -> list[float]:
        return [float(p.detach()) for p in self.model.parameters()]


def main() -> None:
    """``python toy.py WORK EPOCHS STEP_SECONDS``: train (resuming what is there), print the end."""
    work, task, flag = Path(sys.argv[1]), LineTask(float(sys.argv[3])), StopFlag()
    loop = Loop(task, work, Limits(epochs=int(sys.argv[2])), lambda event: None, flag)
    sys.stdout.write(f"resumed {loop.resume()}\n")
    with stop_on_signals(flag):
        outcome = loop.run()
    sys.stdout.write(f"{outcome.reason} {outcome.steps}\n")


if __name__ == "__main__":
    main()
