"""``distill-live decode``: codes as sound."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(
    "decode",
    epilog="""\b
Example:
  distill-live decode bell.npz --model mine.distill --out bell-again.wav""",
)
@click.argument("grid", type=click.Path(path_type=Path))
@click.option("--model", metavar="NAME", help="The model that made the codes; the factory model otherwise.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="WAV file (float32, mono).")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(grid: Path, model: str | None, out: Path, as_json: bool) -> None:
    """Turn the codes GRID (made by encode) back into sound, as long as its source was."""
    from distill_live.cli.offline import open_model, write_blocks
    from distill_live.codes.grid import load_grid
    from distill_live.models.transcode import decode_sound

    codes = load_grid(grid)
    playable = open_model(model)
    sound = decode_sound(playable, codes)
    written = write_blocks(out, iter([sound[None]]), len(sound))
    seconds = round(written / playable.mel.sample_rate, 3)
    print(json.dumps({"out": str(out), "seconds": seconds}) if as_json else f"{out}: {seconds} s")
