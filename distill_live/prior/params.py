"""What can be turned about the prior: temperature, top-k, top-p and seed, for all levels and for single ones.

Declarations only (standard library); how they combine is said in ``prior.sampling``. Imported by any thread or process.
"""

from __future__ import annotations

from typing import Final

from distill_live.params import MAX_LEVELS, Param, declare

MIN_TEMPERATURE: Final = 0.1
MAX_TEMPERATURE: Final = 2.0
MAX_TOP_K: Final = 1024  # the same for every model; what acts is the smaller of it and the codebook size
MAX_SEED: Final = 2**31 - 1

TEMPERATURE: Final = declare(
    Param(
        "temperature",
        "Temperature",
        "sampling",
        low=MIN_TEMPERATURE,
        high=MAX_TEMPERATURE,
        default=1.0,
        curve="log",
        help="How daring the next code is: low repeats what is likely, high wanders.",
    )
)
TOP_K: Final = declare(
    Param(
        "topk",
        "Top-k",
        "sampling",
        kind="int",
        high=MAX_TOP_K,
        curve="power",
        help="Only this many of the likeliest codes may be chosen; 0 allows all of them.",
    )
)
TOP_P: Final = declare(
    Param(
        "topp",
        "Top-p",
        "sampling",
        default=0.9,
        help="Only the likeliest codes that together hold this share of the probability may be chosen; 1 allows all.",
    )
)
SEED: Final = declare(
    Param(
        "seed",
        "Seed",
        "sampling",
        kind="int",
        high=MAX_SEED,
        help="Which dice are thrown: another seed is another performance, the same seed the same one again.",
    )
)
REPETITION: Final = declare(
    Param(
        "repetition",
        "Repetition",
        "sampling",
        high=8.0,
        default=1.0,
        help="How long and how often the coarsest level may speak one code, in multiples of what the recordings do; "
        "0 is without end.",
    )
)


def _declare_level(level: int) -> None:
    group = f"level.{level}"
    declare(
        Param(
            f"{group}.temperature",
            "Temperature",
            group,
            low=MIN_TEMPERATURE,
            high=MAX_TEMPERATURE,
            default=1.0,
            curve="log",
            help="A factor on the global temperature for this level; the product stays within 0.1 to 2.0.",
        )
    )
    declare(
        Param(
            f"{group}.topk",
            "Top-k",
            group,
            kind="int",
            high=MAX_TOP_K,
            curve="power",
            help="Top-k of this level in place of the global one; 0 follows the global one.",
        )
    )
    declare(
        Param(
            f"{group}.topp",
            "Top-p",
            group,
            help="Top-p of this level in place of the global one; 0 follows the global one.",
        )
    )


for _level in range(MAX_LEVELS):
    _declare_level(_level)
