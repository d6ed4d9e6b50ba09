"""One trained model, judged on recordings it has not learned from, and on what it plays by itself.

The recordings are those that training held out (by file, from the seed), or a folder of others. Everything goes through
codes and the streaming vocoder, without the vocoder's delay. Offline; one thread, set for the live path.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from distill_live.audio.files import dc_offset, read_audio
from distill_live.audio.mel import log_mel
from distill_live.cli.bench.offline import Listener
from distill_live.cli.quality.editing import Edited, edited
from distill_live.cli.quality.measures import (
    RATE,
    Distances,
    Frames,
    Sound,
    distances,
    frames_of,
    frechet,
    nearest_db,
    novelty_words,
)
from distill_live.codec.config import DEAD_SHARE
from distill_live.engine.performance import BLOCK, Performance
from distill_live.models.playable import Playable
from distill_live.models.transcode import decode_codes, decode_sound, encode_sound
from distill_live.prior.contexts import ContextCounts
from distill_live.prior.memorisation import longest_copy

PLAYED_S: Final = 60.0


@dataclass(frozen=True)
class Reconstruction:
    """Recordings through codes and back: means over the recordings, and what no sound at all would score."""

    recordings: int
    distances: Distances
    silence: Distances
    visqol: float | None
    real_time_percent: float


@dataclass(frozen=True)
class LevelUse:
    """How one level's codes are used in some recordings."""

    name: str
    used_percent: float
    perplexity: float
    dead: int


@dataclass(frozen=True)
class Played:
    """A minute of the prior's own, against the corpus.

    Attributes:
        frechet_training, frechet_held_out: distance of its frames from those of both sets, per dimension.
        to_training_db: mean distance of its frames to their nearest training frame; ``training_apart_db`` that of
            training frames to those of other recordings, ``held_out_db`` that of held-out frames to training frames,
            all through the codec.
        longest_copy_s, held_out_copy_s: the longest run of columns that stands in a training recording exactly so, and
            the longest that held-out recordings share with training ones.
        longest_silence_s, reprimed: of the minute.
    """

    frechet_training: float
    frechet_held_out: float | None
    to_training_db: float
    training_apart_db: float
    held_out_db: float | None
    longest_copy_s: float
    held_out_copy_s: float | None
    longest_silence_s: float
    reprimed: int
    level_db: float
    real_time_percent: float

    @property
    def novelty(self) -> str:
        """Where its sounds stand between copying and leaving the corpus, in words."""
        return novelty_words(self.to_training_db, self.training_apart_db, self.held_out_db)


@dataclass(frozen=True)
class Verdict:
    """Everything that is known of one model; ``use`` by the recordings judged, ``corpus_use`` by those it holds."""

    reconstruction: Reconstruction
    use: list[LevelUse]
    corpus_use: list[LevelUse]
    edited: Edited
    bits: dict[str, Any]
    played: Played
    pairs: list[tuple[Sound, Sound]] = field(repr=False)
    sound: Sound = field(repr=False)
    codes: NDArray[np.int16] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """All figures as plain JSON values."""
        use = [asdict(level) for level in self.use]
        corpus_use = [asdict(level) for level in self.corpus_use]
        figures = {"reconstruction": asdict(self.reconstruction), "use": use, "corpus_use": corpus_use}
        figures |= {"edited": asdict(self.edited), "bits": self.bits}
        return {**figures, "played": asdict(self.played), "novelty": self.played.novelty}


def judge(model: Playable, recordings: Sequence[Path], training: Sequence[Path], seed: int) -> Verdict:
    """Judge a model.

    Args:
        model: as it is played.
        recordings: that it has not learned from.
        training: that it has.
        seed: of what it plays.
    """
    held_out = [_mono(path) for path in recordings]
    through, seconds, took_s = _through(model, recordings)
    reconstruction = _reconstruction(held_out, through, took_s / max(seconds, 1e-9))
    grids = [encode_sound(model, path).codes for path in recordings]
    again, _, _ = _through(model, training)
    own = _play(model, seed)
    played = _compare(model, own, frames_of(again), frames_of(through) if through else None, grids)
    pairs = list(zip(held_out, through, strict=True))
    use, corpus_use = (level_use(model, some) for some in (grids, [grid for _, grid in model.sounds]))
    changed = edited(partial(decode_codes, model), [_mel(model, one) for one in held_out], grids, model.training_grids)
    bits = _bits(model, grids)
    return Verdict(reconstruction, use, corpus_use, changed, bits, played, pairs, own.sound, own.codes)


def reconstruct(model: Playable, recordings: Sequence[Path]) -> dict[str, Any]:
    """Recordings of another kind through the model: plain JSON values of a ``Reconstruction``."""
    through, seconds, took_s = _through(model, recordings)
    found = _reconstruction([_mono(path) for path in recordings], through, took_s / max(seconds, 1e-9))
    return asdict(found)


def _mono(path: Path) -> Sound:
    return read_audio(path, RATE).mono()


def _mel(model: Playable, sound: Sound) -> NDArray[np.float32]:
    return log_mel(sound - np.float32(dc_offset(sound)), model.mel)  # as it was encoded


