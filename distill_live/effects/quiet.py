"""Machine code that speaks its mind: what plugins print goes straight to the process's own output, past Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing that machine code prints onto the screen, or between the JSON lines that a program reads.

    The whole process is quiet meanwhile, so keep it short; what Python itself has to say comes as exceptions.
    """
    kept = [os.dup(stream) for stream in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        yield
    finally:
        for stream, own in zip((1, 2), kept, strict=True):
            os.dup2(own, stream)
            os.close(own)
        os.close(nowhere)
