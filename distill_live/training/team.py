"""Several processes that train one model, one for each GPU or machine: ``torchrun`` starts them.

Each takes batches of its own; gradients are averaged before every step of the optimiser, and the codebooks, which
follow by moving averages, are the first one's. The first process alone decides, judges, saves and speaks; the others do
as it says. One process alone is a team too, and none of this costs it anything. Training thread.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
_LETTING_GO_S: Final = 0.3
_PATIENCE: Final = timedelta(hours=2)  # the first one may be judging, or saving to a slow disk


class Learner(Protocol):
    """What a team trains: a task of the loop."""

    @property
    def optimizer(self) -> torch.optim.Optimizer: ...

    @property
    def module(self) -> nn.Module: ...

    def take_share(self, rank: int, size: int) -> None:
        """From now on, batch ``step * size + rank`` is the one of a step."""


@dataclass(frozen=True)
class Team:
    """This process among those that train together.

    >>> ALONE.leads, ALONE.agreed("anything")
    (True, 'anything')
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls, device: str = "auto") -> Team:
        """The team that ``torchrun`` has put this process into; alone without it.

        Args:
            device: what it will learn on, of ``options.DEVICES``: GPUs talk by NCCL, each process with the one of its
                number, everything else by gloo.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size < 2:
            return ALONE
        if not torch.distributed.is_initialized():
            on_gpu = device in ("auto", "cuda") and torch.cuda.is_available()
            if on_gpu:
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            torch.distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
        return cls(torch.distributed.get_rank(), size)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def join(self, task: Learner) -> None:
        """Let ``task`` learn together with the others' from the first one's weights on."""
        if self.size == 1:
            return
        task.take_share(self.rank, self.size)
        task.optimizer.register_step_pre_hook(lambda optimizer, *_: self._average(optimizer))
        task.optimizer.register_step_post_hook(lambda *_: self._follow(task.module.buffers()))
        self.follow(task.module)

    def follow(self, module: nn.Module) -> None:
        """Give everybody the first one's weights and buffers."""
        if self.size > 1:
            self._follow([*module.parameters(), *module.buffers()])

    def agreed(self, value: T) -> T:
        """The first one's value, for all; each must call it."""
        if self.size == 1:
            return value
        values: list[Any] = [value]
        torch.distributed.broadcast_object_list(values, src=0)
        decided: T = values[0]
        return decided

    def leave(self) -> None:
        """The work is done.

        Gloo's threads outlive the group, and one that lets go of a tensor only while the interpreter ends takes the
        process down ("terminate called without an active exception", 1 in 20 on a busy machine): they get time before.
        Nobody waits for the others here: one that has failed must end, or ``torchrun`` would not notice.
        """
        if self.size > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
            time.sleep(_LETTING_GO_S)

    def _average(self, optimizer: torch.optim.Optimizer) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(joined)
        joined /= self.size
        for gradient, mean in zip(gradients, joined.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    @staticmethod
    def _follow(tensors: Any) -> None:
        tensor: Tensor
        with torch.no_grad():
            for tensor in tensors:
                torch.distributed.broadcast(tensor.data, src=0)


ALONE: Final = Team()
