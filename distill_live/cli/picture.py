"""A take as a picture: the spectrogram with its events marked, and the code grid below it, level by level."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distill_live.audio.files import read_audio
from distill_live.audio.mel import MelConfig, log_mel
from distill_live.cli.offline import open_model
from distill_live.engine.performance import BLOCK, RECORD, Performance
from distill_live.engine.replay import replay
from distill_live.takelog import Take, read_take

RATE = 48000


def draw_take(log: Path, recording: Path, picture: Path, model: Path | None) -> bool:
    """Replay the take, draw it, and say whether the replay has the very samples of the recording."""
    take = read_take(log)
    playable = open_model(str(model) if model else None)
    codes: list[npt.NDArray[np.int16]] = []

    def observe(performance: Performance) -> None:
        codes.append(performance.sounding.codes.copy())

    again = np.concatenate(list(replay(playable, take, observe)), axis=1)
    played = read_audio(recording, None).samples
    _draw(picture, played.mean(axis=0), np.stack(codes), take, list(playable.level_names))
    return bool(np.array_equal(again, played))


def event_label(address: str, args: tuple[Any, ...], level_names: list[str]) -> str:
    """An event as a few words.

    >>> event_label("/distill/swap", (0, "3", 1.0), ["Structure"])
    'swap Structure 3'
    """
    name = address.removeprefix("/distill/").removeprefix("param/")
    if name == "swap":
        return f"swap {level_names[int(args[0])]} {args[1]}"
    values = " ".join(f"{a:.2f}" if isinstance(a, float) else str(a) for a in args)
    return f"{name} {values}".strip()


def _draw(
    picture: Path, sound: npt.NDArray[np.float32], codes: npt.NDArray[np.int16], take: Take, names: list[str]
) -> None:
    # a home that cannot be written is no reason for matplotlib to complain
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "distill-live-matplotlib"))
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows, levels = codes.shape[1], codes.shape[2]
    figure, axes = plt.subplots(
        1 + levels,
        1,
        figsize=(14, 8),
        sharex=True,
        height_ratios=[5, *[max(1.0, rows / 4)] * levels],
        layout="constrained",
    )
    seconds = len(sound) / RATE
    mel = log_mel(sound, MelConfig())
    axes[0].imshow(mel, origin="lower", aspect="auto", extent=(0, seconds, 0, 128), cmap="magma", vmin=-90, vmax=-10)
    axes[0].set_ylabel("mel band")
    axes[0].set_title("what was played, and what the hands did (frames as logged)")
    _mark_events(axes, take, names)
    for level in range(levels):
        ax = axes[1 + level]
        shown = np.ma.masked_less(codes[:, :, level].T, 0)
        extent = (0, codes.shape[0] * BLOCK / RATE, 0, rows)
        ax.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="turbo", interpolation="nearest")
        ax.set_ylabel(names[level], rotation=0, ha="right", va="center")
        ax.set_yticks([])
    axes[-1].set_xlabel("seconds (codes after the edits; white is muted)")
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def _mark_events(axes: Any, take: Take, names: list[str]) -> None:
    shown_at: dict[str, float] = {}
    row = 0
    for event in take.events:
        if event.address == RECORD:  # changes no sample
            continue
        at = event.frame / RATE
        for ax in axes:
            ax.axvline(at, color="white", linewidth=0.4, alpha=0.6)
        if at - shown_at.get(event.address, -9.0) < 0.5 and not event.address.endswith("swap"):
            shown_at[event.address] = at  # a knob being turned: one label is enough
            continue
        shown_at[event.address] = at
        row = (row + 1) % 6
        colour = "cyan" if event.source == "midi" else "white"
        label = event_label(event.address, event.args, names)
        side = "right" if at > 0.85 * axes[0].get_xlim()[1] else "left"
        axes[0].text(at, 126 - 9 * row, f" {label} ", color=colour, fontsize=8, va="top", ha=side)
