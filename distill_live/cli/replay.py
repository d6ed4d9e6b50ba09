"""``distill-live replay``: a take again from its log."""

from __future__ import annotations

from pathlib import Path

import click

from distill_live.errors import TakeError


@click.command(
    "replay",
    epilog="""\b
Example:
  distill-live replay take.jsonl --out again.wav""",
)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="WAV file (float32, stereo)."
)
@click.option("--model", help="The model, when it no longer lies where the take says.")
def command(log: Path, out: Path, model: str | None) -> None:
    """Render the take in LOG again: the very samples that were played."""
    from distill_live.cli.offline import EffectsSay, open_model, write_blocks
    from distill_live.engine.replay import replay
    from distill_live.engine.take import check_model
    from distill_live.takelog import read_take

    take = read_take(log)
    playable = open_model(model or find_model(take.header))
    check_model(take, playable)
    frames = take.frames or 0
    written = write_blocks(out, replay(playable, take, EffectsSay()), frames)
    ending = "" if take.frames is not None else " (the log was cut off: to its last event and a second more)"
    print(f"{out}: {written / 48000:.2f} s, {len(take.events)} events{ending}")


def find_model(header: dict[str, object]) -> str | None:
    """The model a take was played with: where it lay, in the library, or the factory model (None)."""
    from distill_live.models.file import read_model
    from distill_live.models.library import factory_path, list_models

    wanted, path = header.get("model"), Path(str(header.get("model_path", "")))
    if path.suffix == ".distill" and path.is_file() and read_model(path).sha256 == wanted:
        return str(path)
    if factory_path().is_file() and read_model(factory_path()).sha256 == wanted:
        return None
    for listed in list_models():
        if listed.model is not None and listed.model.sha256 == wanted:
            return str(listed.path)
    raise TakeError(
        f"the model of this take ({header.get('model_name')}, {str(wanted)[:12]}) is not where it was",
        fix="give it with --model",
    )
