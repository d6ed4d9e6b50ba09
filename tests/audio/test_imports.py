"""The audio room is light: it never loads torch, and the device process does not even load a file reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import distill_live.audio

MODULES = sorted(path.stem for path in Path(distill_live.audio.__file__).parent.glob("[a-z]*.py"))
READERS = {"files", "corpus", "demo_corpus"}  # these may load soundfile or soxr


def loaded_by(modules: list[str]) -> set[str]:
    names = ", ".join(f"distill_live.audio.{module}" for module in modules)
    program = f"import sys, {names}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_module_loads_torch_scipy_hardware_or_screens() -> None:
    assert "ring" in MODULES
    heavy = {"torch", "torchaudio", "scipy", "sounddevice", "mido", "rtmidi", "textual", "matplotlib"}
    assert not loaded_by(MODULES) & heavy


@pytest.mark.parametrize("modules", [[m for m in MODULES if m not in READERS]])
def test_what_the_live_processes_need_loads_numpy_alone(modules: list[str]) -> None:
    assert {"mel", "ring", "wavfile", "smoothing", "meter", "overlap"} <= set(modules)
    assert not loaded_by(modules) & {"soundfile", "soxr", "torch"}
