"""Recordings to codes and back, with a loaded model: what the loader, the trainer, ``encode`` and ``decode`` share.

Everything runs through the streaming networks a few seconds at a time, so codes are those the live path would make and
a long recording needs no more memory than a short one. Knows nothing of the engine. Any thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.files import read_mono
from distill_live.audio.mel import log_mel
from distill_live.codec.codebooks import Codebooks
from distill_live.codec.live import LiveEncoder
from distill_live.codes.grid import CodeGrid, load_grid
from distill_live.errors import UsageError
from distill_live.models.playable import Playable
from distill_live.vocoder.rtisi import RtisiLa

Codes = NDArray[np.int16]
Floats = NDArray[np.float32]

_CHUNK_FRAMES: Final = 1024


def encode_mel(encoder: LiveEncoder, books: Codebooks, mel: Floats) -> Codes:
    """A log-mel ``[n_mels, T]`` in dB as codes int16 ``[W, H, Q]``; the last column is filled up with silence."""
    config = encoder.config
    columns = config.grid.columns(mel.shape[1])
    missing = columns * config.grid.frames_per_column - mel.shape[1]
    padded = np.pad(mel, ((0, 0), (0, missing)), constant_values=config.floor_db)
    state, pieces = encoder.initial_state(), []
    for start in range(0, padded.shape[1], _CHUNK_FRAMES):
        latents, state = encoder.step(padded[:, start : start + _CHUNK_FRAMES], state)
        pieces.append(books.encode(latents.reshape(-1, config.codebook_dim)))
    return np.concatenate(pieces).reshape(columns, config.grid.rows, config.levels)


def decode_codes(model: Playable, codes: Codes) -> Floats:
    """Codes int16 ``[W, H, Q]`` (-1 mutes a level) as a log-mel ``[n_mels, W * frames_per_column]`` in dB."""
    columns = max(1, _CHUNK_FRAMES // model.frames_per_column)
    state, pieces = model.decoder.initial_state(), []
    for start in range(0, len(codes), columns):
        piece = codes[start : start + columns]
        vectors = model.codebooks.decode(piece.reshape(-1, model.levels))
        mel, state = model.decoder.step(vectors.reshape(len(piece), model.rows, -1), state)
        pieces.append(mel)
    decoded: Floats = np.maximum(np.concatenate(pieces, axis=1), np.float32(model.mel.floor_db))
    return decoded


def encode_sound(model: Playable, path: Path) -> CodeGrid:
    """A recording of any rate and channel count as codes.

    Raises:
        AudioFileError: when it cannot be read.
    """
    samples = read_mono(path, model.mel.sample_rate)
    if not len(samples):
        raise UsageError(f"{path} holds no sound", fix="give a recording")
    codes = encode_mel(model.encoder, model.codebooks, log_mel(samples, model.mel))
    return CodeGrid(codes, model.sha256, len(samples), path.name)


def sound_codes(model: Playable, path: Path) -> Codes:
    """What a bank slot plays: the codes of a recording, or of a ``grid.npz`` that this model made.

    Raises:
        AudioFileError: when it cannot be read.
        DistillError: when another model made the grid.
    """
    if path.suffix.lower() != ".npz":
        return encode_sound(model, path).codes
    grid = load_grid(path).for_model(model.sha256, model.codebook_size, model.rows, model.levels)
    return grid.codes


def decode_sound(model: Playable, grid: CodeGrid) -> Floats:
    """A grid as sound: float32 ``[T]`` at the model's rate, as long as its source, without the vocoder's delay.

    Raises:
        DistillError: when another model made the grid.
    """
    codes = grid.for_model(model.sha256, model.codebook_size, model.rows, model.levels).codes
    audio = RtisiLa(model.vocoder_config).forward(decode_codes(model, codes))
    length = min(grid.source_samples, len(audio)) or len(audio)
    return audio[:length]
