"""How far one sound is from another, and one set of sounds from another set: the measures of ``MODEL.md`` section 7.

Definitions are those of the project's quality measure, so that figures can be compared (a test holds them equal where
that tool lies beside the checkout); 48 kHz, mono, lower is better everywhere, nothing is aligned. Torch; offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_live.audio.mel import MelConfig, mel_filterbank

RATE: Final = 48000
FLOOR_DB: Final = -100.0
RESOLUTIONS: Final = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # transform, hop, window
CLAMP: Final = 1e-8
N_FFT: Final = 2048
HOP: Final = 512
SET_BANDS: Final = 64
MOST_FRAMES: Final = 6000  # of a set, in a search for nearest neighbours

Sound = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Distances:
    """Of an estimate from its reference.

    Attributes:
        mrstft: spectral convergence plus |ln| of magnitudes, mean over three resolutions (Yamamoto et al., 2020, in the
            form of auraloss).
        mel_db: mean |dB| of 128 mel bands.
        lsd_db: log-spectral distance: mean over frames of the root mean square over bins, dB.
        centroid_percent: |difference| of the magnitude-weighted mean frequencies.
        level_db: level of the estimate less that of the reference (signed).
    """

    mrstft: float
    mel_db: float
    lsd_db: float
    centroid_percent: float
    level_db: float


def distances(reference: Sound, estimate: Sound) -> Distances:
    """Compare two sounds ``[T]``; the longer one is cut.

    >>> noise = np.random.default_rng(0).standard_normal(24_000).astype(np.float32) * 0.1
    >>> same = distances(noise, noise)
    >>> round(same.mrstft, 6), same.mel_db, same.lsd_db, round(distances(noise, noise / 2).level_db, 2)
    (0.0, 0.0, 0.0, -6.02)
    """
    length = min(len(reference), len(estimate))
    shortest = N_FFT // 2 + 1  # what the widest transform mirrors at each end
    reference, estimate = (_at_least(shortest, sound[:length]) for sound in (reference, estimate))
    ours, theirs = magnitudes(reference), magnitudes(estimate)
    in_db = _db(ours**2) - _db(theirs**2)
    centres = [_centroid_hz(m) for m in (ours, theirs)]
    return Distances(
        mrstft=float(np.mean([_resolution(reference, estimate, *one) for one in RESOLUTIONS])),
        mel_db=float(np.abs(_mel_db(ours, 128) - _mel_db(theirs, 128)).mean()),
        lsd_db=float(np.sqrt((in_db**2).mean(axis=1)).mean()),
        centroid_percent=100.0 * abs(centres[1] - centres[0]) / max(centres[0], 1e-9),
        level_db=_level_db(estimate) - _level_db(reference),
    )


def magnitudes(sound: Sound, hop: int = HOP) -> Floats:
    """Magnitudes ``[frames, bins]``, 1.0 for the peak of a full-scale sine."""
    found: Floats = _stft(_at_least(N_FFT + 1, sound), N_FFT, hop, N_FFT).numpy().T.astype(np.float64) / (N_FFT / 4.0)
    return found


def _at_least(samples: int, sound: Sound) -> Sound:
    """With silence behind it where it is shorter."""
    return np.pad(sound, (0, max(0, samples - len(sound))))


def _stft(sound: Sound, n_fft: int, hop: int, window: int) -> Tensor:
    spectra = torch.stft(torch.from_numpy(sound), n_fft, hop, window, torch.hann_window(window), return_complex=True)
    return spectra.abs()


def _resolution(reference: Sound, estimate: Sound, n_fft: int, hop: int, window: int) -> float:
    ours, theirs = (
        torch.sqrt(torch.clamp(_stft(sound, n_fft, hop, window) ** 2, min=CLAMP)) for sound in (reference, estimate)
    )
    convergence = torch.linalg.norm(ours - theirs) / torch.linalg.norm(ours)
    return float(convergence) + float((ours.log() - theirs.log()).abs().mean())


def _db(power: Floats) -> Floats:
    found: Floats = np.maximum(10.0 * np.log10(np.maximum(power, 1e-30)), FLOOR_DB)
    return found


@lru_cache(maxsize=4)
def _bank(bands: int) -> Floats:
    return mel_filterbank(MelConfig(n_mels=bands)).astype(np.float64)


def _mel_db(found: Floats, bands: int) -> Floats:
    return _db((found**2) @ _bank(bands).T)


def _centroid_hz(found: Floats) -> float:
    at_hz = np.linspace(0, RATE / 2, found.shape[1])
    return float((found * at_hz).sum() / max(float(found.sum()), 1e-12))


def _level_db(sound: Sound) -> float:
    return float(10.0 * np.log10(max(float(np.square(sound, dtype=np.float64).mean()), 1e-10)))


# ------------------------------------------------------------------ sets


@dataclass(frozen=True)
class Frames:
    """The frames of a set of sounds: 64 mel bands in dB ``[N, 64]``, and with two regression deltas ``[N, 192]``.

    ``of``: which sound each frame is from ``[N]``.
    """

    bands: Floats
    moving: Floats
    of: NDArray[np.int64]


def frames_of(sounds: Sequence[Sound]) -> Frames:
    """All frames of some sounds."""
    bands, moving, of = [], [], []
    for number, sound in enumerate(sounds):
        mel = _mel_db(magnitudes(sound), SET_BANDS)
        first = _delta(mel)
        bands.append(mel)
        moving.append(np.concatenate([mel, first, _delta(first)], axis=1))
        of.append(np.full(len(mel), number, np.int64))
    return Frames(np.concatenate(bands), np.concatenate(moving), np.concatenate(of))


def _delta(mel: Floats) -> Floats:
    """Regression over two frames to either side, edges repeated."""
    p = np.pad(mel, ((2, 2), (0, 0)), mode="edge")
    found: Floats = (p[3:-1] - p[1:-3] + 2 * (p[4:] - p[:-4])) / 10.0
    return found


def frechet(ours: Frames, theirs: Frames) -> float:
    """Frechet distance of the frames with their deltas, as if both were normal, per dimension."""
    a, b = ours.moving, theirs.moving
    of_a, of_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(of_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = float(np.sqrt(np.maximum(np.linalg.eigvalsh(root @ of_b @ root), 0)).sum())
    apart = float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum())
    spread = float(np.trace(of_a) + np.trace(of_b)) - 2.0 * cross
    return float(max(0.0, apart + spread) / a.shape[1])


def nearest_db(ours: Frames, theirs: Frames, apart: bool = False, seed: int = 0) -> float:
    """Mean distance of each of our frames to the nearest of theirs, dB (RMS over bands).

    Args:
        apart: neighbours from the sound of the same number are left out (for a set against itself).
        seed: of the choice of frames, where there are very many.
    """
    rng = np.random.default_rng(seed)
    mine, others = _some(len(ours.of), rng), _some(len(theirs.of), rng)
    same = (ours.of[mine, None] == theirs.of[others]) if apart else None
    return _nearest(ours.bands[mine], theirs.bands[others], same)


def nearest_rms(ours: Floats, theirs: Floats, seed: int = 0) -> float:
    """The same of frames ``[N, bands]`` and ``[M, bands]`` in dB, however many bands."""
    rng = np.random.default_rng(seed)
    return _nearest(ours[_some(len(ours), rng)], theirs[_some(len(theirs), rng)], None)


def _nearest(ours: Floats, theirs: Floats, left_out: NDArray[np.bool_] | None) -> float:
    a, b, found = torch.from_numpy(ours), torch.from_numpy(theirs), []
    for start in range(0, len(a), 1000):
        distance = torch.cdist(a[start : start + 1000], b)
        if left_out is not None:
            distance = distance.masked_fill(torch.from_numpy(left_out[start : start + 1000]), float("inf"))
        found.append(distance.min(dim=1).values)
    joined = torch.cat(found)
    joined = joined[torch.isfinite(joined)]
    return float(joined.mean()) / ours.shape[1] ** 0.5 if len(joined) else float("nan")


def _some(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(count) if count <= MOST_FRAMES else rng.permutation(count)[:MOST_FRAMES]


def novelty_words(own_db: float, apart_db: float, held_out_db: float | None) -> str:
    """Where sounds stand between copying and leaving a corpus, in words.

    Args:
        own_db: mean distance of their frames to the nearest training frame.
        apart_db: of training frames to those of other recordings; not finite where there is one alone.
        held_out_db: of held-out frames to training frames; None without any.
    """
    if held_out_db is None or not np.isfinite(apart_db):
        return f"{own_db:.1f} dB from its corpus; too few recordings to say what is usual"
    low, high = min(apart_db, held_out_db), max(apart_db, held_out_db)
    if own_db < low:
        share = 100.0 * (1.0 - own_db / max(low, 1e-9))
        return f"copies: {share:.0f} % nearer to single moments of the corpus than its recordings are to each other"
    if own_db > high:
        return "leaves the corpus: further from it than recordings that were held out"
    return "new: as far from the corpus as its own recordings are from each other"