def _through(model: Playable, paths: Sequence[Path]) -> tuple[list[Sound], float, float]:
    """Recordings through the model, how long they are, and how long it took, in seconds."""
    began_s = time.perf_counter()
    sounds = [decode_sound(model, encode_sound(model, path)) for path in paths]
    return sounds, sum(map(len, sounds)) / RATE, time.perf_counter() - began_s


def _reconstruction(held_out: Sequence[Sound], through: Sequence[Sound], share: float) -> Reconstruction:
    each = [distances(a, b) for a, b in zip(held_out, through, strict=True)]
    none = [distances(a, np.zeros_like(a)) for a in held_out]
    return Reconstruction(len(each), _mean(each), _mean(none), visqol(held_out, through), 100.0 * share)


def _mean(each: Sequence[Distances]) -> Distances:
    if not each:
        return Distances(*(float("nan"),) * 5)
    rows = [list(asdict(one).values()) for one in each]
    return Distances(*(float(value) for value in np.mean(rows, axis=0)))


def visqol(references: Sequence[Sound], estimates: Sequence[Sound]) -> float | None:
    """Mean perceptual score 1 to 5 (ViSQOL v3 in audio mode; Chinen et al., 2020), None where it is not installed.

    Recordings too short for it (about a second) have none.
    """
    try:
        from visqol import VisqolApi
    except ImportError:
        return None
    api = VisqolApi()
    api.create(mode="audio")
    scores = []
    with tempfile.TemporaryDirectory(prefix="distill-visqol-") as folder:
        for reference, estimate in zip(references, estimates, strict=True):
            paths = [Path(folder) / name for name in ("reference.wav", "estimate.wav")]
            for path, sound in zip(paths, (reference, estimate), strict=True):
                soundfile.write(path, sound, RATE, subtype="FLOAT")
            with contextlib.suppress(ValueError):  # what it says of a recording shorter than its patches
                scores.append(float(api.measure(*map(str, paths)).moslqo))
    return float(np.mean(scores)) if scores else None


def level_use(model: Playable, grids: Sequence[NDArray[np.int16]]) -> list[LevelUse]:
    """How the codes of each level are used in some grids ``[W, H, Q]``."""
    found = []
    for level, name in enumerate(model.level_names):
        codes = np.concatenate([grid[:, :, level].ravel() for grid in grids] or [np.zeros(0, np.int16)])
        counts = np.bincount(codes.astype(np.int64), minlength=model.codebook_size)
        share = counts / max(counts.sum(), 1)
        entropy = -(share[share > 0] * np.log2(share[share > 0])).sum()
        dead = int((share < DEAD_SHARE / model.codebook_size).sum())
        found.append(LevelUse(name, 100.0 * float((counts > 0).mean()), float(2.0**entropy), dead))
    return found


def _bits(model: Playable, grids: Sequence[NDArray[np.int16]]) -> dict[str, Any]:
    """Bits per code per level: the prior's and the counting baselines', as training measured them, and contexts'."""
    measured = model.metadata.get("training", {}).get("memorisation", {})
    contexts = ContextCounts(model.training_grids, model.codebook_size).bits(grids)
    names = ("held_out_bits", "unigram_bits", "bigram_bits")
    counted = {"context_bits": [float(b) for b in contexts], "columns": sum(len(grid) for grid in grids)}
    return {**{name: measured.get(name, []) for name in names}, **counted}


@dataclass(frozen=True)
class _Own:
    """A minute that a model has played: mono ``[T]``, codes ``[W, H, Q]``, and what is known of it."""

    sound: Sound
    codes: NDArray[np.int16]
    longest_silence_s: float
    reprimed: int
    took_s: float


def _play(model: Playable, seed: int) -> _Own:
    performance, listener = Performance(model, seed), Listener()
    columns, blocks, heard = [], [], -1
    began_s = time.perf_counter()
    for _ in range(round(PLAYED_S * RATE / BLOCK)):
        if performance.column != heard:
            heard = performance.column
            columns.append(performance.voice.stream.column(heard).codes.copy())
        block = performance.render_block()
        listener.hear(block)
        blocks.append(block.mean(axis=0))
    took_s = time.perf_counter() - began_s
    reprimed = performance.voice.stream.reprimed
    return _Own(np.concatenate(blocks), np.stack(columns), listener.longest_silence_s, reprimed, took_s)


def _compare(
    model: Playable, own: _Own, training: Frames, held_out: Frames | None, grids: Sequence[NDArray[np.int16]]
) -> Played:
    frames = frames_of([own.sound])
    column_s = model.frames_per_column * BLOCK / RATE
    copies = [longest_copy(grid, model.training_grids).columns * column_s for grid in grids if len(grid)]
    return Played(
        frechet_training=frechet(training, frames),
        frechet_held_out=None if held_out is None else frechet(held_out, frames),
        to_training_db=nearest_db(frames, training),
        training_apart_db=nearest_db(training, training, apart=True),
        held_out_db=None if held_out is None else nearest_db(held_out, training),
        longest_copy_s=longest_copy(own.codes, model.training_grids).columns * column_s,
        held_out_copy_s=max(copies, default=None),
        longest_silence_s=own.longest_silence_s,
        reprimed=own.reprimed,
        level_db=float(10.0 * np.log10(max(float(np.square(own.sound, dtype=np.float64).mean()), 1e-10))),
        real_time_percent=100.0 * own.took_s / PLAYED_S,
    )
