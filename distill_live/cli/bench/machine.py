"""What a figure must be read beside: the processor, its cores, the versions, whether real time was granted.

Knows nothing of what is measured. Any thread.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from distill_live import __version__
from distill_live.engine.priority import realtime_allowed

PACKAGES = ("torch", "torchaudio", "numpy", "sounddevice")


def describe_machine() -> dict[str, Any]:
    """The machine as plain values, ready for a page or JSON."""
    return {
        "machine": platform.node(),
        "processor": processor_name(),
        "cores": usable_cores(),
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "jackd": jackd_version(),
        "real time": "granted" if realtime_allowed() else "not granted",
        "distill-live": __version__,
    }


def processor_name() -> str:
    """The processor as the system calls it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jackd_version() -> str:
    """The JACK server's own words, or ``none``."""
    try:
        done = subprocess.run(["jackd", "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    words = [line for line in done.stdout.splitlines() if "version" in line]
    return words[0].strip() if words else "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
