"""The terminal app, open on a terminal that nobody looks at: a pseudo-terminal that is read and thrown away.

``python -m distill_live.cli.bench.screen PORT`` opens it until stdin ends; its last line says how many bytes it has
drawn and whether it was still there. :class:`Screen` is its other end.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
from typing import Final

from distill_live.cli.bench.beside import READY, Beside

ROWS, COLUMNS = 40, 120
_CHUNK: Final = 1 << 16


class Screen(Beside):
    """The app that is open beside us."""

    def __init__(self, port: int) -> None:
        super().__init__("screen", str(port))


def main(port: int) -> None:
    """The process."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        code = f"from distill_live.tui.app import run_app; run_app({port})"
        os.execv(sys.executable, [sys.executable, "-c", code])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    print(READY, flush=True)
    drawn, alive = _watch(terminal)
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    print(json.dumps({"drawn_bytes": drawn, "alive": alive}))


def _watch(terminal: int) -> tuple[int, bool]:
    """Read what is drawn until stdin ends, or the app is gone."""
    drawn = 0
    while True:
        there, _, _ = select.select([terminal, sys.stdin], [], [])
        if sys.stdin in there:
            return drawn, True
        try:
            drawn += len(os.read(terminal, _CHUNK))
        except OSError:  # what a terminal says whose program has ended
            return drawn, False


if __name__ == "__main__":
    main(int(sys.argv[1]))
