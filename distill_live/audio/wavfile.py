"""Float32 WAV files that are valid at every moment, also after a crash and on a full disk.

The header is written first and patched at least once a second of audio, always after the samples it speaks of: a
process that is killed leaves a file that opens and lacks at most its last second. ``write`` never raises; when the disk
is full the file is closed, valid, with what fitted, and ``failed`` says so. Knows nothing of takes or engines.
One thread per writer, never the audio callback: a disk may take its time.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.errors import AudioFileError

Floats = NDArray[np.float32]

HEADER_BYTES: Final = 58
MOST_BYTES: Final = 2**32 - 8  # the size field of a WAV file counts to 4 GiB
_IEEE_FLOAT: Final = 3
_SAMPLE_BYTES: Final = 4


def wav_header(frames: int, channels: int, sample_rate: int) -> bytes:
    """The 58 bytes in front of ``frames`` interleaved float32 frames (RIFF WAVE, format 3 with its ``fact`` chunk).

    >>> len(wav_header(0, 2, 48000)) == HEADER_BYTES
    True
    """
    frame_bytes = channels * _SAMPLE_BYTES
    data_bytes = frames * frame_bytes
    rate_and_size = (sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * _SAMPLE_BYTES, 0)
    return (
        struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE")
        + struct.pack("<4sIHHIIHHH", b"fmt ", 18, _IEEE_FLOAT, channels, *rate_and_size)
        + struct.pack("<4sII", b"fact", 4, frames)
        + struct.pack("<4sI", b"data", data_bytes)
    )


class WavWriter:
    """A float32 WAV file that grows.

    Attributes:
        path: where it grows.
        frames: frames that are safely handed to the system.
        failed: None, or one sentence about why the file ended before its music.

    Raises:
        AudioFileError: on construction only, when the file cannot be made.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "take.wav"
    >>> with WavWriter(path, channels=2) as writer:
    ...     writer.write(np.zeros((2, 512), dtype=np.float32))
    >>> writer.frames, path.stat().st_size - HEADER_BYTES, writer.failed
    (512, 4096, None)
    """

    def __init__(self, path: Path | str, channels: int, sample_rate: int = 48000) -> None:
        assert channels > 0, channels
        self.path = Path(path)
        self.channels = channels
        self.sample_rate = sample_rate
        self.frames = 0
        self.failed: str | None = None
        self._frames_in_header = 0
        self._file: io.FileIO | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = io.FileIO(self.path, "w")
            self._write_all(self._file, wav_header(0, channels, sample_rate))
        except OSError as error:
            self._close_file()
            raise AudioFileError(
                f"cannot record to {self.path}: {error.strerror or error}", fix="choose another place"
            ) from None

    def write(self, samples: Floats) -> None:
        """Append float32 ``[C, T]``; after a failure, or after ``close``, nothing happens."""
        if self._file is None:
            return
        assert samples.shape[0] == self.channels, f"{self.channels} channels are recorded, not {samples.shape}"
        fits = (MOST_BYTES - HEADER_BYTES) // (self.channels * _SAMPLE_BYTES) - self.frames
        kept = samples[:, : max(fits, 0)]
        try:
            self._write_all(self._file, np.ascontiguousarray(kept.T, dtype="<f4").tobytes())
            self.frames += kept.shape[1]
            if self.frames - self._frames_in_header >= self.sample_rate:
                self._patch_header(self._file)
        except OSError as error:
            self._give_up(f"{error.strerror or error}")
            return
        if kept.shape[1] < samples.shape[1]:
            self._give_up("a WAV file holds no more than 4 GiB")

    def close(self) -> None:
        """Make the header true and close; again does nothing."""
        if self._file is None:
            return
        try:
            self._patch_header(self._file)
        except OSError as error:
            self._give_up(f"{error.strerror or error}")
        self._close_file()

    def end_at(self, frames: int) -> None:
        """Drop what lies behind ``frames`` and close: where another file of the same music had to end."""
        if self._file is None:
            return
        self.frames = min(self.frames, frames)
        try:
            self._cut(self._file)
        except OSError as error:
            self.failed = f"the recording {self.path} could not be cut to {frames} frames: {error.strerror or error}."
        self._close_file()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _give_up(self, reason: str) -> None:
        """Keep the whole frames that are on the disk, say why there are no more, and close."""
        assert self._file is not None
        self.failed = f"the recording {self.path} stops after {self.frames / self.sample_rate:.1f} s: {reason}."
        try:
            self._cut(self._file)
        except OSError as error:  # the header on disk still speaks of fewer samples than there are: valid, but shorter
            self.failed = f"{self.failed[:-1]}, and its last second may be lost ({error.strerror or error})."
        self._close_file()

    def _cut(self, file: io.FileIO) -> None:
        file.truncate(HEADER_BYTES + self.frames * self.channels * _SAMPLE_BYTES)
        self._patch_header(file)

    def _patch_header(self, file: io.FileIO) -> None:
        end = file.tell()
        file.seek(0)
        self._write_all(file, wav_header(self.frames, self.channels, self.sample_rate))
        file.seek(max(end, HEADER_BYTES))
        self._frames_in_header = self.frames

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:  # a network disk can notice on closing that it was full
            self.failed = self.failed or f"the recording {self.path} may be incomplete: {error.strerror or error}."

    @staticmethod
    def _write_all(file: io.FileIO, data: bytes) -> None:
        """A nearly full disk takes a part of what it is given and refuses only the next call."""
        view = memoryview(data)
        while len(view):
            view = view[file.write(view) or 0 :]
