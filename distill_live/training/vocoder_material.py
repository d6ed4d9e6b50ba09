"""What a vocoder learns from: sounds with their log-mels, synthesised or from folders, in two parts that never meet.

With a model, the mels are those that its codec makes of the sounds, which is what a vocoder hears when it plays. Batch
``number`` is a pure function of the seed. Training thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.augment import apply_curve
from distill_live.audio.broad_sound import broad_sound
from distill_live.audio.corpus import CorpusFile, load_mono, scan_corpus
from distill_live.audio.mel import MelConfig, log_mel
from distill_live.audio.split import split_by_file
from distill_live.models.playable import Playable
from distill_live.models.transcode import decode_codes, encode_mel

Floats = npt.NDArray[np.float32]

SCENE_S: Final = 4.0
HELD_OUT_SCENES: Final = 6  # their numbers come before those that are learned from
_FULL_SCALE: Final = 1.0


@dataclass(frozen=True)
class Sounding:
    """A sound float32 ``[n * hop]`` and the log-mel ``[n_mels, n]`` that a vocoder makes it from."""

    name: str
    mel: Floats
    sound: Floats


@dataclass(frozen=True)
class Material:
    """What is learned from, what is held out, and the files of both, for checking a resume."""

    training: tuple[Sounding, ...]
    held_out: tuple[Sounding, ...]
    files: tuple[CorpusFile, ...] = ()

    @property
    def frames(self) -> int:
        """Frames to learn from."""
        return sum(sounding.mel.shape[1] for sounding in self.training)


def load_material(
    folders: Sequence[Path],
    scenes: int,
    seed: int,
    mel: MelConfig,
    codec: Playable | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Material:
    """Sounds of folders and so many synthesised scenes.

    Args:
        folders: split by file, as ``train`` splits them with the same seed.
        scenes: of four seconds each, and six more to judge by; 0 for none of either.
        codec: whose reconstructed mels are to be heard instead of true ones.
        progress: hears how many sounds there are so far, and will be.

    Raises:
        CorpusError: too little usable sound in a folder.
    """
    parts: dict[bool, list[Sounding]] = {False: [], True: []}
    corpora = [scan_corpus(folder).used for folder in folders]
    of = sum(map(len, corpora)) + (HELD_OUT_SCENES + scenes if scenes else 0)
    for name, sound, held_out in _sounds(corpora, scenes, seed):
        parts[held_out].append(_sounding(name, sound, mel, codec))
        if progress is not None:
            progress(len(parts[False]) + len(parts[True]), of)
    return Material(tuple(parts[False]), tuple(parts[True]), tuple(file for used in corpora for file in used))


def _sounds(corpora: Sequence[Sequence[CorpusFile]], scenes: int, seed: int) -> Iterator[tuple[str, Floats, bool]]:
    for used in corpora:
        held_out = set(split_by_file([file.name for file in used], seed).held_out)
        for file in used:
            yield file.name, load_mono(file), file.name in held_out
    for number in range(HELD_OUT_SCENES + scenes if scenes else 0):
        yield f"scene {number}", broad_sound(number, SCENE_S, seed), number < HELD_OUT_SCENES


def _sounding(name: str, sound: Floats, config: MelConfig, codec: Playable | None) -> Sounding:
    """A sound with silence after it to whole frames."""
    heard = log_mel(sound, config)
    frames = heard.shape[1]
    if codec is not None:
        heard = decode_codes(codec, encode_mel(codec.encoder, codec.codebooks, heard))[:, :frames]
    return Sounding(name, heard, np.pad(sound, (0, frames * config.hop - len(sound))))


@dataclass(frozen=True)
class SegmentConfig:
    """What a batch of sounds is.

    Attributes:
        size: segments in a batch.
        frames: of a segment.
        gain_db: least and greatest gain; never above full scale.
    """

    size: int = 8
    frames: int = 56
    gain_db: tuple[float, float] = (-12.0, 6.0)


class SoundingBatches:
    """All batches of a run: segments of ``soundings``, those as likely as they are long; short ones end in silence."""

    def __init__(self, soundings: Sequence[Sounding], mel: MelConfig, config: SegmentConfig, seed: int) -> None:
        self._soundings, self._mel, self.config, self._seed = list(soundings), mel, config, seed
        frames = np.array([sounding.mel.shape[1] for sounding in soundings], np.float64)
        self._share = np.cumsum(frames) / frames.sum()

    def draw(self, number: int) -> tuple[Floats, Floats]:
        """Batch ``number``: log-mels ``[size, n_mels, frames]`` in dB, and sounds ``[size, frames * hop]``."""
        rng = np.random.default_rng((self._seed, number))
        places = np.searchsorted(self._share, rng.random(self.config.size), side="right").clip(max=len(self._share) - 1)
        segments = [self._segment(self._soundings[place], rng) for place in places]
        return np.stack([mel for mel, _ in segments]), np.stack([sound for _, sound in segments])

    def _segment(self, sounding: Sounding, rng: np.random.Generator) -> tuple[Floats, Floats]:
        frames, hop = self.config.frames, self._mel.hop
        missing = max(0, frames - sounding.mel.shape[1])
        start = int(rng.integers(sounding.mel.shape[1] + missing - frames + 1))
        mel = np.pad(sounding.mel, ((0, 0), (0, missing)), constant_values=self._mel.floor_db)[
            :, start : start + frames
        ]
        sound = np.pad(sounding.sound, (0, missing * hop))[start * hop : (start + frames) * hop]
        most_db = 20.0 * np.log10(_FULL_SCALE / max(float(np.abs(sound).max()), 1e-3))
        gain_db = min(float(rng.uniform(*self.config.gain_db)), max(most_db, 0.0))
        louder = apply_curve(mel[None], np.full((1, len(mel)), gain_db, np.float32), self._mel.floor_db)[0]
        return louder, sound * np.float32(10.0 ** (gain_db / 20.0))
