"""What the bench compares: named ways to train, each a change to the options of ``train``. Pure; any thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from distill_live.errors import UsageError

DEFAULT: Final = "default"
CANDIDATES: Final[Mapping[str, Mapping[str, Any]]] = {
    DEFAULT: {},
    "frames": {"grid": "frames"},
    "bands": {"grid": "bands"},
    "reference": {"grid": "reference"},
    "four-levels": {"levels": 4},
    "two-levels": {"levels": 2},
    "more-codes": {"codebook_size": 256},
    "fewer-codes": {"codebook_size": 32},
    "eight-dimensions": {"codec": {"codebook_dim": 8}},
    "32-dimensions": {"codec": {"codebook_dim": 32}},
    "wider": {"codec": {"channels": 48}},
    "slower-codes": {"codec": {"decay": 0.99}},
    "earlier-codes": {"codec": {"autoencode_share": 0.1}},
    "frozen-end": {"codec": {"frozen_share": 0.2}},
    "faster-codes": {"codec": {"decay": 0.95}},
    "dropout": {"codec": {"dropout_share": 0.3}},
    "swaps": {"codec": {"swap_share": 0.3}},
    "recurrent": {"prior": "recurrent"},
    "transformer": {"prior": "transformer"},
    "markov": {"prior": "markov"},
}


def candidate(name: str) -> Mapping[str, Any]:
    """The options of a candidate.

    Raises:
        UsageError: there is none of that name.

    >>> candidate("bands")
    {'grid': 'bands'}
    """
    if name not in CANDIDATES:
        raise UsageError(f"there is no candidate {name!r}", fix=f"use {', '.join(CANDIDATES)}")
    return CANDIDATES[name]
