"""Everything that plays along, and everything that watches, while the instrument is put under strain.

Each is a process of its own: a flood of OSC, MIDI clock and knobs, the terminal app, a training run that begins again
whenever it has ended, an idle client of the audio server, and a watcher on each core. One thread.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from distill_live.cli.bench.flood import Flood
from distill_live.cli.bench.idle_client import IdleClient
from distill_live.cli.bench.midi_crowd import MidiCrowd
from distill_live.cli.bench.playing import distill
from distill_live.cli.bench.screen import Screen
from distill_live.cli.bench.standstill import Standstill, Standstills

TRAIN_BUDGET: Final = "10m"


class Learner:
    """A training run at the lowest priority, again and again.

    Attributes:
        begun: how many runs have begun.
        failed: how many have ended otherwise than well.
    """

    def __init__(self, corpus: Path, folder: Path) -> None:
        self._command = [
            *(["nice", "-n", "19"] if shutil.which("nice") else []),
            *distill("train", str(corpus), "--out", str(folder / "soak.distill"), "--budget", TRAIN_BUDGET, "--json"),
        ]
        self.begun = self.failed = 0
        self._begin()

    def look(self) -> None:
        """Begin again when it has ended."""
        code = self._process.poll()
        if code is not None:
            self.failed += code != 0
            self._begin()

    def stop(self) -> None:
        """End it, as nobody waits for its model."""
        self._process.kill()
        self._process.wait()

    def _begin(self) -> None:
        self.begun += 1
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


@dataclass(frozen=True)
class Crowded:
    """What the crowd has done and seen.

    Attributes:
        osc, midi: messages sent a second.
        screen: bytes drawn, and whether the app was there to the end.
        trainings, failed: runs that were begun, and that ended badly.
        idle: what the idle client has counted.
        standstills: when the machine stood still.
        realtime: whether the watchers had real time.
    """

    osc: float
    midi: float
    screen: dict[str, Any]
    trainings: int
    failed: int
    idle: dict[str, int]
    standstills: list[Standstill]
    realtime: bool


class Crowd:
    """All of them, for the length of a block.

    Args:
        port: of the bridge.
        per_s: OSC messages a second.
        levels: of the model.
        corpus: to train on.
        folder: for what is trained.
        seed: of the messages.
    """

    def __init__(self, port: int, per_s: int, levels: int, corpus: Path, folder: Path, seed: int) -> None:
        self.standstills = Standstills()
        self.idle = IdleClient()
        self.screen = Screen(port)
        self.midi = MidiCrowd()
        self.flood = Flood(port, per_s, levels, seed)
        self.learner = Learner(corpus, folder)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> Crowded:
        """Everybody goes; what they have to say."""
        self.learner.stop()
        osc, midi, screen = self.flood.per_s(), self.midi.per_s(), self.screen.stop()
        idle = self.idle.counts()
        self.idle.stop()
        noted = self.standstills.stop()
        begun, failed = self.learner.begun, self.learner.failed
        return Crowded(osc, midi, screen, begun, failed, idle, noted, self.standstills.realtime)
