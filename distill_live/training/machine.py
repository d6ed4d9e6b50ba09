"""How training uses the machine: every core, but behind everything that plays.

Called once, in the process that trains and does nothing else; tests use ``torch_threads`` around a run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

import torch

_NICE: Final = 10


def lower_priority() -> None:
    """Let everything else go first, where the system knows priorities; there is no way back for this process."""
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed is no reason not to train
            os.nice(_NICE)


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch with ``count`` threads while inside, and without the slowness of denormal numbers."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
