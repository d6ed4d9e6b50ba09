"""Declares what a hand can do to the code stream, level by level and as a whole. No torch; see ``engine.params``."""

from __future__ import annotations

from typing import Final

from distill_live.params import MAX_LEVELS, Param, declare
from distill_live.params import SLOTS as SLOTS

SLOT_LABELS: Final = ("off", *(str(n) for n in range(1, SLOTS + 1)))
INPUT: Final = "input"
SWAP_LABELS: Final = (*SLOT_LABELS, INPUT)  # what a level can be swapped with; the last is what is heard live
SOURCE_LABELS: Final = ("prior", INPUT)
REMAP_LABELS: Final = ("off", "random", "neighbour", "transpose")
EDITS: Final = ("source", "swap", "blend", "hold", "mute", "remap", "feedback")
LONGEST_STUTTER: Final = 32


def _level_params(level: int) -> list[Param]:
    group, prefix, name = f"level.{level}", f"level.{level}", f"Level {level}"
    return [
        Param(
            f"{prefix}.source",
            f"{name} source",
            group,
            kind="enum",
            labels=SOURCE_LABELS,
            help="Where this level's codes come from: the prior that goes on by itself, or the sound at the input.",
        ),
        Param(
            f"{prefix}.swap",
            f"{name} swap",
            group,
            kind="enum",
            labels=SWAP_LABELS,
            help="Takes this level's codes from a bank slot, in a loop that follows the take's column counter, or from "
            "the sound at the input.",
        ),
        Param(
            f"{prefix}.blend",
            f"{name} blend",
            group,
            default=1.0,
            help="How far a swap goes: 0 leaves the level as it is, 1 replaces it, between blends in embedding space.",
        ),
        Param(
            f"{prefix}.hold",
            f"{name} hold",
            group,
            kind="bool",
            help="Keeps the codes that sound now while the other levels go on.",
        ),
        Param(f"{prefix}.mute", f"{name} mute", group, kind="bool", help="Leaves this level out of the sum."),
        Param(
            f"{prefix}.remap",
            f"{name} remap",
            group,
            kind="enum",
            labels=REMAP_LABELS,
            help="Exchanges codes by a fixed rule: at random, the nearest neighbour, or a step along the main axis.",
        ),
        Param(
            f"{prefix}.feedback",
            f"{name} feedback",
            group,
            kind="bool",
            help="Lets edits of this level enter the prior's memory, so that the music goes on from them.",
        ),
    ]


FREEZE: Final = declare(
    Param("freeze", "Freeze", "codes", kind="bool", help="Holds every level on the column that sounds now.")
)
STUTTER: Final = declare(
    Param(
        "stutter",
        "Stutter",
        "codes",
        kind="int",
        high=LONGEST_STUTTER,
        unit="columns",
        help="Repeats the last so many columns for as long as it is above 0; the music goes on underneath.",
    )
)
GUIDE_SLOT: Final = declare(
    Param(
        "guide.slot",
        "More like",
        "codes",
        kind="enum",
        labels=SLOT_LABELS,
        help="Leans the prior's choices toward what the sound in a bank slot does more often than the others.",
    )
)
GUIDE_AMOUNT: Final = declare(
    Param(
        "guide.amount",
        "More like amount",
        "codes",
        high=4.0,
        default=1.0,
        help="How far the choices lean: 0 not at all, 1 as far as the sound itself does, more overdoes it.",
    )
)

LEVEL_PARAMS: Final = tuple(tuple(declare(p) for p in _level_params(level)) for level in range(MAX_LEVELS))
