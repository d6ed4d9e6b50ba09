"""The demo corpus: about five minutes of music that our own code plays, so that everybody has something to train on.

Plucked strings, bells and bars, bowed drones and a drum machine, 24 phrases in one key and tempo, mono FLAC at 48 kHz.
The same seed gives the same bytes. Knows nothing of training. Any thread; it takes some seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from distill_live.audio import demo_scores as scores
from distill_live.audio import demo_voices as voices
from distill_live.audio.demo_voices import RATE, Signal
from distill_live.audio.files import Floats, write_audio

Progress = Callable[[int, int, str], None]  # pieces done, pieces in all, name of the one just done
Play = Callable[["Piece", np.random.Generator], Signal]

PEAK: Final = 10 ** (-3.0 / 20)
_LEAD_S: Final = 0.03  # silence before the first note
_VOWELS: Final = {"a": (700.0, 1150.0, 2600.0), "o": (430.0, 820.0, 2500.0), "e": (480.0, 1750.0, 2500.0)}
_BODY: Final = (290.0, 460.0, 1050.0, 2700.0)
_DRUMS: Final[dict[str, voices.Hit]] = {
    "kick": voices.kick,
    "snare": voices.snare,
    "hat": voices.hat,
    "open": voices.open_hat,
    "shaker": voices.shaker,
    "clap": voices.clap,
    "rim": voices.rim,
    "low": voices.tom(scores.degree_hz(-14)),
    "middle": voices.tom(scores.degree_hz(-10)),
    "high": voices.tom(scores.degree_hz(-7)),
}


@dataclass(frozen=True)
class Piece:
    """One file: ``bars`` of music and ``tail_s`` in which it rings out, in a room that decays in ``room_s``."""

    name: str
    bars: int
    play: Play
    tail_s: float = 2.0
    room_s: float = 1.4
    wet: float = 0.16

    @property
    def samples(self) -> int:
        return round((_LEAD_S + self.bars * scores.STEPS_PER_BAR * scores.STEP_S + self.tail_s) * RATE)


def make_demo_corpus(folder: Path | str, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write the corpus into ``folder`` (made when it is not there) and return the files in order.

    Args:
        folder: where the FLAC files go; files of the same names are replaced.
        seed: another seed is another five minutes of the same instruments.
        progress: called after each file.

    Raises:
        AudioFileError: when a file cannot be written.
    """
    paths: list[Path] = []
    for number, piece in enumerate(PIECES):
        path = Path(folder) / f"{piece.name}.flac"
        write_audio(path, play_piece(piece, np.random.default_rng([seed, number])))
        paths.append(path)
        if progress is not None:
            progress(number + 1, len(PIECES), piece.name)
    return paths


def play_piece(piece: Piece, rng: np.random.Generator) -> Floats:
    """One piece, dry into its room, at -3 dBFS, from silence to silence: float32 ``[T]``."""
    dry = piece.play(piece, rng)
    sound = dry + piece.wet * _in_room(dry, piece.room_s, rng)
    fade = round(min(0.6 * piece.tail_s, 1.2) * RATE)
    sound[-fade:] *= np.cos(np.linspace(0.0, np.pi / 2, fade)) ** 2
    sound[:240] *= np.linspace(0.0, 1.0, 240)
    return np.asarray(sound * (PEAK / np.abs(sound).max()), dtype=np.float32)


def _in_room(dry: Signal, t60_s: float, rng: np.random.Generator) -> Signal:
    """Noise that dies away, sooner in the treble, 12 ms after the sound: a plain room, by convolution."""
    length = round(t60_s * RATE)
    echo = np.zeros(length + round(0.012 * RATE))
    for low_hz, high_hz, part in ((180.0, 900.0, 1.0), (900.0, 3500.0, 0.75), (3500.0, 9000.0, 0.45)):
        noise = voices.shaped_noise(length, voices.band(low_hz, high_hz), rng)
        echo[-length:] += noise * voices.envelope(length, 0.004, part * t60_s)
    echo /= np.sqrt(np.square(echo).sum())
    size = voices.fast_size(len(dry) + len(echo))
    return np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(echo, size), size)[: len(dry)]


def _add(line: Signal, sound: Signal, at_s: float) -> None:
    at = round((_LEAD_S + at_s) * RATE)
    end = min(at + len(sound), len(line))
    line[at:end] += sound[: end - at]


def _struck(
    voice: voices.Voice, ring_s: float, *parts: Callable[[int, np.random.Generator], list[scores.Note]]
) -> Play:
    """A player of notes that ring out, each at most ``ring_s``; ``parts`` are played at once."""

    def play(piece: Piece, rng: np.random.Generator) -> Signal:
        line = np.zeros(piece.samples)
        for part in parts:
            for note in part(piece.bars, rng):
                late_s = abs(rng.normal(0.0, 0.004))
                _add(line, voice(note.hz, note.velocity, ring_s, rng), note.step * scores.STEP_S + late_s)
        return line

    return play


