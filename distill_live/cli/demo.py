"""The demo: trains a model, plays it live under a scripted performance over real OSC and MIDI, and draws what happened.

``scripts/demo`` calls it. Everything goes through the doors a musician uses: the ``train`` and ``play`` commands as
processes of their own, UDP to the bridge, a MIDI port. One thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from distill_live.cli.demo_midi import DemoMidi, midi_for_demo
from distill_live.control.client import OscClient
from distill_live.errors import DistillError, UsageError

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


def performance(level_names: list[str], slots: list[int]) -> list[Move]:
    """The scripted gestures: temperature and top-k turned, each level swapped with another sound and back."""
    moves = [
        Move(2.0 + 0.1 * n, "temperature", (1.0 - 0.04 * n,), "temperature 1.0 -> 0.4" * (n == 0)) for n in range(16)
    ]
    moves += [Move(4.5, "topk", (4,), "top-k 4"), Move(6.0, "topk", (0,), "top-k off")]
    moves += [Move(6.2, "temperature", (1.0,), "temperature 1.0")]
    at = 6.8
    for level, name in enumerate(level_names):
        slot = slots[level % len(slots)]
        moves.append(Move(at, "swap", (name, slot, 1.0), f"{name} from slot {slot}"))
        moves.append(Move(at + 1.6, "swap", (name, "off"), f"{name} back"))
        at += 2.0
    moves.append(Move(at, "swap", (level_names[0], slots[0], 0.5), f"{level_names[0]} half way to slot {slots[0]}"))
    moves.append(Move(at + 1.2, "swap", (level_names[0], "off"), f"{level_names[0]} back"))
    return moves


def midi_performance() -> list[Move]:
    """The gestures that come from the controller (patches/midi/generic-cc.toml)."""
    moves = [
        Move(15.2 + 0.05 * n, "cc", (16, 60 + 2 * n), "MIDI: knob 1 turns temperature up" * (n == 0)) for n in range(30)
    ]
    moves += [
        Move(17.0, "note_on", (36, 100), "MIDI: pad 1 plays slot 1"),
        Move(18.4, "note_off", (36, 0), "MIDI: pad 1 up"),
    ]
    moves += [Move(18.6, "cc", (16, 98), "MIDI: temperature about 1")]
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
    with ExitStack() as stack:
        midi = stack.enter_context(midi_for_demo())
        report = _perform(model, out, device, midi, stack)
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
    done = subprocess.run(_distill("train", str(corpus), "--out", str(model), "--budget", budget), check=False)
    if done.returncode != 0:
        raise DistillError("training did not succeed, see above", fix="give a folder with more recordings")
    return model


def _perform(model: Path | None, out: Path, device: str | None, midi: DemoMidi, stack: ExitStack) -> dict[str, Any]:
    _headline(f"3. {PERFORMANCE_S:.0f} s live, under OSC and MIDI")
    arguments = ["play", *([str(model)] if model else []), "--json", "--seconds", str(PERFORMANCE_S)]
    arguments += ["--record", str(out / "performance.wav"), "--log", str(out / "take.jsonl"), "--map", str(MAP)]
    arguments += ["--seed", "7", *(["--device", device] if device else [])]
    process = stack.enter_context(_running(_distill(*arguments)))
    player = Player(process)
    port = player.wait_for("ready")["osc_port"]
    began = time.monotonic()
    player.wait_for("sounding")
    print(f"   sound after {time.monotonic() - began + player.ready_s:.1f} s, OSC on port {port}, {midi.sentence}")
    client = stack.enter_context(OscClient(port=port))
    _play_moves(client, midi)
    player.wait_for("finished")
    process.wait(timeout=20)
    return player.summary()


def _play_moves(client: OscClient, midi: DemoMidi) -> None:
    bank = client.bank()
    filled = [n for n, name in enumerate(bank.slots, 1) if name]
    slots = [filled[(k * len(filled)) // 3] for k in range(3)]
    levels = [str(name) for name in client.query("level/list")]
    moves = [(m, False) for m in performance(levels, slots)] + [(m, True) for m in midi_performance()]
    began = time.monotonic()
    for move, by_midi in sorted(moves, key=lambda m: m[0].at_s):
        time.sleep(max(0.0, began + move.at_s - time.monotonic()))
        if by_midi:
            midi.send(move.path, *move.args)
        else:
            client.send(move.path, *move.args)
        if move.text and (midi.available or not by_midi):
            print(f"   {move.at_s:5.1f} s  {move.text}")


class Player:
    """The JSON lines of a running ``play``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.started = time.monotonic()
        self.ready_s = 0.0
        self.statuses: list[dict[str, Any]] = []
        self.finished: dict[str, Any] = {}
        self.device: dict[str, Any] = {}

    def wait_for(self, state: str) -> dict[str, Any]:
        """The next line of that state.

        Raises:
            DistillError: play has ended before.
        """
        for record in self._lines():
            if record.get("type") == "play" and record.get("state") == state:
                self.ready_s = self.ready_s or time.monotonic() - self.started
                return record
        raise DistillError("play has ended before its time, see above")

    def summary(self) -> dict[str, Any]:
        loads = [s["load"] for s in self.statuses[1:]] or [0.0]
        latency = [s["latency_ms"] for s in self.statuses[1:]] or [0.0]
        return {
            "load": sum(loads) / len(loads),
            "latency_ms": sum(latency) / len(latency),
            "xruns": self.finished.get("underruns", 0),
            "block_ms": self.finished.get("block_ms", {}),
            "device": self.device.get("name", ""),
            "device_state": self.device.get("device_state", ""),
        }

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            record: dict[str, Any] = json.loads(line)
            if record.get("type") == "status":
                self.statuses.append(record)
            elif record.get("type") == "message":
                print(f"   {record['text']}")
            elif record.get("state") == "finished":
                self.finished = record
            elif record.get("state") == "device":
                self.device = record
            yield record


