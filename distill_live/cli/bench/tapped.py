"""A ``play`` that is watched from outside while it plays: its log, its own recording, and a tap at its port.

Afterwards there are three tellings of one performance - what the log says, what was rendered, what came out of the
device's port - and :class:`Tapped` holds them against each other. One thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from distill_live.audio.wavfile import HEADER_BYTES
from distill_live.cli.bench.owned_up import Owned, dry_spells, own_up
from distill_live.cli.bench.playing import Line, Playing, playing
from distill_live.cli.bench.same_bits import Gap, Run, find_runs, gaps_between
from distill_live.cli.bench.tap import Floats, Heard, Tap, frames_of
from distill_live.errors import DistillError
from distill_live.takelog import Take, read_take


@dataclass(frozen=True)
class Files:
    """Where a take's three tellings lie."""

    log: Path
    rendered: Path
    recorded: Path

    @classmethod
    def within(cls, folder: Path, name: str = "take") -> Files:
        return cls(folder / f"{name}.jsonl", folder / f"{name}.wav", folder / f"{name}-port.f32")


class Tapped:
    """A take that is over."""

    def __init__(self, files: Files, play: Playing, finished: Line, heard: Heard) -> None:
        self.files = files
        self.play = play
        self.finished = finished
        self.heard = heard

    @cached_property
    def take(self) -> Take:
        return read_take(self.files.log)

    @cached_property
    def rendered(self) -> Floats:
        """What the engine rendered, ``[T, 2]``."""
        return frames_of(self.files.rendered, HEADER_BYTES)

    @cached_property
    def recorded(self) -> Floats:
        """What was recorded at the port, ``[T, 2]``."""
        return frames_of(self.files.recorded)

    @cached_property
    def runs(self) -> list[Run]:
        """Where the recording is what was rendered."""
        return find_runs(self.rendered, self.recorded)

    @cached_property
    def gaps(self) -> list[Gap]:
        """Where it is not, between the fade at the begin and the one at the end."""
        return gaps_between(self.runs, self.recorded)

    @cached_property
    def owned(self) -> Owned:
        """Who has owned up to them."""
        return self.owners(self.gaps)

    def owners(self, gaps: Sequence[Gap]) -> Owned:
        """Who has owned up to some gaps of this recording."""
        counts = [(int(s["output_frame"]), int(s["xruns"])) for s in self.play.statuses]
        total = (len(self.rendered), int(self.finished["underruns"]))
        return own_up(gaps, dry_spells([(0, 0), *counts, total]), self.heard.late_places)


class TappedPlay:
    """One that plays."""

    def __init__(self, files: Files, play: Playing, tap: Tap) -> None:
        self.files, self.play, self.tap = files, play, tap

    def stop(self) -> Tapped:
        """End it and see what there is.

        Raises:
            DistillError: it does not end, or not well.
        """
        finished = self.play.stop()
        return Tapped(self.files, self.play, finished, self.tap.heard())


@contextmanager
def tapped_play(files: Files, *arguments: str) -> Iterator[TappedPlay]:
    """A ``play`` with these arguments on the server of the environment; it is gone after the block.

    Raises:
        DistillError: there is no audio server, or no JACK-Client.
    """
    tap = Tap(files.recorded)
    if not tap.ready:
        raise DistillError("the tap at the device's port does not start", fix="pip install JACK-Client, and see above")
    try:
        with playing(*arguments, "--log", str(files.log), "--record", str(files.rendered)) as play:
            yield TappedPlay(files, play, tap)
    finally:
        tap.stop()
