"""What is learned from: recordings as log-mels, in two parts that never meet, and the codec that suits them.

Reads files through ``audio``; knows nothing of training itself. Training thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.corpus import CorpusReport, load_mono
from distill_live.audio.mel import MelConfig, log_mel
from distill_live.audio.split import cut_tail, split_by_file
from distill_live.codec.ceiling import Ceiling
from distill_live.codec.config import VECTORS_PER_CODE, Grid, VQVAEConfig, get_adaptive_vqvae_config, grid_named
from distill_live.training.options import TrainOptions
from distill_live.training.workdir import WorkFolder

FEW_FILES: Final = 5
SHORT_S: Final = 30.0
END: Final = " (end)"  # after the name of a recording whose end alone is held out


@dataclass(frozen=True)
class Piece:
    """One recording, or one part of it: log-mel float32 ``[n_mels, frames]`` in dB."""

    name: str
    mel: NDArray[np.float32]
    held_out: bool
    samples: int


@dataclass(frozen=True)
class Material:
    """A corpus, ready to be learned from. ``tails``: whether ends of recordings are held out instead of whole ones."""

    report: CorpusReport
    pieces: tuple[Piece, ...]
    mel: MelConfig
    tails: bool

    @property
    def training(self) -> list[NDArray[np.float32]]:
        return [piece.mel for piece in self.pieces if not piece.held_out]

    @property
    def held_out(self) -> list[NDArray[np.float32]]:
        return [piece.mel for piece in self.pieces if piece.held_out]

    @cached_property
    def ceiling(self) -> Ceiling:
        """How loud a decoder of it may become."""
        return Ceiling.of_recordings(self.training)

    def vectors(self, grid: Grid) -> int:
        """Latents that the training part gives."""
        return sum(grid.columns(mel.shape[1]) * grid.rows for mel in self.training)


def load_material(report: CorpusReport, work: WorkFolder, seed: int) -> Material:
    """Log-mels of every used recording, split by file (with fewer than four files: the end of each is held out).

    Raises:
        AudioFileError: a recording changed while it was read.
    """
    mel_config = MelConfig()
    split = split_by_file([file.name for file in report.used], seed)
    pieces: list[Piece] = []
    for file in report.used:
        mel = work.mel(file, lambda file=file: log_mel(load_mono(file), mel_config))  # type: ignore[misc]
        samples = mel.shape[1] * mel_config.hop
        if file.name in split.held_out or not split.tail_fraction:
            pieces.append(Piece(file.name, mel, file.name in split.held_out, samples))
            continue
        head, tail = cut_tail(mel, split.tail_fraction)
        pieces.append(Piece(file.name, head, False, head.shape[1] * mel_config.hop))
        if tail.shape[1]:
            pieces.append(Piece(f"{file.name}{END}", tail, True, tail.shape[1] * mel_config.hop))
    return Material(report, tuple(pieces), mel_config, split.tail_fraction > 0)


def codec_config(material: Material, options: TrainOptions) -> VQVAEConfig:
    """The codec that suits the corpus and the options."""
    config = get_adaptive_vqvae_config(
        len(material.report.used),
        material.vectors(grid_named(options.grid)),
        levels=options.levels,
        grid=options.grid,
        codebook_size=options.codebook_size,
    )
    return replace(config, **options.shape_settings)


def remarks(material: Material, config: VQVAEConfig) -> list[str]:
    """What the user should know of this corpus before the time is spent."""
    files, seconds = len(material.report.used), material.report.seconds
    said = []
    if files < FEW_FILES:
        ends = "the end of each is held out" if material.tails else "one of them is held out"
        said.append(f"only {files} {'recording' if files == 1 else 'recordings'}: 5 to 500 are meant, so {ends}")
    if seconds < SHORT_S:
        said.append(f"only {seconds:.0f} s of sound: the model will mostly repeat it; minutes make it freer")
    vectors = material.vectors(config.grid)
    if vectors < VECTORS_PER_CODE * config.codebook_size:
        said.append(
            f"{vectors} columns are few for {config.codebook_size} codes a level ({VECTORS_PER_CODE} each are wanted);"
            " the finer levels may stay unused"
        )
    return said
