"""The numeric libraries are asked for one thread and no huge pages before numpy is loaded; a user's own wish stays."""

from __future__ import annotations

import os
import subprocess
import sys

ASKED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMPY_MADVISE_HUGEPAGE")
CODE = f"""
import os, sys
import distill_live.cli.main
print('numpy' in sys.modules, *(os.environ[name] for name in {ASKED}))
"""


def run(**wishes: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ASKED}
    command = [sys.executable, "-c", CODE]
    return subprocess.run(command, env=environment | wishes, capture_output=True, text=True, check=True).stdout.split()


def test_the_command_line_asks_before_numpy_is_loaded() -> None:
    assert run() == ["False", "1", "1", "1", "0"]


def test_a_wish_of_the_user_stays() -> None:
    assert run(OPENBLAS_NUM_THREADS="2") == ["False", "2", "1", "1", "0"]
    assert run(NUMPY_MADVISE_HUGEPAGE="1") == ["False", "1", "1", "1", "1"]
