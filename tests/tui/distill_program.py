"""Stands for ``python -m distill_live`` where the app starts it: ``play`` answers OSC, ``train`` tells a short story.

Both say what the real commands say, line for line, and end on SIGINT as they do.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

LEVELS = (("Structure", 93.8, 40.1, 2, "green"), ("Timbre", 45.0, 12.0, 20, "yellow"), ("Detail", 8.0, 2.0, 60, "red"))


def say(**record: Any) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def play(arguments: list[str], ending: threading.Event) -> int:
    from tests.tui.instrument import Instrument

    if "broken" in arguments:
        say(type="play", state="failed", message="broken.distill is damaged; restore it from a copy.")
        return 1
    model = arguments[0] if arguments and not arguments[0].startswith("--") else "factory"
    instrument = Instrument(int(arguments[arguments.index("--osc-port") + 1]), model)
    say(type="play", state="ready", osc_port=instrument.port, midi_in=None, midi_ports=[])
    ending.wait()
    instrument.close()
    return 0


def health() -> list[dict[str, Any]]:
    words = ("utilisation_word", "perplexity_word", "dead_codes_word", "word")
    return [
        {"name": name, "codes": 64, "utilisation_percent": used, "perplexity": perplexity, "dead_codes": dead}
        | dict.fromkeys(words, word)
        for name, used, perplexity, dead, word in LEVELS
    ]


def train(arguments: list[str], ending: threading.Event) -> int:
    if not Path(arguments[0]).is_dir():
        sys.stderr.write(f"distill-live: there is no folder {arguments[0]}; check the path.\n")
        return 1
    path = f"{arguments[arguments.index('--out') + 1]}.distill"
    say(type="stage", stage="scan", text=f"looking at {arguments[0]}")
    lines = ["skipped hum.wav: silent"]
    say(type="report", stage="scan", text="corpus: 2 files, 12.0 s of sound; 1 skipped", lines=lines, files=2)
    say(type="stage", stage="codec", text="codec: 3 levels of 64 codes, grid frames")
    steps = 1000 if "slow" in path else 20
    for step in range(1, steps + 1):
        numbers = {"epoch": 1 + step // 10, "step": step, "loss": 1.0 / step, "held_out": 3.2, "unit": "dB"}
        say(type="progress", stage="codec", elapsed_s=step * 0.1, eta_s=2.0, health=health(), **numbers)
        if ending.wait(0.01):
            text = f"stopped after {step} steps; --resume goes on from there"
            say(type="done", stage="codec", text=text, path=path, interrupted=True)
            return 0
    say(type="warning", stage="codec", text="Detail uses 8 % of its codes")
    say(type="done", stage="", text=f"saved {path}", path=path, interrupted=False)
    return 0


if __name__ == "__main__":
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end.set())
    command = {"play": play, "train": train}[sys.argv[1]]
    code = command(sys.argv[2:], end)
    time.sleep(0.01)
    sys.exit(code)
