"""A headless Pure Data with our abstraction in it: sends what it is told, when it is told, and says what came back."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATCHES: Final = Path(__file__).parent.parent.parent / "patches" / "pd"
PD: Final = shutil.which("pd")
MARK: Final = "reply"
BEGIN_MS: Final = 200  # after loading, before the first message


@dataclass(frozen=True)
class PdSession:
    """What a Pd said: ``replies`` as it printed them (``param temperature 0.7``), ``errors`` of Pd itself."""

    replies: tuple[str, ...]
    errors: tuple[str, ...]


def run_pd(messages: Sequence[tuple[float, str]], port: int, seconds: float) -> PdSession:
    """Start headless Pd with ``[distill-live PORT]``, send each ``(at_s, "/distill/address args")``, then quit it.

    Times, ``seconds`` (when to quit) among them, count from shortly after Pd has loaded the patch.
    """
    with tempfile.TemporaryDirectory() as folder:
        patch = Path(folder) / "client.pd"
        patch.write_text(client_patch(messages, port, seconds), encoding="utf-8")
        return open_headless(patch, seconds + 20.0)


def open_headless(patch: Path, patience_s: float) -> PdSession:
    """Open a patch without sound, MIDI or screen, and wait until it quits Pd."""
    assert PD is not None, "Pure Data is not installed"
    command = [PD, "-nogui", "-noaudio", "-nomidi", "-stderr", "-path", str(PATCHES), "-open", str(patch)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s, check=False)
    lines = done.stderr.splitlines()
    replies = [line.removeprefix(f"{MARK}: ") for line in lines if line.startswith(f"{MARK}: ")]
    known = (f"{MARK}: ", "priority", "Pd:", "watchdog", "distill:")
    errors = [line for line in lines if line.strip() and not line.startswith(known)]
    return PdSession(tuple(replies), tuple(errors))


def client_patch(messages: Sequence[tuple[float, str]], port: int, seconds: float) -> str:
    """The source of a patch that plays a list of messages."""
    lines = ["#N canvas 0 0 600 400 12;", f"#X obj 10 10 distill-live {port};", f"#X obj 10 40 print {MARK};"]
    lines += ["#X obj 200 10 loadbang;"]
    wires = ["#X connect 0 0 1 0;"]
    played = [*((at_s, text, 0) for at_s, text in messages), (seconds, "\\; pd quit", None)]
    for index, (at_s, text, sink) in enumerate(played):
        delay, message = 3 + 2 * index, 4 + 2 * index
        lines += [f"#X obj 200 40 delay {BEGIN_MS + 1000 * at_s:g};", f"#X msg 200 70 {text};"]
        wires += [f"#X connect 2 0 {delay} 0;", f"#X connect {delay} 0 {message} 0;"]
        wires += [f"#X connect {message} 0 {sink} 0;"] if sink is not None else []
    return "\n".join([*lines, *wires, ""])
