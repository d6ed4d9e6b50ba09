"""What the engine process loads: torch once, and neither torchaudio nor the training libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from distill_live.models.playable import Playable

HEAVY = {"torchaudio", "vector_quantize_pytorch", "matplotlib", "textual", "sounddevice", "rtmidi", "click", "scipy"}


def test_a_playing_engine_has_loaded_nothing_that_it_does_not_need(tiny_playable: Callable[..., Playable]) -> None:
    code = f"""
import sys
from pathlib import Path
import distill_live.engine.process
from distill_live.engine.performance import Performance
from distill_live.models.playable import load_playable
Performance(load_playable(Path({str(tiny_playable().path)!r}))).render_block()
print(sorted({HEAVY!r} & set(sys.modules)), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


def test_importing_the_process_module_does_not_load_torch() -> None:
    """The parent composes settings; only the child pays for torch."""
    code = "import sys, distill_live.cli.session; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
