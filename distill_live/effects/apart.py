"""Work in a process of its own: what crashes or hangs there, crashes and hangs alone.

Plugins of others are machine code, and one that falls takes its process along. The child is spawned, not forked, prints
nothing, and ends without ceremony: plugins also crash when they are let go of. Never on the render thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from distill_live.errors import DistillError

T = TypeVar("T")


class ApartError(DistillError):
    """The process crashed, or took too long; the text goes on from the name of what it worked on."""


def run_apart(patience_s: float, work: Callable[..., T], *args: object) -> T:
    """What ``work(*args)`` returns in a process of its own; function, arguments and result must be picklable.

    Raises:
        ApartError: it crashed, took longer than ``patience_s``, or raised what it should not.
        DistillError: it raised one, which is passed on.
    """
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(writer, work, args), daemon=True)
    process.start()
    writer.close()
    try:
        if not reader.poll(patience_s):
            raise ApartError(f"had no answer after {patience_s:.0f} s")
        kind, answer = reader.recv()
    except EOFError:
        process.join()
        raise ApartError(f"crashed ({_manner(process)})") from None
    finally:
        process.kill()
        process.join()
        reader.close()
    if kind == "refused":
        raise DistillError(answer[0], fix=answer[1])
    if kind == "raised":
        raise ApartError(f"raised {answer}")
    result: T = answer
    return result


def _child(writer: Connection, work: Callable[..., Any], args: tuple[object, ...]) -> None:
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    try:
        writer.send(("done", work(*args)))
    except DistillError as error:
        writer.send(("refused", (error.what, error.fix)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
        writer.send(("raised", f"{type(error).__name__}: {error}"))
    os._exit(0)


def _manner(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
