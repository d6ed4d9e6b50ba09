"""Recording while playing: blocks go to a thread that writes them; the sound never waits for the disk.

Knows nothing of takes or devices. ``push`` belongs to the render loop, the file to the recorder's own thread,
``close`` and the properties to whoever made the recorder.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.wavfile import WavWriter

Floats = NDArray[np.float32]

WAITING_BLOCKS: Final = 4096  # 44 s of blocks of 512 at 48 kHz: longer than any disk sleeps
_LOOK_S: Final = 0.05
_CLOSE_PATIENCE_S: Final = 10.0


class Recorder:
    """Writes the blocks it is given to a float32 WAV file, in order, each at its place in time.

    A block that finds no room (the disk sleeps) is replaced by silence in the file, so that what follows stays in
    time, and is counted. When the disk is full the file stays valid and ``failed`` says why it ends.

    Args:
        path: of the WAV file.
        sample_rate, channels: of the blocks.
        waiting_blocks: how many blocks may wait for the disk.

    Raises:
        AudioFileError: when the file cannot be made.

    >>> import tempfile
    >>> recorder = Recorder(Path(tempfile.mkdtemp()) / "take.wav", 48000, 2)
    >>> recorder.push(np.zeros((2, 512), np.float32))
    >>> recorder.close(); recorder.frames
    512
    """

    def __init__(
        self, path: Path | str, sample_rate: int = 48000, channels: int = 2, waiting_blocks: int = WAITING_BLOCKS
    ) -> None:
        self._writer = WavWriter(path, channels, sample_rate)
        self._most = waiting_blocks
        self._waiting: deque[tuple[int, Floats]] = deque()  # (frames lost before it, block)
        self._lost_before = 0
        self._quit = threading.Event()
        self.lost_frames = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        return self._writer.path

    @property
    def frames(self) -> int:
        """Frames in the file so far."""
        return self._writer.frames

    @property
    def failed(self) -> str | None:
        """One sentence about what the file lacks: it ended early, or the disk was too slow; None when it is whole."""
        if self._writer.failed is not None or not self.lost_frames:
            return self._writer.failed
        lost_s = self.lost_frames / self._writer.sample_rate
        return f"the disk was too slow: {lost_s:.2f} s of {self.path} are silent."

    def push(self, block: Floats) -> None:
        """Hand over float32 ``[C, T]``; it is copied. Never waits."""
        if self._quit.is_set() or self._writer.failed is not None:
            return
        if len(self._waiting) >= self._most:
            self._lost_before += block.shape[1]
            self.lost_frames += block.shape[1]
            return
        self._waiting.append((self._lost_before, block.copy()))
        self._lost_before = 0

    def close(self) -> None:
        """Write what is still waiting and close the file; again does nothing."""
        self._quit.set()
        self._thread.join(_CLOSE_PATIENCE_S)

    def _run(self) -> None:
        while not self._quit.wait(_LOOK_S):
            self._write_waiting()
        self._write_waiting()
        self._write_silence(self._lost_before)
        self._writer.close()

    def _write_waiting(self) -> None:
        while self._waiting:
            lost_frames, block = self._waiting.popleft()
            self._write_silence(lost_frames)
            self._writer.write(block)

    def _write_silence(self, frames: int) -> None:
        if frames:
            self._writer.write(np.zeros((self._writer.channels, frames), np.float32))
