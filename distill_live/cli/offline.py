"""What the commands that render files share: opening a model, writing blocks, saying what the effects have to say."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from distill_live.audio.wavfile import WavWriter
from distill_live.engine.live_setup import prepare_live
from distill_live.engine.performance import BANK_LOAD, Performance
from distill_live.errors import AudioFileError, DistillError
from distill_live.events import ControlEvent
from distill_live.models.library import resolve, sound_path
from distill_live.models.playable import Playable, load_playable
from distill_live.models.transcode import sound_codes

RATE = 48000


def open_model(name: str | None) -> Playable:
    """A model by path, library name, or None for the factory model, in a process set for the live path."""
    prepare_live()
    return load_playable(resolve(name))


def fill_bank(performance: Performance, bank: Mapping[int, str]) -> None:
    """Load sounds by name into slots, the model's own or the library's; one that is not there is said, and left out."""
    for slot, name in sorted(bank.items()):
        if performance.bank.names[slot - 1] == name:
            continue
        try:
            performance.apply(ControlEvent(0, BANK_LOAD, (str(slot), name, *_as_asset(performance, name))))
        except DistillError as error:
            print(f"slot {slot} stays as it is: {error}", file=sys.stderr)


def _as_asset(performance: Performance, name: str) -> tuple[str, ...]:
    """The hash of a library sound that the performance now has; nothing for a sound of its model."""
    model = performance.model
    return () if model.sound(name) is not None else (performance.add_asset(sound_codes(model, sound_path(name))),)


class Progress:
    """How far a rendering is, on a terminal: once a second of sound.

    Args:
        frames: there will be.
    """

    def __init__(self, frames: int) -> None:
        self._frames, self._said = frames, 0

    def at(self, frame: int) -> None:
        """So much is rendered."""
        if sys.stderr.isatty() and frame - self._said >= RATE:
            self._said = frame
            print(f"\r{frame / RATE:6.0f} of {self._frames / RATE:.0f} s", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave the line as it was."""
        if self._said:
            print("\r" + " " * 30 + "\r", end="", file=sys.stderr)


def write_blocks(out: Path, blocks: Iterable[npt.NDArray[np.float32]], frames: int) -> int:
    """Write blocks ``[C, n]`` as they come, with progress on a terminal; returns the frames written.

    Raises:
        AudioFileError: the file cannot be written to its end; what was written so far is a valid file.
    """
    writer: WavWriter | None = None
    progress, written = Progress(frames), 0
    for block in blocks:
        if writer is None:
            writer = WavWriter(out, block.shape[0], RATE)
        writer.write(block)
        written += block.shape[1]
        progress.at(written)
    progress.clear()
    if writer is None:
        raise AudioFileError("there is nothing to render", fix="ask for more than 0 seconds")
    writer.close()
    if writer.failed:
        raise AudioFileError(writer.failed)
    return written


class EffectsSay:
    """Called after every block: prints what the chain has to say of its effects, each sentence once."""

    def __init__(self) -> None:
        self._said = 0

    def __call__(self, performance: Performance) -> None:
        for sentence in performance.chain.messages[self._said :]:
            print(sentence, file=sys.stderr)
        self._said = len(performance.chain.messages)
