"""Which gaps in a recording somebody has owned up to, and which nobody has.

The ring that ran dry is counted by our device, and ``play`` says how far the device had read by then; the server that
was late tells every client when. A gap at neither is unexplained. Pure arithmetic; any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from distill_live.cli.bench.same_bits import Gap

RATE: Final = 48000
TOLD_LATE: Final = RATE // 2  # frames: a count comes with a status, five times a second, and is printed four times
XRUN_REACH: Final = RATE // 10  # frames: a server notices within a few periods that it was late


@dataclass(frozen=True)
class Dry:
    """So many underruns were counted while the device read the rendered frames from ``first`` to ``last``."""

    first: int
    last: int
    count: int


@dataclass(frozen=True)
class Owned:
    """The gaps, by whose fault they are."""

    underrun: list[Gap] = field(default_factory=list)
    server: list[Gap] = field(default_factory=list)
    nobody: list[Gap] = field(default_factory=list)


def dry_spells(counts: Iterable[tuple[int, int]]) -> list[Dry]:
    """Between which rendered frames the ring ran dry, from pairs (frames read by then, underruns counted by then).

    >>> dry_spells([(100_000, 0), (112_000, 0), (124_000, 2)])
    [Dry(first=88000, last=124000, count=2)]
    """
    told = pairwise(counts)
    return [Dry(max(a - TOLD_LATE, 0), b, after - before) for (a, before), (b, after) in told if after > before]


def own_up(gaps: Sequence[Gap], spells: Sequence[Dry], xruns: Sequence[int]) -> Owned:
    """Sort gaps by what explains them; an underrun that was counted once explains one gap, not two.

    The gaps that nothing else explains are served first: a machine that stood still makes both kinds at once.

    Args:
        gaps: of a recording.
        spells: when the ring ran dry.
        xruns: places in the recording at which the server was late.
    """
    late = {gap for gap in gaps if any(_near(gap, xrun) for xrun in xruns)}
    left = [spell.count for spell in spells]
    dry = set()
    for gap in sorted(gaps, key=lambda gap: (gap in late, gap.recorded)):
        spell = next((i for i, s in enumerate(spells) if left[i] and _during(gap, s)), None)
        if spell is not None:
            left[spell] -= 1
            dry.add(gap)
    return Owned(
        [gap for gap in gaps if gap in dry],
        [gap for gap in gaps if gap in late - dry],
        [gap for gap in gaps if gap not in late | dry],
    )


def _during(gap: Gap, spell: Dry) -> bool:
    return gap.rendered - gap.silent_before <= spell.last and gap.rendered + gap.lost >= spell.first


def _near(gap: Gap, xrun: int) -> bool:
    first, last = gap.recorded - gap.silent_before, gap.recorded + gap.strange
    return first - XRUN_REACH <= xrun <= last + XRUN_REACH
