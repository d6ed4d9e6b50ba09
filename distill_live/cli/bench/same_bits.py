"""Which stretches of a recording are the very samples that were rendered, and what lies between them.

::

    rendered  |------ run ------|xx|---------- run ----------|     a gap: samples that were lost (xx), others that came
    recorded     |------ run ------|yyyy|---------- run ----------|     in their place (yy), or both

Bits are compared, not loudness: one sample that differs ends a run, and the search for where the two agree again is
exact too, so that a position in the recording is exact to the sample. Works on memory maps of any length; knows
nothing of files, clocks or processes. One thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHANNELS: Final = 2
CERTAIN: Final = 32  # frames in a row that must agree: chance does not do that
DISTINCT: Final = 24  # of them that must differ from each other: silence agrees with every silence
_CHUNK: Final = 1 << 16
_NEAR: Final = 96_000  # rendered frames, 2 s, in which the sound is looked for first
_FAR: Final = 2_880_000  # then a minute

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Run:
    """``frames`` frames from ``recorded`` on are those that were rendered from ``rendered`` on."""

    rendered: int
    recorded: int
    frames: int

    @property
    def offset(self) -> int:
        return self.recorded - self.rendered


@dataclass(frozen=True)
class Gap:
    """What lies between two runs: rendered frames that were not recorded, and recorded ones that were not rendered.

    Attributes:
        rendered, lost: the first frame that is missing, and how many are.
        recorded, strange: where other samples were recorded, and how many.
        silent_before: so many equal frames lie before it; it may have happened anywhere among them.
    """

    rendered: int
    lost: int
    recorded: int
    strange: int
    silent_before: int = 0


def keys(samples: Floats) -> Keys:
    """Stereo frames ``[T, 2]`` as one number each, bit for bit (no copy).

    >>> keys(np.zeros((2, 2), np.float32)).tolist()
    [0, 0]
    """
    assert samples.ndim == 2 and samples.shape[1] == CHANNELS and samples.flags.c_contiguous, samples.shape
    found: Keys = samples.view(np.uint64)[:, 0]
    return found


def find_runs(rendered: Floats, recorded: Floats) -> list[Run]:
    """The stretches of ``recorded`` ``[T, 2]`` that are those of ``rendered``, in order; both only go forward.

    >>> sound = np.random.default_rng(0).standard_normal((4000, 2)).astype(np.float32)
    >>> faulty = np.concatenate([np.zeros((50, 2), np.float32), sound])
    >>> faulty[1050] = 0.0
    >>> find_runs(sound, faulty)
    [Run(rendered=0, recorded=50, frames=1000), Run(rendered=1001, recorded=1051, frames=2999)]
    """
    theirs, ours = keys(rendered), keys(recorded)
    runs: list[Run] = []
    at, to = 0, 0
    while (found := _agree_again(theirs, ours, at, to)) is not None:
        run = Run(*found, _common(theirs, ours, *found))
        runs.append(run)
        at, to = run.rendered + run.frames, run.recorded + run.frames
    return runs


def gaps_between(runs: Sequence[Run], recorded: Floats) -> list[Gap]:
    """What lies between each run and the next.

    >>> gaps_between([Run(0, 50, 1000), Run(1001, 1051, 2999)], np.ones((4050, 2), np.float32))
    [Gap(rendered=1000, lost=1, recorded=1050, strange=1, silent_before=1000)]
    """
    ours = keys(recorded)
    found = []
    for before, after in pairwise(runs):
        rendered, here = before.rendered + before.frames, before.recorded + before.frames
        still = _still_before(ours, before.recorded, here)
        found.append(Gap(rendered, after.rendered - rendered, here, after.recorded - here, still))
    return found


def place_of(runs: Sequence[Run], frame: int, before: int, after: int) -> int | None:
    """Where a rendered frame was recorded; None unless ``before`` frames before it and ``after`` after it were too.

    >>> place_of([Run(0, 50, 1000)], 500, 480, 480), place_of([Run(0, 50, 1000)], 900, 480, 480)
    (550, None)
    """
    for run in runs:
        if run.rendered <= frame - before and frame + after < run.rendered + run.frames:
            return frame + run.offset
    return None


# ---------------------------------------------------------------------------------------------------------------------


def _common(theirs: Keys, ours: Keys, at: int, to: int) -> int:
    """How many frames agree from here on."""
    most = min(len(theirs) - at, len(ours) - to)
    for start in range(0, most, _CHUNK):
        stop = min(start + _CHUNK, most)
        differs = theirs[at + start : at + stop] != ours[to + start : to + stop]
        if differs.any():
            return start + int(differs.argmax())
    return most


def _common_before(theirs: Keys, ours: Keys, at: int, to: int, most: int) -> int:
    """How many frames agree just before here, at most ``most``."""
    differs = theirs[at - most : at][::-1] != ours[to - most : to][::-1]
    return int(differs.argmax()) if differs.any() else most


def _agree_again(theirs: Keys, ours: Keys, at: int, to: int) -> tuple[int, int] | None:
    """The first frames from here on with which both agree again, or None."""
    for probe in _probes(ours, to):
        found = _find(theirs, ours, at, to, probe)
        if found is not None:
            back = _common_before(theirs, ours, found, probe, min(found - at, probe - to))
            return found - back, probe - back
    return None


def _probes(ours: Keys, to: int) -> Iterator[int]:
    """Where in the recording to try: every few frames at first, later more seldom (a run is long, or it is none)."""
    step, probe = 8, to
    while probe + CERTAIN <= len(ours):
        window = ours[probe : probe + CERTAIN]
        if len(np.unique(window)) >= DISTINCT:
            yield probe
        elif not window[-1]:  # silence: go to its end
            loud = np.flatnonzero(ours[probe : probe + _CHUNK])
            probe += max(int(loud[0]) - CERTAIN, 0) if len(loud) else _CHUNK - CERTAIN
        probe += step
        if probe - to > 64 * step:
            step = min(2 * step, 4096)


def _find(theirs: Keys, ours: Keys, at: int, to: int, probe: int) -> int | None:
    """Where the frames at ``probe`` were rendered: where nothing was lost or came between, else the nearest place."""
    wanted = ours[probe : probe + CERTAIN]
    straight = at + probe - to
    if np.array_equal(theirs[straight : straight + CERTAIN], wanted):
        return straight
    for reach in (_NEAR, _FAR):
        places = at + np.flatnonzero(theirs[at : at + reach] == wanted[0])
        for place in sorted(places.tolist(), key=lambda p: abs(p - straight)):
            if np.array_equal(theirs[place : place + CERTAIN], wanted):
                return int(place)
    return None


def _still_before(ours: Keys, start: int, stop: int) -> int:
    """How many frames before ``stop`` (not before ``start``) are the same frame."""
    for end in range(stop, start, -_CHUNK):
        begin = max(end - _CHUNK, start)
        moves = np.flatnonzero(ours[begin:end] != ours[stop - 1])
        if len(moves):
            return stop - (begin + int(moves[-1]) + 1)
    return stop - start