def _drummed(swing: float = 0.0, **patterns: str) -> Play:
    def play(piece: Piece, rng: np.random.Generator) -> Signal:
        line = np.zeros(piece.samples)
        for stroke in scores.beat(piece.bars, patterns, rng, swing):
            _add(line, _DRUMS[stroke.drum](stroke.velocity, rng), stroke.step * scores.STEP_S)
        return np.tanh(1.7 * line)  # rounds the peaks off as tape does, so that drums are as loud as strings

    return play


def _swell(samples: int, start_s: float, end_s: float, rise_s: float) -> Signal:
    """A rounded rise from ``start_s``, a rounded fall to ``end_s``."""
    seconds = np.arange(samples) / RATE
    rise = np.clip((seconds - start_s) / rise_s, 0.0, 1.0)
    fall = np.clip((end_s - seconds) / (1.3 * rise_s), 0.0, 1.0)
    curve: Signal = np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2
    return curve


def _drone(degrees: tuple[int, ...], vowels: str = "") -> Play:
    """Bowed tones that swell each in its own time; with ``vowels`` a mouth moves from the first to the second."""

    def play(piece: Piece, rng: np.random.Generator) -> Signal:
        line, end_s = np.zeros(piece.samples), piece.samples / RATE
        for place, degree in enumerate(degrees):
            loudness = _swell(piece.samples, 0.03 + 0.6 * place, end_s - 0.3, rise_s=1.8)
            loudness *= 0.62 + 0.38 * voices.wander(piece.samples, 0.35, rng)
            hz = np.full(piece.samples, scores.degree_hz(degree))
            line += voices.bowed(hz, loudness, rng, vibrato_cents=4.0) * 0.85**place
        if not vowels:
            return voices.formants(line, _BODY, floor=0.3)
        first, second = (voices.formants(line, _VOWELS[vowel]) for vowel in vowels)
        move = 0.5 + 0.5 * voices.wander(piece.samples, 0.5, rng)
        return first * np.cos(move * np.pi / 2) + second * np.sin(move * np.pi / 2)

    return play


def _bowed_chords(octave: int) -> Play:
    """A chord for each bar that overlaps with the next."""

    def play(piece: Piece, rng: np.random.Generator) -> Signal:
        line, bar_s = np.zeros(piece.samples), scores.STEPS_PER_BAR * scores.STEP_S
        for note in scores.chords(piece.bars, 1, octave, 0.0, rng):
            start_s = note.step * scores.STEP_S
            end_s = min(start_s + 1.5 * bar_s, piece.samples / RATE - 0.2)
            samples = round((end_s - start_s) * RATE)
            loudness = note.velocity * _swell(samples, 0.0, end_s - start_s, rise_s=0.9)
            _add(line, voices.bowed(np.full(samples, note.hz), loudness, rng), start_s)
        return voices.formants(line, _BODY, floor=0.3)

    return play


def _bowed_melody(low: int, high: int) -> Play:
    """One player, gliding from note to note, breathing with each."""

    def play(piece: Piece, rng: np.random.Generator) -> Signal:
        notes = scores.melody(piece.bars, "slow", low, high, rng)
        starts_s = np.array([_LEAD_S + note.step * scores.STEP_S for note in notes])
        seconds = np.arange(piece.samples) / RATE
        place = np.searchsorted(starts_s, seconds, side="right").clip(1) - 1
        log_hz = np.log2([note.hz for note in notes])
        before = log_hz[np.maximum(place - 1, 0)]
        since_s = np.clip((seconds - starts_s[place]) / 0.09, 0.0, 1.0)
        hz = 2.0 ** (before + (log_hz[place] - before) * (1.0 - np.cos(np.pi * since_s)) / 2.0)
        loudness = np.zeros(piece.samples)
        for note, start_s in zip(notes, starts_s, strict=True):
            end_s = min(start_s + note.steps * scores.STEP_S + 0.25, piece.samples / RATE - 0.2)
            loudness = np.maximum(loudness, note.velocity * _swell(piece.samples, start_s, end_s, rise_s=0.22))
        return voices.formants(voices.bowed(hz, loudness, rng, vibrato_cents=14.0), _BODY, floor=0.3)

    return play


def _melody(rhythm: str, low: int, high: int) -> Callable[[int, np.random.Generator], list[scores.Note]]:
    return lambda bars, rng: scores.melody(bars, rhythm, low, high, rng)


def _arpeggio(
    every: int, pattern: tuple[int, ...], octave: int
) -> Callable[[int, np.random.Generator], list[scores.Note]]:
    return lambda bars, rng: scores.arpeggio(bars, every, pattern, octave, rng)


