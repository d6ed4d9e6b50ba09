"""Keeps an endless stream alive: notices a loop or a silence, and picks the training excerpt to start again from.

After each column the caller hands over its codes, and its loudness where it is known; when the guard answers "loop" or
"silence", the caller re-primes: ``prior.prefill(excerpt, prior.initial_state())``. Everything is a pure function of the
stream and of (seed, column), and the state is a value: a rewound stream is guarded as it was the first time.

Thresholds (``GuardConfig``): a loop is a stretch in which the coarsest level of every column equals that of the column
``period`` before it (finer levels may go on trembling: a listener hears a stream that is stuck all the same), for at
least ``loop_columns`` and at least three periods (so four times the same). ``guard_config`` takes 8 s for it, or half
as long again as the most repetitive stretch of the training grids, whichever is longer: a drone may hold a column as
long as its models did. A silence is 2.5 s below -60 dB.

Knows codes alone: no prior, no sound. numpy; called from the engine's render thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import CorpusError

Columns = NDArray[np.int16]
Alarm = Literal["loop", "silence"]

LOOP_S: Final = 8.0
SILENCE_S: Final = 2.5
LONGEST_PERIOD_S: Final = 6.0
EXCERPT_S: Final = 3.0
REPEATS: Final = 3  # periods that must match, after the first time
SLACK: Final = 1.5  # how much more repetitive than its training material a stream may be
ATTEMPTS: Final = 16  # excerpts looked at before a quiet one is taken after all


@dataclass(frozen=True)
class GuardConfig:
    """When to step in; everything in columns, and dB.

    Attributes:
        longest_period: loops of 1 to so many columns are noticed.
        loop_columns: a repetition shorter than this is music.
        silence_columns: so many columns in a row below ``silence_db`` (the loudness scale is the caller's).
    """

    longest_period: int = 140
    loop_columns: int = 188
    silence_columns: int = 59
    silence_db: float = -60.0

    def __post_init__(self) -> None:
        assert self.longest_period >= 1, self.longest_period
        assert self.loop_columns >= 1, self.loop_columns
        assert self.silence_columns >= 1, self.silence_columns


@dataclass(frozen=True)
class GuardState:
    """What the guard remembers; read-only arrays.

    Attributes:
        recent: int16 ``[longest_period, H]``, the coarsest level, newest first, -1 where there was nothing yet; None
            before the first.
        runs: int64 ``[longest_period]``, how many columns in a row equalled the one 1, 2, 3 ... columns before.
        quiet: columns in a row that were silent.
    """

    recent: Columns | None
    runs: NDArray[np.int64]
    quiet: int = 0


class Guard:
    """A loop detector and a silence detector.

    >>> guard = Guard(GuardConfig(longest_period=4, loop_columns=6, silence_columns=3))
    >>> state, alarms = guard.initial_state(), []
    >>> for code in (1, 2, 1, 2, 1, 2, 1, 2, 1, 2):
    ...     state, alarm = guard.update(state, np.array([[code]], np.int16))
    ...     alarms.append(alarm)
    >>> alarms.index("loop")
    7
    """

    def __init__(self, config: GuardConfig) -> None:
        self.config = config
        self._needed = np.maximum(config.loop_columns, REPEATS * np.arange(1, config.longest_period + 1))

    def initial_state(self) -> GuardState:
        """The state before the first column, and after an alarm."""
        return GuardState(None, np.zeros(self.config.longest_period, np.int64))

    def update(
        self, state: GuardState, column: Columns, loudness_db: float | None = None
    ) -> tuple[GuardState, Alarm | None]:
        """Take one column ``[H, Q]`` in. After an alarm the state is the initial one.

        Args:
            loudness_db: of the sound of this column; None where it is not known, which is not silence.
        """
        quiet = state.quiet + 1 if loudness_db is not None and loudness_db < self.config.silence_db else 0
        if quiet >= self.config.silence_columns:
            return self.initial_state(), "silence"
        recent, runs = _follow(state, column[:, 0], self.config.longest_period)
        if (runs >= self._needed).any():
            return self.initial_state(), "loop"
        return GuardState(recent, runs, quiet), None


def _follow(state: GuardState, codes: Columns, length: int) -> tuple[Columns, NDArray[np.int64]]:
    before = np.full((length, codes.size), -1, np.int16) if state.recent is None else state.recent
    runs = np.where((before == codes).all(axis=1), state.runs + 1, 0)
    recent = np.concatenate([codes[None], before[:-1]])
    runs.setflags(write=False)
    recent.setflags(write=False)
    return recent, runs


def longest_repetition(grid: Columns, longest_period: int) -> int:
    """The longest stretch of a grid ``[W, H, Q]`` in which each column equals the one some fixed period before it.

    >>> longest_repetition(np.array([5, 1, 2, 1, 2, 1, 9], np.int16).reshape(7, 1, 1), 4)
    3
    """
    longest = 0
    for period in range(1, min(longest_period, len(grid) - 1) + 1):
        same = (grid[period:] == grid[:-period]).all(axis=(1, 2))
        breaks = np.flatnonzero(np.concatenate([[True], ~same, [True]]))
        longest = max(longest, int(np.diff(breaks).max()) - 1)
    return longest


def guard_config(columns_per_second: float, grids: Sequence[Columns] = ()) -> GuardConfig:
    """Thresholds for a column rate and the training grids (each ``[W, H, Q]``).

    >>> guard_config(23.4375).loop_columns, guard_config(5.859375).silence_columns
    (188, 15)
    """
    period = max(1, round(LONGEST_PERIOD_S * columns_per_second))
    usual = max((longest_repetition(grid[:, :, :1], period) for grid in grids), default=0)
    return GuardConfig(
        longest_period=period,
        loop_columns=max(round(LOOP_S * columns_per_second), round(SLACK * usual)),
        silence_columns=max(1, round(SILENCE_S * columns_per_second)),
    )


def guard_excerpt(
    grids: Sequence[Columns],
    seed: int,
    column: int,
    length: int,
    loudness_db: Sequence[NDArray[np.float32]] | None = None,
    silence_db: float = -60.0,
) -> Columns:
    """The training excerpt to start again from, a pure function of (seed, column): int16 ``[<= length, H, Q]``.

    Every column of the corpus is equally likely to be its beginning.

    Args:
        grids: the training grids; a short one gives a short excerpt.
        length: columns; ``EXCERPT_S`` seconds do.
        loudness_db: of every column of every grid; where given, excerpts that end in silence are passed over.

    Raises:
        CorpusError: when there is no column at all.

    >>> grid = np.arange(30, dtype=np.int16).reshape(30, 1, 1)
    >>> bool((guard_excerpt([grid], 7, 90, 8) == guard_excerpt([grid], 7, 90, 8)).all())
    True
    """
    starts = np.cumsum([0] + [len(g) for g in grids])
    if starts[-1] == 0:
        raise CorpusError("the model holds no training codes to start from", fix="train it again")
    draws = np.random.Philox(key=seed, counter=(column << 64) | (0xE << 128)).random_raw(ATTEMPTS)
    candidates = [_cut(grids, starts, int(draw % np.uint64(starts[-1])), length) for draw in draws]
    audible = (
        (which, cut) for which, cut in candidates if loudness_db is None or loudness_db[which][cut][-1] >= silence_db
    )
    which, cut = next(audible, candidates[0])
    return grids[which][cut]


def _cut(grids: Sequence[Columns], starts: NDArray[np.int64], place: int, length: int) -> tuple[int, slice]:
    """Which grid, and which columns of it, for a place in the whole corpus."""
    which = int(np.searchsorted(starts, place, side="right")) - 1
    begin = min(place - int(starts[which]), max(0, len(grids[which]) - length))
    return which, slice(begin, begin + length)
