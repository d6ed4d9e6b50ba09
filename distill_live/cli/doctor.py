"""``distill-live doctor``: looks at this machine and says what to do about each thing that is missing.

A check is a function that returns one line of the report; it changes nothing and never raises. The exit code is 1 when
something is missing without which there is no music at all.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import click

from distill_live import __version__
from distill_live.errors import DistillError

State = Literal["good", "missing", "fatal"]
MARKS: Final = {"good": "ok", "missing": "--", "fatal": "!!"}
NEEDED_DISK_GB: Final = 1.0
RENDER_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Finding:
    """One line: ``fatal`` when nothing works without it, ``missing`` when something would be better with it."""

    name: str
    state: State
    text: str
    fix: str = ""


@click.command(
    "doctor",
    epilog="""\b
Example:
  distill-live doctor
  distill-live doctor --json""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(as_json: bool) -> int:
    """Check this machine, and say what to do about what is missing."""
    findings: list[Finding] = []
    for check in CHECKS:
        findings.append(check())
        if not as_json:
            _print(findings[-1])
    healthy = all(f.state != "fatal" for f in findings)
    if as_json:
        print(json.dumps({"healthy": healthy, "findings": [asdict(f) for f in findings]}, indent=1))
    elif healthy:
        print("Ready to play.")
    return 0 if healthy else 1


def _print(finding: Finding) -> None:
    print(f"{MARKS[finding.state]}  {finding.name:18} {finding.text}", flush=True)
    if finding.fix:
        print(f"    {'':18} -> {finding.fix}")


def python_version() -> Finding:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", "good", f"distill-live {__version__}, {text}")


def torch_versions() -> Finding:
    """Only the versions: importing torch takes a second, and the render does it anyway."""
    try:
        torch, torchaudio = (importlib.metadata.version(name) for name in ("torch", "torchaudio"))
    except importlib.metadata.PackageNotFoundError as error:
        return Finding("torch", "fatal", f"{error.name} is not installed", "run scripts/setup, or pip install -e .")
    text = f"torch {torch}, torchaudio {torchaudio}"
    if torch.split("+")[0].split(".")[:2] != torchaudio.split("+")[0].split(".")[:2]:
        return Finding("torch", "missing", text, "training needs the two of one version; install them together")
    return Finding("torch", "good", text)


def audio_output() -> Finding:
    from distill_live.engine.devices import list_devices, pick_output

    try:
        outputs = list_devices().outputs
        chosen = pick_output(outputs, None)
    except DistillError as error:
        return Finding("audio output", "missing", f"{error.what}; playing goes to the null device", error.fix)
    if chosen.default_rate != 48000:
        text = f"{chosen.label}, set to {chosen.default_rate:g} Hz: the sound is converted"
        return Finding("audio output", "good", text)
    return Finding("audio output", "good", f"{chosen.label}, {len(outputs)} in all (see `distill-live devices`)")


def midi_inputs() -> Finding:
    from distill_live.control.midi import list_inputs, midi_systems

    names = list_inputs()
    if names:
        return Finding("midi", "good", ", ".join(names))
    if midi_systems():
        return Finding("midi", "missing", "no controller is connected", "plug one in; it is found while playing")
    fix = "load the ALSA sequencer (modprobe snd-seq), or start a JACK server"
    return Finding("midi", "missing", "this system has no MIDI", fix)


def realtime() -> Finding:
    from distill_live.engine.priority import realtime_allowed

    if realtime_allowed():
        return Finding("real time", "good", "the system grants real-time priority")
    if sys.platform == "win32":
        return Finding("real time", "good", "Windows gives the audio processes high priority")
    fix = "put '@audio - rtprio 95' into /etc/security/limits.d/audio.conf, and yourself into the group audio"
    return Finding("real time", "missing", "no real-time priority: gaps are likely under load", fix)


def library_folder() -> Finding:
    from distill_live.home import home

    return _writable("library", "fatal", home(), "set DISTILL_HOME to a folder you may write in")


def current_folder() -> Finding:
    return _writable("this folder", "missing", Path.cwd(), "go to a folder of your own, or give --out and --record one")


def free_disk() -> Finding:
    from distill_live.home import home

    free_gb = shutil.disk_usage(_existing(home())).free / 1e9
    text = f"{free_gb:.1f} GB free ({free_gb * 1e9 / (48000 * 8 * 3600):.0f} hours of recording)"
    if free_gb < NEEDED_DISK_GB:
        return Finding("disk", "missing", text, "make room before recording")
    return Finding("disk", "good", text)


def one_second_render() -> Finding:
    """The factory model through the whole chain, as a live engine would."""
    try:
        return _render()
    except DistillError as error:
        return Finding("render", "fatal", error.what, error.fix)
    except (OSError, ImportError) as error:
        return Finding("render", "fatal", str(error), "install again: scripts/setup, or pip install -e .")


def _render() -> Finding:
    import numpy as np

    from distill_live.cli.offline import open_model
    from distill_live.engine.replay import render_offline
    from distill_live.engine.take import TakeStart

    started_s = time.perf_counter()
    performance = TakeStart(seed=7).performance(open_model(None))
    loaded_s = time.perf_counter()
    sound = render_offline(performance, RENDER_SECONDS)
    share = (time.perf_counter() - loaded_s) / RENDER_SECONDS
    if not np.isfinite(sound).all() or not np.abs(sound).max() > 0:
        return Finding("render", "fatal", "the factory model renders no sound", "install again")
    text = f"loads in {loaded_s - started_s:.1f} s, one second takes {share:.2f} s"
    if share > 0.8:
        return Finding("render", "missing", text, "this machine is too slow or busy to play live; `render` works")
    return Finding("render", "good", text)


def _writable(name: str, otherwise: State, folder: Path, fix: str) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Finding(name, "good", f"{folder} can be written")
    except OSError as error:
        return Finding(name, otherwise, f"{folder} cannot be written: {error.strerror}", fix)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next((p for p in (folder, *folder.parents) if os.path.lexists(p)), Path(folder.anchor))


CHECKS: Final[tuple[Callable[[], Finding], ...]] = (
    python_version,
    torch_versions,
    audio_output,
    midi_inputs,
    realtime,
    library_folder,
    current_folder,
    free_disk,
    one_second_render,
)
