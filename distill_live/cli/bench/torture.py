"""Everything that cuts into the sound, again and again: model swaps, preset jumps, bypass, start, stop, panic.

Never a click: the recording at the port may not have more clicks than the same music without the cuts. *The same
music* is worked out from the take's own log, stretch by stretch: between two cuts the take was one model with certain
values, and it went on from certain codes. A performance that is begun anew with just these - same model, same values,
same seed, same codes behind it - sings the same stretch, and nothing cuts into it. Stretches in which the take stood
still are left out. Both are counted with ``quality.py``'s measure, which counts real onsets too, so each count is a
sum over the same notes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill_live.cli.bench.clicks import clicks, steps
from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.sibling import NAMES
from distill_live.cli.bench.tapped import Files, Tapped, tapped_play
from distill_live.cli.bench.tellings import compare_clicks, compare_replay, describe_gaps, replay_of
from distill_live.control.client import OscClient
from distill_live.engine.performance import (
    BLOCK,
    MODEL_LOAD,
    PANIC,
    PRESET_LOAD,
    SAMPLE_RATE,
    START,
    STOP,
    Performance,
)
from distill_live.events import ControlEvent, param_id_of
from distill_live.presets.shelf import list_presets
from distill_live.takelog import Take

Sound = NDArray[np.float32]

PATIENCE_S: Final = 20.0
CUTS: Final = (MODEL_LOAD, PRESET_LOAD, START, STOP, PANIC)
BEGIN: Final = SAMPLE_RATE // 50  # a performance that begins with full sound has an onset of its own
BEHIND: Final = SAMPLE_RATE // 10


@dataclass(frozen=True)
class TorturePlan:
    """What is done.

    Attributes:
        times: of each cut.
        arguments: of ``play``.
        gap_s: shortest and longest pause between two cuts.
        seed: of the take, and of the order of the cuts.
    """

    times: int
    arguments: Sequence[str]
    gap_s: tuple[float, float] = (0.15, 0.45)
    seed: int = 7


class Torturer:
    """The hand that does it."""

    def __init__(self, plan: TorturePlan, client: OscClient) -> None:
        self._plan, self._client = plan, client
        self._rng = np.random.default_rng(plan.seed)
        self._presets = [line.name for line in list_presets()]
        self._swapped = self._jumped = 0

    def work(self) -> None:
        """All cuts, in an order that is drawn anew for each round."""
        cuts: list[Callable[[], None]] = [self._swap_model, self._jump, self._bypass, self._stop, self._panic]
        for _ in range(self._plan.times):
            for cut in self._rng.permutation(len(cuts)):
                cuts[int(cut)]()
                self._wait()

    def _swap_model(self) -> None:
        self._swapped += 1
        self._client.send("model/load", NAMES[self._swapped % 2])
        self._done("model/load")

    def _jump(self) -> None:
        self._jumped += 1
        self._client.send("preset/load", self._presets[self._jumped % len(self._presets)])
        self._done("preset/load")

    def _bypass(self) -> None:
        self._client.send("bypass", 1)
        self._wait()
        self._client.send("bypass", 0)

    def _stop(self) -> None:
        self._client.send("transport/stop")
        self._wait()
        self._client.send("transport/start")

    def _panic(self) -> None:
        self._client.send("transport/panic")
        self._wait()
        self._client.send("transport/start")

    def _done(self, path: str) -> None:
        done, address = self._client.address("done"), self._client.address(path)
        self._client.wait_for(lambda call: call.address == done and call.args[:1] == (address,), PATIENCE_S)

    def _wait(self) -> None:
        time.sleep(float(self._rng.uniform(*self._plan.gap_s)))


def torture(plan: TorturePlan, folder: Path) -> Tapped:
    """One take under torture."""
    with tapped_play(Files.within(folder), *plan.arguments) as play:
        port = int(play.play.wait_for("ready")["osc_port"])
        play.play.wait_for("sounding")
        time.sleep(1.0)
        with OscClient(port=port, timeout_s=PATIENCE_S) as client:
            Torturer(plan, client).work()
            client.sync(1)
        time.sleep(0.5)
        return play.stop()


# ------------------------------------------------------------------ what was found


def torture_part(plan: TorturePlan, folder: Path, tapped: Tapped) -> Part:
    """Whether it went without a click, an underrun or an unexplained gap."""
    part = Part("torture")
    take = tapped.take
    part.add("played", len(tapped.rendered) / SAMPLE_RATE, "s")
    for name, count in cuts_of(take).items():
        part.add(name, count, "", float(plan.times), "at least")
    describe_gaps(part, tapped)
    compare_clicks(part, tapped)
    compare_replay(part, tapped, folder)
    _compare_with_undisturbed(part, tapped, folder)
    return part


def cuts_of(take: Take) -> dict[str, int]:
    """How often each cut is in the log."""
    count = Counter(event.address for event in take.events)
    bypassed = sum(param_id_of(event.address) == "bypass" and bool(event.args[0]) for event in take.events)
    named = {"model swaps": MODEL_LOAD, "preset jumps": PRESET_LOAD, "stops": STOP, "panics": PANIC, "starts": START}
    return {**{name: count[address] for name, address in named.items()}, "bypasses": bypassed}


def _compare_with_undisturbed(part: Part, tapped: Tapped, folder: Path) -> None:
    """What only the recording has (less what the server has done) is the take's own too."""
    stretches = undisturbed(tapped.take, folder)
    for name, measure in (("clicks", clicks), ("steps", steps)):
        theirs = [frame + int(at) for frame, sound in stretches for at in measure(sound) if at > BEGIN]
        ours = measure(tapped.rendered)
        at_cuts = [int(at) for at in ours if near_a_cut(int(at), tapped.take) and not _near(int(at), theirs)]
        added = len(part.details.get(f"{name}_of_ours_s", []))
        part.add(f"{name} in the same music, undisturbed", len(theirs))
        part.add(f"{name} more than that", len(ours) + added - len(theirs), "", 0.0)
        part.add(f"{name} just behind a cut that the same music does not have", len(at_cuts))
        part.details[name] = {"ours": ours.tolist(), "undisturbed": theirs, "at_cuts": at_cuts}


