"""What the demo corpus plays: phrases in D dorian at 100 beats a minute, thought up by a seeded generator.

A score is a list of :class:`Note` (or of :class:`Stroke` for drums) on a grid of sixteenths. Knows nothing of sound.
Pure functions; chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

BEATS_PER_MINUTE: Final = 100
STEPS_PER_BAR: Final = 16
STEP_S: Final = 60.0 / BEATS_PER_MINUTE / 4
_DORIAN: Final = (0, 2, 3, 5, 7, 9, 10)  # semitones above D
_D4_HZ: Final = 293.665

PROGRESSIONS: Final = ((0, 3, 0, 6), (0, 6, 3, 0), (0, 2, 6, 3), (0, 4, 3, 0), (0, 0, 3, 6))
_RHYTHMS: Final = {  # lengths in sixteenths, one bar each
    "slow": ((8, 8), (12, 4), (6, 6, 4), (4, 12), (16,)),
    "walking": ((4, 4, 4, 4), (6, 2, 4, 4), (4, 2, 2, 8), (3, 3, 2, 8), (4, 4, 6, 2)),
    "quick": (
        (2, 2, 2, 2, 4, 4),
        (3, 1, 2, 2, 3, 1, 4),
        (2, 2, 4, 2, 2, 2, 2),
        (1, 1, 2, 4, 3, 3, 2),
        (4, 2, 2, 1, 1, 2, 4),
    ),
}


@dataclass(frozen=True)
class Note:
    """``degree`` counts steps of the scale from D4; ``step`` and ``steps`` are start and length in sixteenths."""

    step: float
    steps: float
    degree: int
    velocity: float

    @property
    def hz(self) -> float:
        return degree_hz(self.degree)


@dataclass(frozen=True)
class Stroke:
    """One stroke of the drum called ``drum``."""

    step: float
    drum: str
    velocity: float


def degree_hz(degree: int) -> float:
    """The frequency of a step of the scale; 0 is D4, 7 is D5.

    >>> round(degree_hz(7) / degree_hz(0), 6), round(degree_hz(4), 1)
    (2.0, 440.0)
    """
    octave, place = divmod(degree, 7)
    return float(_D4_HZ * 2.0 ** (octave + _DORIAN[place] / 12.0))


def melody(bars: int, rhythm: str, low: int, high: int, rng: np.random.Generator) -> list[Note]:
    """A motif of two bars, taken up again with changes, ending on D; it rises and falls in loudness."""
    roots = _chords(bars, rng)
    motif = [_RHYTHMS[rhythm][int(rng.integers(len(_RHYTHMS[rhythm])))] for _ in range(2)]
    notes: list[Note] = []
    degree = low + 7 * round((high - low) / 14) if high - low >= 7 else (low + high) // 2
    turns = rng.choice((-2, -1, -1, 1, 1, 2, 3, -3), size=(2, 16))
    for bar in range(bars):
        step = 0
        for place, steps in enumerate(motif[bar % 2]):
            turn = int(turns[bar % 2, place]) if rng.random() < 0.75 else int(rng.choice((-1, 1, 2, -2)))
            degree = _within(degree + turn, low, high)
            if step % 8 == 0:
                degree = _nearest_chord_tone(degree, roots[bar], low, high)
            if rng.random() > 0.08:
                arc = 0.55 + 0.35 * np.sin(np.pi * (bar + step / 16) / bars)
                notes.append(Note(16 * bar + step, steps, degree, _velocity(arc + 0.1 * (step % 4 == 0), rng)))
            step += steps
    home = min((d for d in range(low, high + 1) if d % 7 == 0), key=lambda d: abs(d - degree), default=0)
    notes.append(Note(16 * bars, 16, home, 0.6))
    return notes


def arpeggio(bars: int, every: int, pattern: Sequence[int], octave: int, rng: np.random.Generator) -> list[Note]:
    """Broken chords: one note each ``every`` sixteenths, ``pattern`` counts chord tones upwards."""
    notes: list[Note] = []
    for bar, root in enumerate(_chords(bars, rng)):
        for number, step in enumerate(range(0, 16, every)):
            tone = pattern[number % len(pattern)]
            degree = root + 7 * octave + 2 * (tone % 4) + 7 * (tone // 4)
            swell = 0.5 + 0.3 * np.sin(np.pi * (bar + step / 16) / bars) + 0.15 * (step % 8 == 0)
            if rng.random() > 0.05:
                notes.append(Note(16 * bar + step, 2 * every, degree, _velocity(swell, rng)))
    notes.append(Note(16 * bars, 16, 7 * octave, 0.55))
    return notes


def chords(bars: int, per_bar: int, octave: int, spread_steps: float, rng: np.random.Generator) -> list[Note]:
    """Chords of four tones, ``per_bar`` in each bar, strummed over ``spread_steps``."""
    notes: list[Note] = []
    for bar, root in enumerate([*_chords(bars, rng), 0]):
        for number in range(per_bar if bar < bars else 1):
            voicing = (0, 4, 7, 9) if rng.random() < 0.6 else (0, 2, 4, 6)
            upwards = voicing if number % 2 == 0 else voicing[::-1]
            loud = rng.uniform(0.45, 0.85)
            for place, offset in enumerate(upwards):
                step = 16 * bar + number * 16 / per_bar + place * spread_steps / 3
                notes.append(Note(step, 16 / per_bar, root + offset + 7 * octave, _velocity(loud, rng)))
    return notes


def beat(bars: int, patterns: dict[str, str], rng: np.random.Generator, swing: float = 0.0) -> list[Stroke]:
    """A drum pattern: for each drum 16 signs a bar: ``X`` loud, ``x`` soft, ``?`` soft and only sometimes, ``.`` none.

    The last bar ends in a fill; every bar breathes a little in loudness.
    """
    levels = {"X": 0.9, "x": 0.55, "?": 0.35}
    strokes: list[Stroke] = []
    for bar in range(bars):
        breath = 0.9 + 0.1 * np.sin(np.pi * (bar + 1) / bars)
        for drum, pattern in patterns.items():
            bar_pattern = pattern[16 * (bar % (len(pattern) // 16)) :][:16]
            for step, sign in enumerate(bar_pattern):
                if sign == "." or (sign == "?" and rng.random() < 0.5):
                    continue
                late = swing * (step % 2)
                strokes.append(Stroke(16 * bar + step + late, drum, _velocity(levels[sign] * breath, rng)))
    fill = sorted(patterns)[int(rng.integers(len(patterns)))]
    strokes += [Stroke(16 * bars - 4 + n, fill, _velocity(0.4 + 0.1 * n, rng)) for n in range(4)]
    strokes.append(Stroke(16 * bars, next(iter(patterns)), 0.85))
    return strokes


def _chords(bars: int, rng: np.random.Generator) -> list[int]:
    progression = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
    roots = [progression[bar % 4] for bar in range(bars)]
    return [root - 7 if root > 3 else root for root in roots]


def _nearest_chord_tone(degree: int, root: int, low: int, high: int) -> int:
    near = [degree + offset for offset in (0, -1, 1, -2, 2) if low <= degree + offset <= high]
    return min(near, key=lambda d: ((d - root) % 7 not in (0, 2, 4), abs(d - degree)))


def _within(degree: int, low: int, high: int) -> int:
    """Turned back at the ends of the range."""
    if degree > high:
        return 2 * high - degree
    return 2 * low - degree if degree < low else degree


def _velocity(mean: float, rng: np.random.Generator) -> float:
    return float(np.clip(mean + rng.normal(0.0, 0.05), 0.15, 1.0))
