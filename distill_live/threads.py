"""One thread for matrix products, in every process of ours: two on products as small as these are slower than one.

Measured: an engine whose numpy was left alone used one and a half cores, most of it one thread waiting for another
(MODEL.md, trap 11). Standard library only; to be called before numpy is first imported. Training sets torch's own
number of threads afterwards.
"""

from __future__ import annotations

import os


def one_numeric_thread() -> None:
    """Ask the numeric libraries for one thread, in this process and in those it starts; a user's own setting stays."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
