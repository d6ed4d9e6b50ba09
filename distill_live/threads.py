"""What the numeric libraries are asked for in every process of ours.

One thread for matrix products: two on products as small as these are slower than one. An engine whose numpy was left
alone used one and a half cores, most of it one thread waiting for another (measured; MODEL.md, trap 11).

No huge pages for NumPy's large arrays: Linux makes them in a kernel thread that holds a core for up to 10 ms (measured;
docs/benchmarks.md), and a real-time thread of any priority waits for it.

Standard library only. Training sets torch's own number of threads afterwards.
"""

from __future__ import annotations

import os
from typing import Final

_ASKED_FOR: Final = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}


def ask_numeric_libraries() -> None:
    """Ask for it, before numpy is imported, here and in processes started from here; a user's own setting stays."""
    for name, value in _ASKED_FOR.items():
        os.environ.setdefault(name, value)