def _finish(model: Path | None, out: Path, report: dict[str, Any]) -> None:
    from distill_live.cli.picture import draw_take

    _headline("4. What happened")
    same = draw_take(out / "take.jsonl", out / "performance.wav", out / "performance.png", model)
    name = str(model) if model else ""
    block = report["block_ms"]
    print(f"   device    {report['device']} ({report['device_state']})")
    print(f"   load      {100 * report['load']:.0f} % of one core; block p50 {block.get('p50', 0):.1f} ms,")
    p95, p99, longest = (block.get(name, 0.0) for name in ("p95", "p99", "max"))
    print(f"             p95 {p95:.1f}, p99 {p99:.1f}, max {longest:.1f} of 10.7 ms")
    print(f"   latency   {report['latency_ms']:.0f} ms from a code edit to the output: grain, ring, effects, device")
    print(f"   underruns {report['xruns']}")
    print(f"   replay    {'the very same samples' if same else 'NOT the same samples as were recorded'}")
    for file in ("demo.distill",) * (model is not None) + ("performance.wav", "take.jsonl", "performance.png"):
        print(f"   wrote     {out / file}")
    print("\nTry next:")
    print(f"   .venv/bin/distill-live play {name}".rstrip())
    print("   .venv/bin/distill-live                        (the terminal app)")
    print(f"   .venv/bin/distill-live replay {out / 'take.jsonl'} --out {out / 'again.wav'}")
    if not same:
        raise DistillError("the replay differs from the recording", fix="please report this with the take log")


def _headline(text: str) -> None:
    print(f"\n{text}", flush=True)


def _distill(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "distill_live", *arguments]


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=15)


def main() -> int:
    """``python -m distill_live.cli.demo``."""
    from distill_live.cli.main import run_command

    return run_command(command, sys.argv[1:], "scripts/demo")


if __name__ == "__main__":
    sys.exit(main())
