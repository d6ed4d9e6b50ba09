"""Real plugins of others for the tests of the host: Debian's zam-plugins, looked at once for each test process."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import pytest

from distill_live.effects.base import Effect
from distill_live.effects.hosted import Entry, HostedPlugin, name_for
from distill_live.effects.vst3 import hosted_class
from distill_live.effects.vst3_scan import look_at

FOLDER = Path("/usr/lib/vst3")
NAMES = (
    "ZaMaximX2", "ZaMultiComp", "ZaMultiCompX2", "ZamAutoSat", "ZamComp", "ZamCompX2", "ZamDelay", "ZamDynamicEQ",
    "ZamEQ2", "ZamGEQ31", "ZamGate", "ZamGateX2", "ZamGrains", "ZamHeadX2", "ZamPhono", "ZamTube",
)  # fmt: skip
"""All but ZamVerb, which takes ten seconds to be looked at."""

needs_pedalboard = pytest.mark.skipif(
    importlib.util.find_spec("pedalboard") is None,
    reason="pedalboard is not installed: pip install pedalboard",
)
needs_zam = pytest.mark.skipif(
    importlib.util.find_spec("pedalboard") is None or not (FOLDER / "ZamDelay.vst3").exists(),
    reason="needs pedalboard (pip install pedalboard) and Debian's zam-plugins",
)


def require_pedalboard() -> None:
    """Skip the rest of a test that cannot go on without it."""
    pytest.importorskip("pedalboard", reason="pedalboard is not installed: pip install pedalboard")


def path_of(title: str) -> Path:
    return FOLDER / f"{title}.vst3"


@functools.cache
def plugin(title: str) -> HostedPlugin:
    """What ``distill-live plugins add`` finds out about it."""
    return look_at(Entry(name_for(path_of(title)), path_of(title)))


def made(title: str) -> Effect:
    return hosted_class(plugin(title))()
