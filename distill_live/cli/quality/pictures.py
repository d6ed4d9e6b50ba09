"""What ears and tables miss: a recording beside what came back of it, and what is played beside its codes."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.mel import MelConfig, log_mel

RATE: Final = 48000
_LOW_DB, _HIGH_DB = -90.0, -10.0

Sound = NDArray[np.float32]


def pyplot() -> Any:
    """Matplotlib without a screen."""
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "distill-live-matplotlib"))
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def draw_pairs(picture: Path, names: Sequence[str], pairs: Sequence[tuple[Sound, Sound]]) -> None:
    """Spectrograms of recordings (left) and of what came back of them (right), one pair a row."""
    plt = pyplot()
    figure, axes = plt.subplots(len(pairs), 2, figsize=(14, 2.6 * len(pairs)), squeeze=False, layout="constrained")
    for row, (name, pair) in enumerate(zip(names, pairs, strict=True)):
        for column, (sound, what) in enumerate(zip(pair, ("recording", "through codes"), strict=True)):
            _spectrogram(axes[row, column], sound)
            axes[row, column].set_title(f"{name}, {what}", fontsize=9)
    _save(plt, figure, picture)


def draw_played(picture: Path, sound: Sound, codes: NDArray[np.int16], level_names: Sequence[str]) -> None:
    """What a model plays by itself, and the codes ``[W, H, Q]`` it plays it with."""
    plt = pyplot()
    levels = codes.shape[2]
    figure, axes = plt.subplots(
        1 + levels,
        1,
        figsize=(14, 2.5 + 1.2 * levels),
        sharex=True,
        height_ratios=[3] + [1] * levels,
        layout="constrained",
    )
    _spectrogram(axes[0], sound)
    seconds = len(sound) / RATE
    for level, name in enumerate(level_names):
        shown = codes[:, :, level].T
        extent = (0.0, seconds, 0.0, float(shown.shape[0]))
        axes[1 + level].imshow(
            shown, origin="lower", aspect="auto", extent=extent, cmap="turbo", interpolation="nearest"
        )
        axes[1 + level].set_ylabel(name, fontsize=8)
        axes[1 + level].set_yticks([])
    axes[-1].set_xlabel("s")
    _save(plt, figure, picture)


def draw_edits(picture: Path, level: int, shown: Mapping[str, tuple[Sound, NDArray[np.int16]]], from_s: float) -> None:
    """What was done to one level, from ``from_s`` on: spectrograms, and under each that level's codes by block."""
    plt = pyplot()
    rows = -(-len(shown) // 2)
    figure, axes = plt.subplots(
        2 * rows, 2, figsize=(14, 2.6 * rows), squeeze=False, height_ratios=[4, 1] * rows, layout="constrained"
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for number, (edit, (sound, codes)) in enumerate(shown.items()):
        above, below = axes[number // 2 * 2 : number // 2 * 2 + 2, number % 2]
        above.set_axis_on()
        _spectrogram(above, sound)
        above.axvline(from_s, color="w", linewidth=0.8)
        above.set_title(edit, fontsize=9)
        extent = (0.0, len(sound) / RATE, 0.0, float(codes.shape[1]))
        below.imshow(
            codes[:, :, level].T, origin="lower", aspect="auto", extent=extent, cmap="turbo", interpolation="nearest"
        )
    _save(plt, figure, picture)


def draw_hour(picture: Path, bands: NDArray[np.float32], codes: NDArray[np.int16], level_names: Sequence[str]) -> None:
    """Mel bands dB ``[n_mels, seconds]``, and how often each code of each level is used over the time ``[W, H, Q]``."""
    plt = pyplot()
    levels, seconds = codes.shape[2], bands.shape[1]
    figure, axes = plt.subplots(1 + levels, 1, figsize=(14, 3 + 1.6 * levels), sharex=True, layout="constrained")
    minutes = (0.0, seconds / 60.0)
    axes[0].imshow(
        bands, origin="lower", aspect="auto", extent=(*minutes, 0.0, 128.0), cmap="magma", vmin=_LOW_DB, vmax=_HIGH_DB
    )
    axes[0].set_yticks([])
    slices = np.array_split(np.arange(len(codes)), max(1, min(seconds // 10, len(codes))))
    for level, name in enumerate(level_names):
        size = int(codes[:, :, level].max()) + 1
        used = [np.bincount(codes[part, :, level].ravel(), minlength=size) / len(part) for part in slices]
        shown = np.sqrt(np.stack(used, axis=1))
        axes[1 + level].imshow(
            shown, origin="lower", aspect="auto", extent=(*minutes, 0.0, float(size)), cmap="viridis"
        )
        axes[1 + level].set_ylabel(f"{name}, code", fontsize=8)
    axes[-1].set_xlabel("min")
    _save(plt, figure, picture)


def draw_curves(picture: Path, curves: dict[str, Sequence[dict[str, Any]]]) -> None:
    """Held-out values of codec and prior over the seconds of a training."""
    plt = pyplot()
    figure, axes = plt.subplots(1, len(curves), figsize=(6 * len(curves), 3), squeeze=False, layout="constrained")
    for ax, (name, curve) in zip(axes[0], curves.items(), strict=True):
        ax.plot([p["seconds"] for p in curve], [p["held_out"] for p in curve])
        ax.set_title(f"{name}, held out")
        ax.set_xlabel("s")
    _save(plt, figure, picture)


def _spectrogram(ax: Any, sound: Sound) -> None:
    mel = log_mel(np.ascontiguousarray(sound, np.float32), MelConfig())
    extent = (0.0, len(sound) / RATE, 0.0, 128.0)
    ax.imshow(mel, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=_LOW_DB, vmax=_HIGH_DB)
    ax.set_yticks([])


def _save(plt: Any, figure: Any, picture: Path) -> None:
    from PIL import Image

    picture.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=70, format="png")
    plt.close(figure)
    with Image.open(drawn) as image:  # 128 colours are enough for it, and a third of the bytes
        image.convert("RGB").quantize(128).save(picture, optimize=True)
