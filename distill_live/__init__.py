"""Distill Live: learns a small discrete language of your sounds and plays it under your hands.

The package root stays empty of imports on purpose: ``import distill_live.params`` must not
load torch, textual, sounddevice or mido.
"""

import os

# NumPy asks for huge pages for its large arrays. Linux makes them in a kernel thread that holds a core for up to 10 ms
# (measured, docs/benchmarks.md), and a real-time thread of any priority waits for it. NumPy reads this when it loads.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")

__version__ = "0.1.0"
