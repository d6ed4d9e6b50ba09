"""Asking the system for a place in the queue: real time for the sound, last place for training and loading.

Knows nothing of audio. Each function speaks for the calling thread (Linux) or process (elsewhere), and says in one
sentence what was granted. Called once at the start of a process or thread.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

DEVICE_PRIORITY: Final = 65  # below the audio server's own 70 (PLATFORM.md), above the engine
ENGINE_PRIORITY: Final = 50

_HIGH_PRIORITY_CLASS: Final = 0x80
_IDLE_PRIORITY_CLASS: Final = 0x40


def request_realtime(priority: int, inherit: bool = False) -> str:
    """Ask for ``SCHED_FIFO`` at ``priority`` (1..99); says what was granted, never raises.

    With ``inherit`` the threads that are started afterwards have it too (PortAudio's, under ALSA); without, they are
    ordinary threads.
    """
    assert 1 <= priority <= 99, priority
    if sys.platform == "win32":
        granted = _windows_priority_class(_HIGH_PRIORITY_CLASS)
        return "high process priority." if granted else "ordinary priority: Windows refused the high priority class."
    if not hasattr(os, "sched_setscheduler"):
        return "ordinary priority for our own threads; macOS gives its audio threads real time by itself."
    try:
        _set_fifo(priority, inherit)
    except OSError:
        return (
            "ordinary priority: the system grants no real time; under load there may be gaps. Allow it with "
            "'@audio - rtprio 95' in /etc/security/limits.d/audio.conf and membership of the group audio."
        )
    return f"real-time priority {priority}."


def realtime_allowed() -> bool:
    """Whether this system would grant real time to this user; changes nothing."""
    if not hasattr(os, "sched_setscheduler"):
        return sys.platform == "darwin"
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, policy, param)
    return True


def lower_priority() -> str:
    """Go to the end of the queue: whatever sounds goes first. Also undoes an inherited real-time priority."""
    if sys.platform == "win32":
        _windows_priority_class(_IDLE_PRIORITY_CLASS)
        return "lowest priority."
    with contextlib.suppress(OSError):  # being lower already is not an error
        os.nice(19)
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return "lowest priority."


def _set_fifo(priority: int, inherit: bool) -> None:
    _raise_limit(priority)
    policy = os.SCHED_FIFO if inherit else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def _raise_limit(priority: int) -> None:
    """Use what an administrator has allowed but not switched on (the hard limit above the soft one)."""
    import resource

    if not hasattr(resource, "RLIMIT_RTPRIO"):
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_RTPRIO)
    enough = hard == resource.RLIM_INFINITY or hard >= priority
    if soft != resource.RLIM_INFINITY and soft < priority and enough:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_RTPRIO, (priority, hard))


def _windows_priority_class(priority_class: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    return bool(kernel.SetPriorityClass(kernel.GetCurrentProcess(), priority_class))
