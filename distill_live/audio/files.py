"""Reading and writing sound files: any rate, any number of channels in; float32 at the rate asked for out.

WAV, FLAC, OGG, MP3 and AIFF come in through libsndfile, resampling is soxr's "HQ" (the signal stays flat and free of
aliases to about 0.9 of half the lower rate). Knows nothing of corpora, mels or models. Any thread; it may take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from distill_live.audio.wavfile import wav_header
from distill_live.errors import AudioFileError

Floats = NDArray[np.float32]

SAMPLE_RATE: Final = 48000
AUDIO_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"})
LOUDEST: Final = 1000.0  # a float file above +60 dBFS holds something else than sound at full scale 1.0
_BLOCK_SAMPLES: Final = 1 << 20  # read in pieces: a header may promise more than the file holds


@dataclass(frozen=True)
class Sound:
    """A sound in memory.

    Attributes:
        samples: float32 ``[C, T]``, full scale 1.0, always finite.
        sample_rate: Hz of ``samples``.
        source_rate: Hz of the file it came from.
        name: the file's name without its folder.
        whole: False when only the beginning of the file was read.
    """

    samples: Floats
    sample_rate: int
    source_rate: int
    name: str
    whole: bool = True

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / self.sample_rate)

    def mono(self) -> Floats:
        """The mean of the channels, float32 ``[T]``.

        >>> Sound(np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32), 48000, 48000, "two").mono().tolist()
        [0.5, 0.0]
        """
        mixed: Floats = self.samples.mean(axis=0, dtype=np.float32)
        return mixed


def read_audio(path: Path | str, sample_rate: int | None = SAMPLE_RATE, *, most_seconds: float | None = None) -> Sound:
    """Read a recording and bring it to ``sample_rate``.

    Args:
        path: a WAV, FLAC, OGG, MP3 or AIFF file of any rate and channel count.
        sample_rate: Hz of the result; None keeps the file's own.
        most_seconds: read no more than this much of its beginning; None for all of it.

    Raises:
        AudioFileError: it is not there, not audio, empty, or holds samples that are not finite or absurdly large.
    """
    path = Path(path)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise AudioFileError(f"cannot read the recording {path}: it is {kind}", fix="give the path of a sound file")
    if not path.stat().st_size:
        raise AudioFileError(f"the recording {path} is empty: it holds no bytes", fix="record it again or remove it")
    samples, source_rate, whole = _decode(path, most_seconds)
    if not samples.shape[1]:
        raise AudioFileError(f"the recording {path} is empty: it holds no samples", fix="record it again or remove it")
    _refuse_bad_samples(path, samples)
    rate = sample_rate or source_rate
    return Sound(resample(samples, source_rate, rate), rate, source_rate, path.name, whole)


def read_mono(path: Path | str, sample_rate: int = SAMPLE_RATE) -> Floats:
    """A recording as training hears it: the mean of its channels, without DC offset, float32 ``[T]``.

    Raises:
        AudioFileError: as ``read_audio``.
    """
    sound = read_audio(path, None)
    mixed = sound.mono()
    centred = (mixed - np.float32(dc_offset(mixed))).astype(np.float32)
    heard: Floats = resample(centred[None], sound.source_rate, sample_rate)[0]
    return heard


def dc_offset(samples: Floats) -> float:
    """What is constant in a signal: the mean and the median must both see it.

    The mean of a short low stroke is not zero although it decays to zero, and the median of a narrow pulse is not
    zero although its mean is; taking such a value away would add a step at each end.
    """
    mean, median = float(samples.mean(dtype=np.float64)), float(np.median(samples))
    return min(mean, median, key=abs) if mean * median > 0 else 0.0


def resample(samples: Floats, source_rate: int, sample_rate: int) -> Floats:
    """Change the rate of float32 ``[C, T]``; the result has ``round(T * sample_rate / source_rate)`` samples.

    >>> resample(np.zeros((2, 44100), dtype=np.float32), 44100, 48000).shape
    (2, 48000)
    """
    if source_rate == sample_rate or not samples.shape[1]:
        return samples
    frames = max(1, round(samples.shape[1] * sample_rate / source_rate))
    converted = soxr.resample(np.ascontiguousarray(samples.T), source_rate, sample_rate, quality="HQ")
    result = np.zeros((samples.shape[0], frames), dtype=np.float32)
    kept = min(frames, len(converted))  # soxr rounds the length in its own way, one sample at most
    result[:, :kept] = converted[:kept].T
    return result


def write_audio(path: Path | str, samples: Floats, sample_rate: int = SAMPLE_RATE) -> None:
    """Write float32 ``[T]`` or ``[C, T]`` as float32 WAV or 24-bit FLAC, by the ending of ``path``.

    FLAC cannot hold more than full scale and is limited to it; WAV keeps every bit.

    Raises:
        AudioFileError: another ending, samples that are not finite, or a disk that does not take the file.
    """
    path = Path(path)
    if path.suffix.lower() not in (".wav", ".flac"):
        raise AudioFileError(
            f"cannot write {path}: {path.suffix or 'no ending'!r} is not .wav or .flac", fix="use .wav"
        )
    frames = np.atleast_2d(samples).astype(np.float32, copy=False).T
    if not np.isfinite(frames).all():
        raise AudioFileError(f"cannot write {path}: the sound holds samples that are not finite", fix="render it again")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".flac":
            soundfile.write(path, frames, sample_rate, subtype="PCM_24")
        else:  # libsndfile would put the time of day into a float WAV, and the same sound twice would be two files
            path.write_bytes(
                wav_header(frames.shape[0], frames.shape[1], sample_rate)
                + np.ascontiguousarray(frames, "<f4").tobytes()
            )
    except (OSError, RuntimeError) as error:
        raise AudioFileError(f"cannot write {path}: {_reason(error)}", fix="choose another place") from None


def _decode(path: Path, most_seconds: float | None) -> tuple[Floats, int, bool]:
    """The samples ``[C, T]`` that are really in the file (or its first ``most_seconds``), its rate, if that is all."""
    try:
        with soundfile.SoundFile(path) as file:
            wanted = None if most_seconds is None else round(most_seconds * file.samplerate)
            pieces = _pieces(file, wanted)
            whole = wanted is None or sum(len(p) for p in pieces) < wanted or not len(file.read(1))
            return np.ascontiguousarray(np.concatenate(pieces).T), file.samplerate, whole
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise AudioFileError(
            f"cannot read the recording {path}: {_reason(error)}", fix="give a WAV, FLAC, OGG, MP3 or AIFF file"
        ) from None


def _pieces(file: Any, wanted: int | None) -> list[Floats]:
    """Blocks ``[n, C]`` until the end or until ``wanted`` frames are there."""
    pieces: list[Floats] = [np.zeros((0, file.channels), dtype=np.float32)]
    block = max(1, _BLOCK_SAMPLES // file.channels)
    left = wanted
    while left is None or left > 0:
        piece = file.read(block if left is None else min(block, left), dtype="float32", always_2d=True)
        if not len(piece):
            break
        pieces.append(piece)
        left = None if left is None else left - len(piece)
    return pieces


def _refuse_bad_samples(path: Path, samples: Floats) -> None:
    """Infinities and NaN would travel into every model that hears them."""
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        raise AudioFileError(
            f"the recording {path} holds samples that are not finite", fix="export it again or remove it"
        )
    if peak > LOUDEST:
        raise AudioFileError(
            f"the recording {path} reaches {peak:.3g} where full scale is 1", fix="export it again at full scale 1.0"
        )


def _reason(error: Exception) -> str:
    """What libsndfile or the system said, without addresses and file names."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "error_string", "") or str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__
