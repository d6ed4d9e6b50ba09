"""What a model file says of its prior: bits per code beside what counting achieves, and the longest exact copy.

``prior.memorisation`` measures; this adds the baselines and the seconds. Codes only. Training thread.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.prior.memorisation import memorisation
from distill_live.prior.objective import PriorObjective

GENERATED_S: Final = 20.0


def measure(objective: PriorObjective, columns_per_second: float, seed: int) -> dict[str, Any]:
    """Judge a trained prior on its codes and on 20 s of free play; seconds of work.

    Returns:
        Plain JSON values. ``held_out_bits``, ``unigram_bits``, ``bigram_bits``: bits per code per level ``[Q]``, the
        prior's own and those of counting, on held-out codes (on the training codes when ``held_out_is_training``);
        ``training_bits``: the mean on its own material; ``longest_copy_s`` of ``generated_s``;
        ``longest_held_out_copy_s``, None when nothing was held out; ``words``.
    """
    data, rate = objective.data, columns_per_second
    measured = memorisation(objective.prior, data, rate, seed, round(GENERATED_S * rate))
    nothing_held_out = math.isnan(measured.heldout_bits)
    return {
        "held_out_bits": _rounded(objective.validate()),
        "training_bits": round(measured.train_bits, 4),
        "unigram_bits": _rounded(objective.baseline.unigram_bits(data.judged)),
        "bigram_bits": _rounded(objective.baseline.bigram_bits(data.judged)),
        "held_out_is_training": nothing_held_out,
        "generated_s": GENERATED_S,
        "longest_copy_s": round(measured.copy.columns / rate, 2),
        "longest_held_out_copy_s": None if nothing_held_out else round(measured.heldout_copy / rate, 2),
        "words": measured.words,
    }


def _rounded(bits: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in bits]
