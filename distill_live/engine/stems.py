"""The files of one recording: what was heard (wet, stereo) and what went into the effects (dry, mono), sample by sample
beside each other.

Both are crash-safe float32 WAV files. When one of them has to end (the disk is full), the other ends at the same
frame. One thread, never the render thread: a disk may take its time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.digest import SoundDigest
from distill_live.audio.wavfile import WavWriter
from distill_live.errors import AudioFileError

Floats = NDArray[np.float32]

_SILENCE_AT_ONCE: Final = 48000
WET_CHANNELS: Final = 2


class Stems:
    """A recording that grows.

    Args:
        wet: file of what is heard.
        dry: file of what goes into the effects, made with the first samples of it; None for no such file.
        sample_rate: of both.

    Attributes:
        frames: whole frames in both files.
        over: nothing more is written: closed, or ended early.
        problem: one sentence about what the recording lacks; empty when it is whole.

    Raises:
        AudioFileError: when the wet file cannot be made.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> stems = Stems(folder / "1-wet.wav", folder / "1-dry.wav", 48000)
    >>> stems.write(np.zeros((2, 512), np.float32), np.zeros(512, np.float32)); stems.close()
    >>> stems.frames, stems.has_dry, stems.problem
    (512, True, '')
    """

    def __init__(self, wet: Path, dry: Path | None, sample_rate: int) -> None:
        self.frames = 0
        self.over = False
        self.problem = ""
        self._rate = sample_rate
        self._dry_path = dry
        self._wet = WavWriter(wet, WET_CHANNELS, sample_rate)
        self._dry: WavWriter | None = None
        self._digest: SoundDigest | None = SoundDigest()
        self._silent_frames = 0

    @property
    def has_dry(self) -> bool:
        return self._dry is not None

    @property
    def sha256(self) -> str:
        """Digest of the wet file's samples; empty when they are not all that was played."""
        return self._digest.hexdigest if self._digest is not None else ""

    def write(self, wet: Floats, dry: Floats | None) -> None:
        """Append ``[2, T]`` and ``[T]``; once the recording is over nothing happens."""
        if self.over:
            return
        try:
            self._open_dry(dry)
        except AudioFileError as error:
            self._end_early(str(error))
            return
        self._wet.write(wet)
        both = self._wet.frames
        if self._dry is not None:
            dry = np.zeros(wet.shape[1], np.float32) if dry is None else dry
            self._dry.write(dry[None, : both - self.frames])
            both = self._dry.frames
        if self._digest is not None:
            self._digest.update(wet[:, : both - self.frames])
        self.frames = both
        failed = self._wet.failed or (self._dry.failed if self._dry is not None else None)
        if failed is not None:
            self._end_early(failed)

    def silence(self, frames: int) -> None:
        """Stand in for sound that did not arrive, so that what follows stays in time."""
        self._digest = None
        self._silent_frames += frames
        for start in range(0, frames, _SILENCE_AT_ONCE):
            self.write(np.zeros((WET_CHANNELS, min(_SILENCE_AT_ONCE, frames - start)), np.float32), None)
        if not self.over:
            lost_s = self._silent_frames / self._rate
            self.problem = f"the disk was too slow: {lost_s:.2f} s of {self._wet.path} are silent."

    def close(self) -> None:
        """Make both headers true and close; again does nothing."""
        self.over = True
        for writer in (self._wet, self._dry):
            if writer is not None:
                writer.close()
                self.problem = self.problem or writer.failed or ""

    def _open_dry(self, dry: Floats | None) -> None:
        if dry is not None and self._dry is None and self._dry_path is not None and self.frames == 0:
            self._dry = WavWriter(self._dry_path, 1, self._rate)

    def _end_early(self, problem: str) -> None:
        self.problem = problem
        for writer in (self._wet, self._dry):
            if writer is not None:
                writer.end_at(self.frames)
        self.over = True
