"""The numeric libraries are asked for one thread before numpy is loaded, and a user's own wish is left alone."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import os, sys
import distill_live.cli.main
print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_NUM_THREADS'])
"""


def run(**wishes: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", CODE]
    return subprocess.run(command, env=environment | wishes, capture_output=True, text=True, check=True).stdout.split()


def test_the_command_line_asks_for_one_thread_before_numpy_is_loaded() -> None:
    assert run() == ["False", "1", "1"]


def test_a_wish_of_the_user_stays() -> None:
    assert run(OPENBLAS_NUM_THREADS="2") == ["False", "2", "1"]