def _chords(per_bar: int, octave: int, spread: float) -> Callable[[int, np.random.Generator], list[scores.Note]]:
    return lambda bars, rng: scores.chords(bars, per_bar, octave, spread, rng)


_GUITAR: Final = voices.String()
_HARP: Final = voices.String(pick=0.4, brightness=0.3, ring_s=5.0, stiffness=2e-5)
_LOW_STRING: Final = voices.String(pick=0.25, brightness=0.35, ring_s=3.0, stiffness=1.5e-4)

PIECES: Final = (
    Piece("strings_arpeggio_low", 4, _struck(_GUITAR, 2.4, _arpeggio(2, (0, 1, 2, 3, 4, 3, 2, 1), -1))),
    Piece("strings_arpeggio_wave", 5, _struck(_HARP, 2.2, _arpeggio(1, (0, 1, 2, 4, 5, 6, 5, 4, 2, 1), 0))),
    Piece("strings_melody_slow", 5, _struck(_GUITAR, 3.2, _melody("slow", 0, 12))),
    Piece("strings_melody_quick", 4, _struck(_GUITAR, 1.6, _melody("quick", -3, 9))),
    Piece("strings_chords", 4, _struck(_GUITAR, 3.0, _chords(2, -1, 0.35)), wet=0.12),
    Piece("strings_bass", 4, _struck(_LOW_STRING, 1.8, _melody("walking", -15, -7)), wet=0.06),
    Piece("harp_two_hands", 5, _struck(_HARP, 3.0, _arpeggio(4, (0, 2, 4, 2), -1), _melody("walking", 7, 16))),
    Piece("bells_slow", 5, _struck(voices.BELL, 5.0, _melody("slow", 0, 9)), tail_s=3.0, room_s=2.2, wet=0.22),
    Piece("bells_chords", 4, _struck(voices.BELL, 4.5, _chords(1, 0, 2.0)), tail_s=3.0, room_s=2.2, wet=0.2),
    Piece("celesta_melody", 4, _struck(voices.CELESTA, 2.4, _melody("quick", 7, 19)), wet=0.2),
    Piece("marimba_ostinato", 5, _struck(voices.MARIMBA, 1.2, _arpeggio(2, (0, 2, 3, 2, 4, 3, 2), 0)), wet=0.1),
    Piece("marimba_melody", 4, _struck(voices.MARIMBA, 1.4, _melody("quick", -4, 8)), wet=0.12),
    Piece("glass_arpeggio", 4, _struck(voices.GLASS, 4.0, _arpeggio(4, (0, 2, 3, 5), 1)), tail_s=3.0, wet=0.2),
    Piece("drone_fifth", 5, _drone((-14, -10, -7)), tail_s=1.5),
    Piece("drone_chords", 5, _bowed_chords(-1), tail_s=2.5, wet=0.2),
    Piece("drone_vowels", 5, _drone((-14, -7, -3), vowels="ao"), tail_s=1.5),
    Piece("drone_high", 4, _drone((4, 7, 9), vowels="eo"), tail_s=2.0, wet=0.24),
    Piece("bowed_melody", 5, _bowed_melody(-7, 6), tail_s=2.0, wet=0.2),
    Piece(
        "drums_straight",
        4,
        _drummed(kick="X...x...X...x..?", snare="....X.......X..?", hat="x.X.x.X.x.X.x.X?"),
        tail_s=1.0,
        room_s=0.6,
    ),
    Piece(
        "drums_half_time",
        4,
        _drummed(kick="X.....x...x.....X..x......x.....", clap="........X.......", hat="x.?xx.?.x.?xx.x."),
        tail_s=1.2,
        room_s=1.0,
    ),
    Piece(
        "drums_hats",
        4,
        _drummed(
            0.25, hat="X?xxX?xxX?xxX?xx", open="..............X.", kick="X.........X.....", rim="....x..x....x..?"
        ),
        tail_s=1.0,
        room_s=0.5,
    ),
    Piece(
        "drums_broken",
        5,
        _drummed(
            0.1,
            kick="X..x......X..x..X.....x..X..x...",
            snare="....X..?.?..X..?....X..x.?..X...",
            hat="x.x.x.x.x.x.x.xx",
        ),
        tail_s=1.0,
        room_s=0.7,
    ),
    Piece(
        "drums_toms",
        5,
        _drummed(
            low="X.....x.X.......X..x....x.......",
            middle="...x.......x....",
            high="......x...?..x.x",
            rim="..x...x...x..x..",
        ),
        tail_s=1.4,
        room_s=1.2,
    ),
    Piece(
        "drums_shaker",
        4,
        _drummed(
            0.15, shaker="X?x?X?x?X?x?X?x?", kick="X.....X...X.....", rim="....x.......x.x.", open="..........x....."
        ),
        tail_s=1.0,
        room_s=0.8,
    ),
)