def undisturbed(take: Take, folder: Path) -> list[tuple[int, Sound]]:
    """The stretches of a take, each performed on its own: where it begins, and its sound ``[T, 2]``."""
    performance, events = replay_of(take, folder).performance, list(take.events)
    assert take.frames is not None
    found = []
    cut = True
    while performance.frame < take.frames:
        while events and events[0].frame <= performance.frame:
            cut = is_cut(events[0]) or cut
            performance.apply(events.pop(0))
        if cut and performance.playing:
            until = next((event.frame for event in events if is_cut(event)), take.frames)
            found.append((performance.frame, _alone(performance, (until - performance.frame) // BLOCK)))
        cut = False
        performance.render_block()
    return found


def _alone(performance: Performance, blocks: int) -> Sound:
    """A performance that begins where this one is, with its model and its values, and goes on by itself."""
    values, seed, order = performance.params.snapshot(), int(performance.params["seed"]), performance.chain.order
    alone = Performance(performance.model, seed, values, order, performance.look_ahead, performance.memory)
    sound = np.zeros((blocks * BLOCK, 2), np.float32)
    for start in range(0, len(sound), BLOCK):
        sound[start : start + BLOCK] = alone.render_block().T
    return sound


def is_cut(event: ControlEvent) -> bool:
    """Whether an event cuts into the sound."""
    return event.address in CUTS or param_id_of(event.address) == "bypass"


def near_a_cut(frame: int, take: Take) -> bool:
    """Whether a frame lies just behind a cut."""
    return any(is_cut(event) and 0 <= frame - event.frame <= BEHIND for event in take.events)


def _near(frame: int, frames: Sequence[int]) -> bool:
    return any(abs(frame - other) <= BLOCK for other in frames)
