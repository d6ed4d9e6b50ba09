"""Declares what a hand can do to one level of the code stream. No torch; imported by ``engine.params.load_all``."""

from __future__ import annotations

from typing import Final

from distill_live.params import MAX_LEVELS, Param, declare

SLOTS: Final = 16
SLOT_LABELS: Final = ("off", *(str(n) for n in range(1, SLOTS + 1)))
REMAP_LABELS: Final = ("off", "random", "neighbour", "transpose")
EDITS: Final = ("swap", "blend", "hold", "mute", "remap", "feedback")


def _level_params(level: int) -> list[Param]:
    group, prefix, name = f"level.{level}", f"level.{level}", f"Level {level}"
    return [
        Param(
            f"{prefix}.swap",
            f"{name} swap",
            group,
            kind="enum",
            labels=SLOT_LABELS,
            help="Takes this level's codes from a bank slot, in a loop that follows the take's column counter.",
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


LEVEL_PARAMS: Final = tuple(tuple(declare(p) for p in _level_params(level)) for level in range(MAX_LEVELS))
