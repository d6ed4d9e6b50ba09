"""How training uses the machine: every core, but behind everything that plays.

Imports torch only inside functions, because ``be_polite`` must come before torch is loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from distill_live.errors import TrainingError

if TYPE_CHECKING:
    import torch

_NICE: Final = 19
_KEEP: Final = {-4: 0, -1: 2**31 - 1, -2: 2**26, -8: 1}  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX


def be_polite() -> None:
    """Let everything else on this machine go first; there is no way back for this process.

    To be called before torch is imported. Threads of torch that wait for each other sleep instead of spinning: measured
    beside four busy processes on two cores, a step of the codec took 0.26 to 0.30 s instead of 1.1 to 4.5 s. The
    priority is lowered where the system knows priorities.

    And memory that was taken once is kept (glibc): a step takes and gives back hundreds of megabytes, and a virtual
    machine stands still whenever its host has to find pages for it, real time or not.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _keep_memory()
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed is no reason not to train
            os.nice(_NICE)


def _keep_memory() -> None:
    """Ask the allocator not to give memory back to the system before the process ends."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another libc than glibc
            library = ctypes.CDLL(None)
            for name, value in _KEEP.items():
                library.mallopt(name, value)


def training_device(wanted: str) -> torch.device:
    """Where to train.

    Args:
        wanted: of ``options.DEVICES``; with several processes (``torchrun``) each takes the GPU of its number.

    Raises:
        TrainingError: there is none of that kind here.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = next(kind for kind in ("cuda", "mps", "cpu") if there[kind]) if wanted == "auto" else wanted
    if not there[kind]:
        fix = f"use --device {' or '.join(kind for kind, has in there.items() if has)}"
        raise TrainingError(f"torch finds no {kind} device here", fix=fix)
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device(kind)


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch with ``count`` threads while inside, and without the slowness of denormal numbers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
