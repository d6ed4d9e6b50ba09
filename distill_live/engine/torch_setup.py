"""How torch is set in a process that plays: one intra-op thread, denormals flushed.

Two torch threads under contention were three to five times slower than one (MODEL.md, trap 11).
"""

from __future__ import annotations

import os

LIVE_THREADS = 1


def thread_environment() -> None:
    """Ask the numeric libraries for one thread; to be called before torch or numpy are first imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(LIVE_THREADS)


def prepare_torch() -> None:
    """Set torch for the live path."""
    import torch

    torch.set_num_threads(LIVE_THREADS)
    torch.set_flush_denormal(True)
