"""Asking the system for a place in the queue and in memory: real time for the sound, last place for training.

Knows nothing of audio. Each function speaks for the calling thread (Linux) or process (elsewhere), and says in one
sentence what was granted. Called once at the start of a process or thread; ``lock_memory`` when its buffers are there.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from typing import Final

DEVICE_PRIORITY: Final = 65  # below the audio server's own 70 (PLATFORM.md), above the engine
ENGINE_PRIORITY: Final = 50
HELPER_PRIORITY: Final = 49  # the engine's other threads: one that waits for a core may hold the interpreter's lock

_MCL_CURRENT: Final = 1
_MCL_ONFAULT: Final = 4
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


def lower_thread_priority() -> None:
    """Behind the sound, before the training: the calling thread and the processes it starts, on Linux alone.

    (Elsewhere a thread has no such priority of its own.)
    """
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(10)


def lock_memory() -> str:
    """Keep what this process has in memory there, so that no page fault can make it late; says what was granted.

    Only pages that have been touched are locked, so it costs no memory that is not in use; what the process takes
    afterwards is not. (``mlockall`` of Linux; its limit counts reserved memory too, so it is all or nothing.)
    """
    if sys.platform != "linux":
        return "not locked: only Linux offers it."
    library = ctypes.CDLL(None, use_errno=True)
    _raise_limit("RLIMIT_MEMLOCK", math.inf)
    if library.mlockall(_MCL_CURRENT | _MCL_ONFAULT) == 0:
        return "locked."
    return (
        "not locked: the system does not allow it; under load a page fault may make a gap. Allow it with "
        "'@audio - memlock unlimited' in /etc/security/limits.d/audio.conf and membership of the group audio."
    )


def _set_fifo(priority: int, inherit: bool) -> None:
    _raise_limit("RLIMIT_RTPRIO", priority)
    policy = os.SCHED_FIFO if inherit else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def _raise_limit(name: str, wanted: float) -> None:
    """Use what an administrator has allowed but not switched on (the hard limit above the soft one)."""
    import resource

    if not hasattr(resource, name):
        return
    limit = getattr(resource, name)
    soft, hard = (math.inf if value == resource.RLIM_INFINITY else value for value in resource.getrlimit(limit))
    goal = min(wanted, hard)
    if soft < goal:
        new = [resource.RLIM_INFINITY if value == math.inf else int(value) for value in (goal, hard)]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (new[0], new[1]))


def _windows_priority_class(priority_class: int) -> bool:
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    return bool(kernel.SetPriorityClass(kernel.GetCurrentProcess(), priority_class))
