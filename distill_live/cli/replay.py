"""``distill-live replay``: a take again from its log, bit for bit, or varied."""

from __future__ import annotations

import json
from pathlib import Path

import click

from distill_live.cli.durations import parse_moment
from distill_live.cli.settings import parse_settings
from distill_live.errors import TakeError, UsageError


@click.command(
    "replay",
    epilog="""\b
Example:
  distill-live replay 2026-07-25-173206
  distill-live replay take.jsonl --out again.wav
  distill-live replay take.jsonl --recording 1 --stems --out chorus.wav
  distill-live replay take.jsonl --from 1m30s --to 2m --out solo.wav
  distill-live replay take.jsonl --set temperature=0.4 --seed 9 --out calmer.wav --log calmer.jsonl
  distill-live replay take.jsonl --model bells --out bells.wav""",
)
@click.argument("take")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="WAV file (float32, stereo).")
@click.option("--stems", is_flag=True, help="Write OUT-wet.wav and OUT-dry.wav (what went into the effects) instead.")
@click.option("--set", "settings", multiple=True, metavar="ID=VALUE", help="Hold a value fast; may be given often.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Throw other dice.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="A model of the take that is not where it was, or another one to play it with.",
)
@click.option("--from", "start", metavar="TIME", help="Write from here on: 12.5, 1m30s, or a frame: 48128f.")
@click.option("--to", "stop", metavar="TIME", help="Write up to here.")
@click.option("--recording", type=click.IntRange(1), metavar="N", help="Write what was recorded as number N.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Write the log of what is rendered.")
@click.option("--json", "as_json", is_flag=True, help="Print what was rendered as JSON.")
def command(
    take: str,
    out: Path | None,
    stems: bool,
    settings: tuple[str, ...],
    seed: int | None,
    models: tuple[str, ...],
    start: str | None,
    stop: str | None,
    recording: int | None,
    log: Path | None,
    as_json: bool,
) -> None:
    """Render TAKE again (a log, its folder, or a name that `takes` lists) and compare it with what was played.

    Without options it is the take again, to the last bit. With --set, --seed or another --model it is a variation: what
    is given is held fast throughout, and whatever would move it is left out.
    """
    if stems and out is None:
        raise UsageError("--stems needs a place", fix="give --out FILE")
    if recording is not None and (start or stop):
        raise UsageError("--recording is a stretch of its own", fix="leave out --from and --to")
    pins = parse_settings(settings) | ({} if seed is None else {"seed": seed})
    from distill_live.cli.rerun import Rerun, Wish
    from distill_live.engine.takes import find_take

    first, last = (None if text is None else parse_moment(text) for text in (start, stop))
    outcome = Rerun(find_take(take), Wish(pins, models, first, last, recording, out, stems, log)).run()
    if as_json:
        print(json.dumps(outcome.to_json()))
    elif outcome.same is not False:
        print(outcome.sentence)
    if outcome.same is False:
        raise TakeError(outcome.sentence, fix="take sha256 out of the log's last line if an edit of it is meant")
