"""How the numbers are set in a thread that plays: denormals flushed to zero.

A number below 1e-38 takes a processor a hundred times as long as any other, and a reverb that dies away is full of
them. numpy alone; no torch. For threads of the numeric libraries see ``threads.py``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import sys
from collections.abc import Callable
from typing import Final

import numpy as np

_SSE_FLUSH: Final = 0x8040  # MXCSR: flush to zero, denormals are zero
_ARM_FLUSH: Final = 1 << 24  # FPCR: flush to zero
_ENVIRONMENT_BYTES: Final = 64  # larger than any fenv_t
_WINDOWS_FLUSH, _WINDOWS_MASK = 0x01000000, 0x03000000


def prepare_live() -> None:
    """Set the calling thread for the live path."""
    flush_denormals(True)


def flush_denormals(on: bool) -> bool:
    """Let the calling thread treat denormal numbers as zero, or exactly again; whether it does now as asked."""
    setter = _setter()
    if setter is not None:
        setter(on)
    return denormals_flushed() == on


def denormals_flushed() -> bool:
    """Whether a denormal number comes out of a multiplication as zero."""
    least = np.full(4, 1e-38, np.float32)
    return not (least * np.float32(0.25)).any()


def _setter() -> Callable[[bool], None] | None:
    """How this platform is told; None where we do not know."""
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return _set_windows
    if machine in ("x86_64", "amd64"):
        return lambda on: _set_environment(28 if sys.platform != "darwin" else 4, "u4", _SSE_FLUSH, on)
    if machine in ("aarch64", "arm64"):
        # fenv_t is {fpcr, fpsr} of 32 bits under glibc, {fpsr, fpcr} of 64 under macOS
        return lambda on: _set_environment(*((8, "u8") if sys.platform == "darwin" else (0, "u4")), _ARM_FLUSH, on)
    return None


def _set_environment(offset: int, kind: str, bits: int, on: bool) -> None:
    """Change bits of the control register inside C's ``fenv_t``, the one way to it that needs no compiler."""
    library = ctypes.CDLL(ctypes.util.find_library("m") or None)
    raw = ctypes.create_string_buffer(_ENVIRONMENT_BYTES)
    if library.fegetenv(raw) != 0:
        return
    register = np.frombuffer(memoryview(raw).cast("B"), f"<{kind}", 1, offset)
    kept = register & ~np.array(bits, register.dtype)
    register[:] = kept | bits if on else kept
    library.fesetenv(raw)


def _set_windows(on: bool) -> None:
    runtime = ctypes.CDLL("ucrtbase")
    before = ctypes.c_uint()
    runtime._controlfp_s(ctypes.byref(before), _WINDOWS_FLUSH if on else 0, _WINDOWS_MASK)
