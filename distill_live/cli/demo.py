"""The demo: trains a model, plays it live under a scripted performance over real OSC and MIDI, and draws what happened.

``scripts/demo`` calls it. Everything goes through the doors a musician uses: the ``train`` and ``play`` commands as
processes of their own, UDP to the bridge, a MIDI port. One thread.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from distill_live.cli.bench.follow import follow
from distill_live.cli.bench.output_clock import OutputClock, output_clock
from distill_live.cli.bench.playing import distill, playing
from distill_live.cli.bench.sender import Message
from distill_live.cli.demo_midi import DemoMidi, midi_for_demo
from distill_live.cli.offline import open_model
from distill_live.control.client import OscClient
from distill_live.errors import DistillError, UsageError
from distill_live.takelog import read_take

PERFORMANCE_S: Final = 20.0
TRAIN_BUDGET: Final = "90s"
MAP: Final = Path(__file__).parents[2] / "patches" / "midi" / "generic-cc.toml"


@dataclass(frozen=True)
class Move:
    """One gesture of the scripted performance: when (s since the first sound), how, and what to say about it."""

    at_s: float
    path: str
    args: tuple[Any, ...]
    text: str
    midi: bool = False


def osc_moves(level_names: Sequence[str], slots: Sequence[int]) -> list[Move]:
    """The gestures sent over OSC: temperature and top-k turned, each level swapped with another sound and back."""
    moves = [Move(2.0, "temperature", (0.9,), "temperature from 1 down to 0.4")]
    moves += [Move(2.0 + 0.1 * n, "temperature", (0.9 - 0.036 * n,), "") for n in range(1, 15)]
    moves += [Move(4.5, "topk", (4,), "top-k 4"), Move(6.0, "topk", (0,), "top-k off")]
    moves += [Move(6.2, "temperature", (1.0,), "temperature 1")]
    at_s = 6.8
    for level, name in enumerate(level_names):
        slot = slots[level % len(slots)]
        moves.append(Move(at_s, "swap", (level, slot, 1.0), f"{name} from slot {slot}"))
        moves.append(Move(at_s + 1.6, "swap", (level, "off", 1.0), f"{name} back"))
        at_s += 2.0
    moves.append(Move(at_s, "swap", (0, slots[0], 0.5), f"{level_names[0]} half way to slot {slots[0]}"))
    moves.append(Move(at_s + 1.2, "swap", (0, "off", 1.0), f"{level_names[0]} back"))
    return moves


def midi_moves() -> list[Move]:
    """The gestures that come from the controller (patches/midi/generic-cc.toml)."""
    moves = [Move(15.2, "cc", (16, 60), "MIDI: knob 1 turns temperature up", midi=True)]
    moves += [Move(15.2 + 0.05 * n, "cc", (16, 60 + 2 * n), "", midi=True) for n in range(1, 30)]
    moves.append(Move(17.0, "note_on", (36, 100), "MIDI: pad 1 plays slot 1", midi=True))
    moves.append(Move(18.4, "note_off", (36, 0), "MIDI: pad 1 up", midi=True))
    moves.append(Move(18.6, "cc", (16, 98), "MIDI: temperature about 1", midi=True))
    return moves


@click.command("demo")
@click.argument("corpus", required=False, type=click.Path(path_type=Path))
@click.option("--factory", is_flag=True, help="Skip training: play the factory model.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-out"), show_default=True)
@click.option("--budget", default=TRAIN_BUDGET, show_default=True, help="Time to train.")
@click.option("--device", help="Part of an output's name, or null.")
def command(corpus: Path | None, factory: bool, out: Path, budget: str, device: str | None) -> None:
    """Train a model and play it for 20 s under a scripted performance. CORPUS: any folder of recordings."""
    if factory and corpus is not None:
        raise UsageError("--factory does not train, so a corpus makes no sense with it", fix="leave one of them out")
    out.mkdir(parents=True, exist_ok=True)
    model = None if factory else _train(corpus, out, budget)
    with midi_for_demo() as midi:
        report = _perform(model, out, device, midi)
    _finish(model, out, report)


def _train(corpus: Path | None, out: Path, budget: str) -> Path:
    if corpus is None:
        corpus = out / "corpus"
        _headline("1. A corpus made by our own code")
        if not any(corpus.glob("*.flac")):
            from distill_live.audio.demo_corpus import make_demo_corpus

            make_demo_corpus(corpus)
        print(f"   {len(list(corpus.glob('*.flac')))} recordings in {corpus}")
    model = out / "demo.distill"
    _headline(f"2. Training on {corpus} for about {budget}")
    done = subprocess.run(distill("train", str(corpus), "--out", str(model), "--budget", budget), check=False)
    if done.returncode != 0:
        raise DistillError("training did not succeed, see above", fix="give a folder with more recordings")
    return model


def _perform(model: Path | None, out: Path, device: str | None, midi: DemoMidi) -> Report:
    _headline(f"3. {PERFORMANCE_S:.0f} s live, under OSC and MIDI")
    arguments = [*([str(model)] if model else []), "--seconds", str(PERFORMANCE_S), "--seed", "7", "--map", str(MAP)]
    arguments += ["--record", str(out / "performance.wav"), "--log", str(out / "take.jsonl")]
    with playing(*arguments, *(["--device", device] if device else [])) as play:
        port = int(play.wait_for("ready")["osc_port"])
        sounding = play.wait_for("sounding")
        print(f"   sound after {sounding['at_s'] - play.started_s:.1f} s, OSC on port {port}, {midi.sentence}")
        with OscClient(port=port) as client:
            sent = _play_moves(client, midi)
        finished = play.end()
    for text in play.messages:
        print(f"   {text}")
    loads = [float(line["load"]) for line in play.statuses[1:]] or [0.0]
    return Report(sent, output_clock(play, finished), finished, play.devices[-1], sum(loads) / len(loads))


def _play_moves(client: OscClient, midi: DemoMidi) -> list[Message]:
    """Play the script; returns what was sent over OSC, and when."""
    filled = [number for number, name in enumerate(client.bank().slots, 1) if name]
    slots = [filled[(k * len(filled)) // 3] for k in range(3)]
    levels = [str(name) for name in client.query("level/list")]
    moves = [*osc_moves(levels, slots), *(midi_moves() if midi.available else ())]
    sent: list[Message] = []
    began = time.monotonic()
    for move in sorted(moves, key=lambda m: m.at_s):
        time.sleep(max(0.0, began + move.at_s - time.monotonic()))
        if move.midi:
            midi.send(move.path, *move.args)
        else:
            sent.append(Message(time.monotonic(), move.path, move.args))
            client.send(move.path, *move.args)
        if move.text:
            print(f"   {move.at_s:5.1f} s  {move.text}")
    return sent


@dataclass(frozen=True)
class Report:
    """What a performance leaves: the messages sent, the clock of the output, and how the engine fared."""

    sent: list[Message]
    clock: OutputClock
    finished: dict[str, Any]
    device: dict[str, Any]
    load: float

    def latency(self, model: Path | None, log: Path) -> str:
        """From packet to the change that is heard, found by replaying the take with and without each event."""
        found = follow(open_model(str(model) if model else None), read_take(log), self.sent).changes
        words = []
        for path, name in (("swap", "a code swap"), ("temperature", "temperature")):
            heard = [
                1000.0 * (self.clock.moment_s(change.frame + change.heard) - message.at_s)
                for message, change in found.items()
                if message.path == path and change.heard is not None
            ]
            if heard:
                words.append(f"{name} is heard after {median(heard):.0f} ms (longest {max(heard):.0f}, n {len(heard)})")
        return ", ".join(words) or "nothing that was sent could be heard"


def _finish(model: Path | None, out: Path, report: Report) -> None:
    from distill_live.cli.picture import draw_take

    _headline("4. What happened")
    same = draw_take(out / "take.jsonl", out / "performance.wav", out / "performance.png", model)
    block = report.finished["block_ms"]
    print(f"   device    {report.device.get('name')} ({report.device.get('device_state')})")
    print(f"   load      {100 * report.load:.0f} % of one core; a block takes p50 {block['p50']:.1f} ms, p95", end=" ")
    print(f"{block['p95']:.1f}, p99 {block['p99']:.1f}, max {block['max']:.1f} of 10.7 ms")
    print(f"   latency   {report.latency(model, out / 'take.jsonl')}")
    print(f"   underruns {report.finished['underruns']}")
    print(f"   replay    {'the very same samples' if same else 'NOT the samples that were recorded'}")
    for file in (*(["demo.distill"] if model else []), "performance.wav", "take.jsonl", "performance.png"):
        print(f"   wrote     {out / file}")
    print("\nTry next:")
    print(f"   .venv/bin/distill-live play {model or ''}".rstrip())
    print("   .venv/bin/distill-live                        (the terminal app)")
    print(f"   .venv/bin/distill-live replay {out / 'take.jsonl'} --out {out / 'again.wav'}")
    if not same:
        raise DistillError("the replay differs from the recording", fix="please report this with the take log")


def _headline(text: str) -> None:
    print(f"\n{text}", flush=True)


def main() -> int:
    """``python -m distill_live.cli.demo``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], "scripts/demo")


if __name__ == "__main__":
    sys.exit(main())
