"""What the engine process loads: numpy, and nothing that only training, screens or devices need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from distill_live.models.playable import Playable

HEAVY = {
    "torch",
    "torchaudio",
    "vector_quantize_pytorch",
    "matplotlib",
    "textual",
    "sounddevice",
    "rtmidi",
    "click",
    "scipy",
}


def test_a_playing_engine_has_loaded_nothing_that_it_does_not_need(tiny_playable: Callable[..., Playable]) -> None:
    code = f"""
import sys
from pathlib import Path
import distill_live.engine.process
from distill_live.engine.performance import Performance
from distill_live.models.playable import load_playable
Performance(load_playable(Path({str(tiny_playable().path)!r}))).render_block()
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_neither_the_parent_nor_the_loader_loads_torch() -> None:
    code = "import sys, distill_live.cli.session, distill_live.models.transcode; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
