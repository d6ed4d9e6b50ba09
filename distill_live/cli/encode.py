"""``distill-live encode``: a recording as codes."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(
    "encode",
    epilog="""\b
Example:
  distill-live encode bell.wav --model mine.distill --out bell.npz""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", metavar="NAME", help="A .distill file or a name in the library; the factory model otherwise.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The grid file, .npz.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(file: Path, model: str | None, out: Path, as_json: bool) -> None:
    """Turn the recording FILE into codes."""
    from distill_live.cli.offline import open_model
    from distill_live.models.transcode import encode_sound

    playable = open_model(model)
    grid = encode_sound(playable, file)
    grid.save(out)
    columns, rows, levels = grid.codes.shape
    made = {"out": str(out), "columns": columns, "rows": rows, "levels": levels, "model": playable.sha256}
    made["seconds"] = round(grid.source_samples / playable.mel.sample_rate, 3)
    print(json.dumps(made) if as_json else f"{out}: {columns} columns of {rows} x {levels} codes, {made['seconds']} s")
