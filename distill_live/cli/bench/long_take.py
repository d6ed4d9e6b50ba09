"""A take under random hands, told three times: rendered by the engine, recorded at the device's port, replayed.

Each telling is one SHA-256 over the same frames. Everything there is to turn is turned: any parameter of the registry,
models, presets, the bank, the transport. The frames are those from the first that the port has to the last; where the
server was late in between, the recording cannot be one piece, and the table says so. One thread.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.follow import NOT_SENT
from distill_live.cli.bench.same_bits import Run
from distill_live.cli.bench.sender import Message, Performer
from distill_live.cli.bench.tapped import Files, Tapped, tapped_play
from distill_live.cli.bench.tellings import compare_replay, describe_gaps, digest
from distill_live.control.client import OscClient
from distill_live.engine.params import load_all
from distill_live.params import Registry, Value
from distill_live.presets.shelf import list_presets

RATE: Final = 48000
LEAD_IN_S: Final = 1.0
QUIETER: Final = ("volume", "mix", "bypass", "input.gain", "input.gate", "model.follow", "engine.lead")  # left alone
COMMANDS_SHARE: Final = 0.1


@dataclass(frozen=True)
class LongPlan:
    """What is done.

    Attributes:
        seconds: of play.
        events: that come by hand in it.
        arguments: of ``play``.
        levels: of the model.
        models: names in the library, to swap between.
        seed: of the events.
    """

    seconds: float
    events: int
    arguments: Sequence[str]
    levels: int
    models: Sequence[str]
    seed: int = 7


class Hands:
    """Whatever a hand could do next, drawn by seed.

    >>> hands = Hands(load_all(), 3, ["a", "b"], ["calm"], seed=1)
    >>> one = hands.next()
    >>> hands.next() == one, Hands(load_all(), 3, ["a", "b"], ["calm"], seed=1).next() == one
    (False, True)
    """

    def __init__(
        self, registry: Registry, levels: int, models: Sequence[str], presets: Sequence[str], seed: int
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._params = [
            param
            for param in registry.values()
            if param.settable and param.id not in QUIETER and not param.id.startswith(absent_levels(levels))
        ]
        self._commands: list[tuple[str, tuple[Value, ...]]] = [
            *(("model/load", (name,)) for name in models),
            *(("preset/load", (name,)) for name in presets),
            ("transport/stop", ()),
            ("transport/panic", ()),
            *(("bank/grab", (slot, 2.0)) for slot in (15, 16)),
        ]

    def next(self) -> tuple[str, tuple[Value, ...]]:
        """One message: its path and arguments."""
        if self._rng.random() < COMMANDS_SHARE:
            return self._commands[int(self._rng.integers(len(self._commands)))]
        param = self._params[int(self._rng.integers(len(self._params)))]
        return f"param/{param.id}", (param.from_position(float(self._rng.random())),)


def absent_levels(levels: int, most: int = 16) -> tuple[str, ...]:
    """How the ids of parameters begin whose level the model does not have.

    >>> absent_levels(2, 4)
    ('level.2.', 'level.3.')
    """
    return tuple(f"level.{level}." for level in range(levels, most))


def messages_of(plan: LongPlan, registry: Registry, presets: Sequence[str]) -> list[Message]:
    """Everything that is sent, at random moments; what stops the take is followed by what starts it."""
    hands = Hands(registry, plan.levels, plan.models, presets, plan.seed)
    gaps = np.random.default_rng(plan.seed).exponential(1.0, plan.events)
    at_s = list(accumulate(gaps * (plan.seconds - 2 * LEAD_IN_S) / gaps.sum(), initial=LEAD_IN_S))[1:]
    found: list[Message] = []
    while len(found) < plan.events:
        path, args = hands.next()
        found.append(Message(at_s[len(found)], path, args))
        if path in ("transport/stop", "transport/panic") and len(found) < plan.events:
            found.append(Message(at_s[len(found)], "transport/start", ()))
    return found


def play_long(plan: LongPlan, folder: Path) -> Tapped:
    """One take under random hands."""
    presets = [line.name for line in list_presets()]
    with tapped_play(Files.within(folder), *plan.arguments) as play:
        port = int(play.play.wait_for("ready")["osc_port"])
        play.play.wait_for("sounding")
        performer = Performer(port, messages_of(plan, load_all(), presets))
        try:
            performer.finish()
        finally:
            performer.stop()
        with OscClient(port=port, timeout_s=20.0) as client:
            client.sync(1)
        time.sleep(LEAD_IN_S)
        return play.stop()


def long_part(plan: LongPlan, folder: Path, tapped: Tapped) -> Part:
    """One hash, three times."""
    part = Part("long take")
    by_hand = sum(event.source not in NOT_SENT for event in tapped.take.events)
    part.add("played", len(tapped.rendered) / RATE / 60.0, "min")
    part.add("events by hand in the log", by_hand, "", float(plan.events), "at least")
    part.add("events by the engine in the log", len(tapped.take.events) - by_hand)
    describe_gaps(part, tapped)
    replay = compare_replay(part, tapped, folder)
    _compare_port(part, tapped, replay)
    return part


def _compare_port(part: Part, tapped: Tapped, replay: Any) -> None:
    """The recording, from its first frame to its last, against the same frames of the other two."""
    whole = span(tapped.runs)
    hashes = {}
    if whole is not None:
        rendered = slice(whole.rendered, whole.rendered + whole.frames)
        hashes = {
            "rendered": digest(tapped.rendered[rendered]),
            "replayed": digest(replay[rendered]),
            "recorded": digest(tapped.recorded[whole.recorded : whole.recorded + whole.frames]),
        }
        for name, one in hashes.items():
            part.notes.append(f"SHA-256 of the {whole.frames} frames at the port, {name}: {one}")
        seconds = (whole.rendered / RATE, (len(tapped.rendered) - whole.rendered - whole.frames) / RATE)
        part.notes.append("Not at the port, or faded there: the first {:.3f} s and the last {:.3f} s.".format(*seconds))
    same = bool(hashes) and len(set(hashes.values())) == 1
    part.add("rendered, replayed and recorded have one SHA-256", float(same), "", 1.0, "at least")
    part.details["port_sha256"] = hashes


def span(runs: Sequence[Run]) -> Run | None:
    """From the first frame that was recorded as it was rendered to the last.

    >>> span([Run(0, 50, 1000), Run(1256, 1306, 2000)])
    Run(rendered=0, recorded=50, frames=3256)
    """
    if not runs:
        return None
    return Run(runs[0].rendered, runs[0].recorded, runs[-1].recorded + runs[-1].frames - runs[0].recorded)
