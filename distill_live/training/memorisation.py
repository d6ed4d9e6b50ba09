"""What a model file says of its prior: bits per code beside what counting achieves, and the longest exact copy.

``prior.memorisation`` measures; this adds the baselines and the seconds. Codes only. Training thread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from distill_live.prior.memorisation import memorisation
from distill_live.training.choosing import Chosen

GENERATED_S: Final = 20.0


def measure(chosen: Chosen, columns_per_second: float, seed: int) -> dict[str, Any]:
    """Judge the prior that a model gets on its codes and on 20 s of free play; seconds of work.

    Returns:
        Plain JSON values. ``held_out_bits``, ``unigram_bits``, ``bigram_bits``: bits per code per level ``[Q]``, the
        prior's own and those of counting, on held-out codes (on the training codes when ``held_out_is_training``);
        ``training_bits``: the mean on its own material; ``longest_copy_s`` of ``generated_s``;
        ``longest_held_out_copy_s``, None when nothing was held out; ``words``, and ``chosen``: which prior and why.
    """
    objective, rate = chosen.objective, columns_per_second
    data = objective.data
    measured = memorisation(objective.prior, data, rate, seed, round(GENERATED_S * rate))
    nothing_held_out = math.isnan(measured.heldout_bits)
    return {
        "held_out_bits": _rounded(objective.validate() if chosen.honest_bits is None else chosen.honest_bits),
        "training_bits": round(measured.train_bits, 4),
        "unigram_bits": _rounded(objective.baseline.unigram_bits(data.judged)),
        "bigram_bits": _rounded(objective.baseline.bigram_bits(data.judged)),
        "held_out_is_training": nothing_held_out,
        "generated_s": GENERATED_S,
        "longest_copy_s": round(measured.copy.columns / rate, 2),
        "longest_held_out_copy_s": None if nothing_held_out else round(measured.heldout_copy / rate, 2),
        "words": measured.words,
        "chosen": chosen.words,
    }


def _rounded(bits: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in bits]
