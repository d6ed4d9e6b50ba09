"""A folder of recordings, looked at before anything is trained on it: what is used, what is not, and why.

``scan_corpus`` opens every audio file once and keeps facts, not sound; ``load_mono`` reads a file again as training
hears it. Knows nothing of mels or models. Any thread; a large folder takes its time, ``progress`` says how far.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.files import AUDIO_SUFFIXES, SAMPLE_RATE, dc_offset, read_audio, resample
from distill_live.errors import AudioFileError, CorpusError

Floats = NDArray[np.float32]
Progress = Callable[[int, int, str], None]  # files done, files in all, name of the one just done

_DULL_HZ: Final = 32_000  # a lower sample rate takes away what a listener would miss
_HOP_S: Final = 0.01  # sounding time is counted in pieces of this length


@dataclass(frozen=True)
class CorpusLimits:
    """What counts as usable sound.

    Attributes:
        shortest_s: shorter files are skipped.
        longest_s: of a longer file only this much of its beginning is used.
        most_total_s: once the corpus holds this much, further files are skipped; it bounds memory.
        silence_dbfs: a piece whose peak stays below is silence; a file needs ``shortest_s`` above it.
        enough_s: seconds above ``silence_dbfs`` that all files together must hold.
    """

    shortest_s: float = 0.03
    longest_s: float = 600.0
    most_total_s: float = 7200.0
    silence_dbfs: float = -60.0
    enough_s: float = 2.0

    def __post_init__(self) -> None:
        assert 0.0 < self.shortest_s < self.longest_s <= self.most_total_s, self
        assert self.silence_dbfs < 0.0 <= self.enough_s, self


@dataclass(frozen=True)
class CorpusFile:
    """A file that is used. ``name`` is its path below the folder; ``seconds`` is what is used of it."""

    path: Path
    name: str
    seconds: float
    sounding_s: float
    source_rate: int
    channels: int
    peak_dbfs: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SkippedFile:
    """A file that is not used, and why, in words."""

    name: str
    reason: str


@dataclass(frozen=True)
class CorpusReport:
    """What a folder holds: ``used`` and ``skipped`` in the order of their names, ``not_audio`` only counted."""

    folder: Path
    used: tuple[CorpusFile, ...]
    skipped: tuple[SkippedFile, ...]
    not_audio: int = 0

    @property
    def seconds(self) -> float:
        return sum(file.seconds for file in self.used)

    def sentence(self) -> str:
        """Everything in one line.

        >>> CorpusReport(Path("drones"), (), (SkippedFile("a.wav", "silent"),), 2).sentence()
        'drones: 0 files, 0.0 s of sound; 1 skipped; 2 other files ignored'
        """
        parts = [f"{self.folder.name}: {_files(len(self.used))}, {spoken_time(self.seconds)} of sound"]
        noted = sum(bool(file.notes) for file in self.used)
        parts += [f"{noted} with remarks"] if noted else []
        parts += [f"{len(self.skipped)} skipped"] if self.skipped else []
        parts += (
            [f"{self.not_audio} other {'file' if self.not_audio == 1 else 'files'} ignored"] if self.not_audio else []
        )
        return "; ".join(parts)

    def lines(self) -> list[str]:
        """One line for each file that was skipped, then one for each that is used with a remark."""
        skipped = [f"skipped {file.name}: {file.reason}" for file in self.skipped]
        return skipped + [f"used {file.name}: {', '.join(file.notes)}" for file in self.used if file.notes]


def scan_corpus(
    folder: Path | str, limits: CorpusLimits | None = None, progress: Progress | None = None
) -> CorpusReport:
    """Open every audio file below ``folder`` (hidden ones and links to folders aside) and report.

    Raises:
        CorpusError: no such folder, nothing in it, no audio in it, or too little usable sound.
    """
    folder, limits = Path(folder), limits or CorpusLimits()
    paths, not_audio = _audio_paths(folder)
    used: list[CorpusFile] = []
    skipped: list[SkippedFile] = []
    seen: dict[str, str] = {}
    for number, path in enumerate(paths, 1):
        name = path.relative_to(folder).as_posix()
        left_s = limits.most_total_s - sum(file.seconds for file in used)
        found = _look_at(path, name, limits, left_s, seen)
        used.append(found) if isinstance(found, CorpusFile) else skipped.append(found)
        if progress is not None:
            progress(number, len(paths), name)
    report = CorpusReport(folder, tuple(used), tuple(skipped), not_audio)
    _refuse_too_little(report, limits)
    return report


def load_mono(file: CorpusFile, sample_rate: int = SAMPLE_RATE) -> Floats:
    """The sound of a used file as training hears it: mono, without DC offset, float32 ``[T]`` at ``sample_rate``.

    Raises:
        AudioFileError: the file has changed or gone since it was scanned.
    """
    return _used_part(file.path, file.seconds, sample_rate)[0]


def _audio_paths(folder: Path) -> tuple[list[Path], int]:
    """Audio files below ``folder`` sorted by name, and how many other files there are."""
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.is_file() else "does not exist"
        raise CorpusError(f"the folder {folder} {kind}", fix="give a folder of WAV, FLAC, OGG, MP3 or AIFF recordings")
    everything: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        everything += [Path(root) / name for name in names if not name.startswith(".")]
    if not everything:
        raise CorpusError(f"the folder {folder} is empty", fix="put recordings into it, minutes rather than seconds")
    paths = sorted((p for p in everything if p.suffix.lower() in AUDIO_SUFFIXES), key=lambda p: p.as_posix())
    if not paths:
        raise CorpusError(
            f"the folder {folder} holds {_files(len(everything))} but no audio",
            fix="put WAV, FLAC, OGG, MP3 or AIFF recordings into it",
        )
    return paths, len(everything) - len(paths)


def _look_at(
    path: Path, name: str, limits: CorpusLimits, left_s: float, seen: dict[str, str]
) -> CorpusFile | SkippedFile:
    """One file: its facts, or the reason why it is not used. ``seen`` holds a hash of each sound so far."""
    if left_s < limits.shortest_s:
        return SkippedFile(name, f"the corpus is full: it already holds {spoken_time(limits.most_total_s)}")
    try:
        samples, facts = _used_part(path, min(limits.longest_s, left_s), None)
    except AudioFileError as error:
        return SkippedFile(name, error.what.replace(str(path), name))
    facts = replace(facts, name=name, sounding_s=_sounding_s(samples, facts.source_rate, limits.silence_dbfs))
    if facts.seconds < limits.shortest_s:
        return SkippedFile(
            name, f"too short: {facts.seconds * 1e3:.0f} ms, at least {limits.shortest_s * 1e3:.0f} needed"
        )
    if facts.sounding_s < limits.shortest_s:
        return SkippedFile(name, f"silent: next to nothing in it is louder than {limits.silence_dbfs:.0f} dBFS")
    twin = seen.setdefault(hashlib.sha256(samples.tobytes()).hexdigest(), name)
    if twin != name:  # a copy among the held-out files would make every measure too good
        return SkippedFile(name, f"it is the same sound as {twin}")
    return facts


def _used_part(path: Path, most_s: float, sample_rate: int | None) -> tuple[Floats, CorpusFile]:
    """Mono samples without DC at ``sample_rate`` (None: the file's own), and the file's facts."""
    sound = read_audio(path, None, most_seconds=most_s)
    mixed = sound.mono()
    offset = dc_offset(mixed)
    samples = (mixed - np.float32(offset)).astype(np.float32)
    peak = float(np.abs(samples).max())
    notes: list[str] = []
    if not sound.whole:
        notes.append(f"only its first {spoken_time(sound.seconds)} are used")
    if sound.source_rate < _DULL_HZ:
        notes.append(f"at {sound.source_rate / 1e3:g} kHz nothing sounds above {sound.source_rate / 2e3:g} kHz")
    if len(sound.samples) > 2:
        notes.append(f"{len(sound.samples)} channels are mixed to one")
    if _is_clipped(sound.samples):
        notes.append("clipped")
    if abs(offset) > 0.005:
        notes.append(f"a DC offset of {offset:+.3f} is removed")
    peak_dbfs = 20.0 * float(np.log10(max(peak, 1e-6)))
    facts = CorpusFile(
        path, path.name, sound.seconds, 0.0, sound.source_rate, len(sound.samples), peak_dbfs, tuple(notes)
    )
    if sample_rate is not None:
        samples = resample(samples[None], sound.source_rate, sample_rate)[0]
    return samples, facts


def _sounding_s(samples: Floats, rate: int, silence_dbfs: float) -> float:
    """Seconds of pieces of 10 ms whose peak is above ``silence_dbfs``."""
    hop = max(1, round(rate * _HOP_S))
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), hop))
    loud = int((peaks > 10 ** (silence_dbfs / 20)).sum())
    return min(loud * hop, len(samples)) / rate


def _is_clipped(samples: Floats) -> bool:
    """Whether the loudest value, near full scale, is held for three samples in a row more than a few times."""
    peak = float(np.abs(samples).max())
    if peak < 0.9:
        return False
    flat = np.abs(samples) >= peak * 0.9999
    return int((flat[:, 2:] & flat[:, 1:-1] & flat[:, :-2]).sum()) > 8


def _refuse_too_little(report: CorpusReport, limits: CorpusLimits) -> None:
    sounding_s = sum(file.sounding_s for file in report.used)
    if report.used and sounding_s >= limits.enough_s:
        return
    first = f" ({report.skipped[0].name}: {report.skipped[0].reason})" if report.skipped else ""
    raise CorpusError(
        f"the folder {report.folder} holds {sounding_s:.1f} s of usable sound in {_files(len(report.used))},"
        f" with {len(report.skipped)} skipped{first}; at least {limits.enough_s:g} s are needed",
        fix="add recordings, a minute or more",
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def spoken_time(seconds: float) -> str:
    """A length of time as a person says it.

    >>> spoken_time(7.25), spoken_time(312.0), spoken_time(7200.0)
    ('7.2 s', '5 min 12 s', '2 h 0 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60} min"
