"""What ``replay`` does: finds the models, varies the take if that is asked for, renders, compares, writes.

Prints its progress and what the effects have to say. One thread, in a process that it sets for the live path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from distill_live.cli.offline import RATE, EffectsSay, Progress
from distill_live.effects.params import BUILT_IN_ORDER
from distill_live.engine.cast import find_models, roles
from distill_live.engine.live_setup import prepare_live
from distill_live.engine.replay import Rendition, length_of, performance_of
from distill_live.engine.stems import Stems
from distill_live.engine.take import start_of, take_without_missing, versions
from distill_live.engine.takes import file_digest, settled, stored_models
from distill_live.engine.variation import Pins, vary
from distill_live.errors import AudioFileError, UsageError
from distill_live.models.file import read_model
from distill_live.models.library import resolve
from distill_live.models.playable import Playable, load_playable
from distill_live.params import Value
from distill_live.takelog import Recording, Take, read_take, write_take


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        pins: values to hold fast, by id.
        models: names or paths: of the take's own, wherever they lie now, or one other to play it with.
        start, stop: the stretch to write, in frames; None for the take's own ends.
        recording: its number instead of a stretch; None for none.
        out, stems: the file to write, or two of that name; None to compare only.
        log: where the log of what is rendered goes; None for nowhere.
    """

    pins: Mapping[str, Value]
    models: tuple[str, ...] = ()
    start: int | None = None
    stop: int | None = None
    recording: int | None = None
    out: Path | None = None
    stems: bool = False
    log: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        files: that were written.
        frames: in each of them (or rendered, when none was written).
        same: whether they are the samples that were played; None when nobody can say.
        sha256: digest of those samples.
        changes: a sentence about each thing that a variation has changed.
        sentence: all of it for a person, without the full stop.
    """

    files: list[str]
    frames: int
    events: int
    same: bool | None
    sha256: str
    changes: list[str]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return {"seconds": self.frames / RATE, **asdict(self)}


class Rerun:
    """One replay of the take in ``log``.

    Raises:
        DistillError: it cannot be read, a model is missing, or the wish makes no sense; nothing has been written.
    """

    def __init__(self, log: Path, wish: Wish) -> None:
        self.wish = wish
        self.folder = log.parent
        self.name = str(log if log.name != "take.jsonl" else log.parent.name or log)
        self.original, self.gone = take_without_missing(settled(read_take(log), self.folder))
        self._spare_sources(log)
        prepare_live()
        models, other = self._cast()
        self.varied = bool(wish.pins) or other is not None
        if self.varied and wish.out is None and wish.log is None:
            raise UsageError("a variation has nothing to be compared with", fix="give --out FILE")
        self.take, self.changes = self.original, list[str]()
        if self.varied:
            self.take, self.changes = vary(self.original, models[0], Pins(wish.pins, other))
        self.start, self.stop = self._stretch()
        performance = performance_of(models[0], self.take, models[1:])
        self.rendition = Rendition(performance, self.take, self.start, self.stop)

    def run(self) -> Outcome:
        """Render.

        Raises:
            DistillError: an event cannot be played, or a file cannot be written to its end.
        """
        expected = self._expected()
        files = self._render()
        if self.wish.log is not None:
            write_take(self.wish.log, self._as_rendered())
        sha256 = self.rendition.stretch.hexdigest
        rendered = self.rendition.whole.hexdigest if self.wish.recording is None else sha256
        same = None if not expected else rendered == expected
        frames = self.stop - self.start
        return Outcome(files, frames, len(self.take.events), same, sha256, self.changes, self._say(files, frames, same))

    # ------------------------------------------------------------------ what is played, and how much of it

    def _spare_sources(self, log: Path) -> None:
        """Nothing that the take itself is made of may be written over."""
        stems = [self.folder / file for r in self.original.recordings for file in (r.wet, r.dry) if file]
        sources = {path.resolve() for path in (log, *stems, *stored_models(self.folder))}
        for path in (*self._outputs(), self.wish.log):
            if path is not None and path.resolve() in sources:
                raise UsageError(f"{path} belongs to the take itself", fix="write to a file of another name")

    def _outputs(self) -> tuple[Path | None, Path | None]:
        """Where what is heard goes, and what went into the effects."""
        out = self.wish.out
        return (_beside(out, "wet"), _beside(out, "dry")) if out is not None and self.wish.stems else (out, None)

    def _cast(self) -> tuple[list[Playable], Playable | None]:
        """The models that play, the first one first, and the one that was not the take's own."""
        known, given, other = roles(self.original), list[Path](), list[Path]()
        for path in map(resolve, self.wish.models):
            (given if read_model(path).sha256 in known else other).append(path)
        if len(other) > 1:
            raise UsageError("one model plays a variation, not two", fix="give one --model that the take does not know")
        if other:
            model = load_playable(other[0])
            return [model], model
        found = find_models(self.original, self.folder, given)
        return [replace(load_playable(path), name=role.name) for role, path in found], None

    def _recording(self) -> Recording | None:
        if self.wish.recording is None:
            return None
        for recording in self.original.recordings:
            if recording.number == self.wish.recording:
                return recording
        there = ", ".join(str(recording.number) for recording in self.original.recordings)
        fix = f"use {there}" if there else "nothing was recorded in this take"
        raise UsageError(f"there is no recording {self.wish.recording}", fix=fix)

    def _stretch(self) -> tuple[int, int]:
        recording, length = self._recording(), length_of(self.take)
        if recording is not None:
            start, stop = recording.frame, recording.frame + (recording.frames or 0)
        else:
            start = self.wish.start or 0
            stop = length if self.wish.stop is None else min(self.wish.stop, length)
        if start >= stop:
            raise UsageError(
                f"there is nothing to render from {start / RATE:g} s to {stop / RATE:g} s",
                fix=f"the take is {length / RATE:.2f} s long",
            )
        return start, stop

    # ------------------------------------------------------------------ rendering

    def _render(self) -> list[str]:
        """Write the files that are wanted, or none; returns their names."""
        progress, (wet, dry) = Progress(self.stop), self._outputs()
        stems = Stems(wet, dry, RATE) if wet is not None else None
        try:
            for block, went_in in self.rendition.blocks(lambda played: progress.at(played.frame), EffectsSay()):
                if stems is not None:
                    stems.write(block, went_in if dry is not None else None)
        finally:
            progress.clear()
            if stems is not None:
                stems.close()
        if stems is not None and stems.problem:
            raise AudioFileError(stems.problem)
        return [str(path) for path in (wet, dry) if path is not None]

    def _as_rendered(self) -> Take:
        """The take as it has just been rendered: from its first sample to the end of the stretch."""
        placed = [replace(r, wet=self._place(r.wet), dry=self._place(r.dry)) for r in self.take.recordings]
        return replace(
            self.take,
            events=tuple(event for event in self.take.events if event.frame < self.stop),
            recordings=tuple(placed),
            frames=self.stop,
            sha256=self.rendition.whole.hexdigest,
        )

    def _place(self, file: str) -> str:
        return str((self.folder / file).absolute()) if file else ""

    # ------------------------------------------------------------------ comparing, and saying so

    def _expected(self) -> str:
        """The digest that what was rendered should have; empty when nobody knows it."""
        recording = self._recording()
        if self.varied or self.gone:
            return ""
        if recording is None:
            return self.original.sha256 if self.stop == self.original.frames else ""
        return recording.sha256 or ("" if recording.problem else file_digest(self.folder / recording.wet))

    def _say(self, files: list[str], frames: int, same: bool | None) -> str:
        events = len(self.take.events)
        plural = "s" * (events != 1)
        what = f"{' and '.join(files) or self.name}: {frames / RATE:.2f} s, {events} event{plural}"
        if self.varied:
            without = [f"{name} is not installed any more, and left out" for name in self.gone]
            return f"{what}; a variation: {'; '.join([*self.changes, *without])}"
        if same is None:
            return f"{what}, not compared with what was played: {self._why_not()}"
        whose = "were played" if self.wish.recording is None else f"were recorded as number {self.wish.recording}"
        if same:
            return f"{what}, the very samples that {whose}"
        return f"{what}, but not the samples that {whose}: {self._why_other()}"

    def _why_not(self) -> str:
        if self.gone:
            return f"{', '.join(self.gone)} is not installed any more, and left out"
        if self.wish.recording is not None:
            return "its file is damaged, or has a gap"
        if self.original.frames is None:
            recorded = "; --recording 1 is compared with its file" if self.original.recordings else ""
            return f"the log was cut off{recorded}"
        if self.stop != self.original.frames:
            return "it ends before the take does"
        return "the log does not say how it sounded"

    def _why_other(self) -> str:
        head = self.original.header.get("versions")
        then, now = head if isinstance(head, dict) else {}, versions()
        moved = [
            f"{name} was {str(then[name])[:40]}, is {now[name]}"
            for name in now
            if then.get(name, now[name]) != now[name]
        ]
        build = f"this is another build ({'; '.join(moved)})" if moved else "this is another processor"
        hosted = ", ".join(name for name in start_of(self.original).effects if name not in BUILT_IN_ORDER)
        reasons = ["the log was edited", build, *([f"{hosted} may never sound the same twice"] if hosted else [])]
        return ", or ".join(reasons)


def _beside(out: Path, what: str) -> Path:
    """``again.wav`` as ``again-wet.wav``."""
    return out.with_name(f"{out.stem}-{what}{out.suffix or '.wav'}")
