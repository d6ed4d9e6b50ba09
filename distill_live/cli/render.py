"""``distill-live render``: a performance as a file, faster than real time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from distill_live.cli.settings import open_preset, parse_effects, start_values
from distill_live.errors import UsageError


@click.command(
    "render",
    epilog="""\b
Example:
  distill-live render --seconds 10 --seed 7 --out take.wav
  distill-live render mine.distill --seconds 30 --set temperature=0.7 --out take.wav
  distill-live render --preset deep-drone --seconds 30 --out drone.wav
  distill-live render mine.distill --seconds 30 --events take.jsonl --out variation.wav""",
)
@click.argument("model", required=False)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Length, above 0.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), show_default="0", help="Which dice are thrown.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="WAV file (float32, stereo)."
)
@click.option("--preset", metavar="NAME", help="Begin with this preset: `distill-live presets` lists them.")
@click.option("--set", "settings", multiple=True, metavar="ID=VALUE", help="An initial value; may be given often.")
@click.option("--effects", metavar="A,B", help="The effects in their order, or none; all of them when not given.")
@click.option("--events", type=click.Path(path_type=Path), help="Play the events of this take log.")
@click.option("--json", "as_json", is_flag=True, help="Print what was rendered as JSON.")
def command(
    model: str | None,
    seconds: float,
    seed: int | None,
    out: Path,
    preset: str | None,
    settings: tuple[str, ...],
    effects: str | None,
    events: Path | None,
    as_json: bool,
) -> None:
    """Render MODEL (a .distill file, a name in the library, or the factory model) to a file."""
    if not 0.0 < seconds <= 86400.0:
        raise UsageError(f"--seconds {seconds:g} is no length", fix="use 0.1 to 86400")
    chosen, order = open_preset(preset), parse_effects(effects)
    params = start_values(chosen, seed, settings)
    from distill_live.cli.offline import EffectsSay, fill_bank, open_model, write_blocks
    from distill_live.engine.replay import render
    from distill_live.engine.take import TakeStart, add_assets
    from distill_live.takelog import read_take

    take = read_take(events) if events else None
    playable = open_model(model)
    performance = TakeStart(seed or 0, params, order).performance(playable)
    fill_bank(performance, chosen.bank)
    if take is not None:
        add_assets(performance, take)
    started = time.perf_counter()
    frames = round(seconds * 48000)
    blocks = render(performance, take.events if take else (), frames, EffectsSay())
    written = write_blocks(out, blocks, frames)
    spent = time.perf_counter() - started
    summary = {
        "out": str(out),
        "seconds": written / 48000,
        "model": playable.sha256,
        "seed": performance.params["seed"],
        "times_real_time": round(seconds / spent, 2),
    }
    print(json.dumps(summary) if as_json else f"{out}: {written / 48000:.1f} s, {seconds / spent:.1f} x real time")
