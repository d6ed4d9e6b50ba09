"""``distill-live takes``: what was recorded."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import click

from distill_live.errors import UsageError

RATE = 48000


@click.group(
    "takes",
    invoke_without_command=True,
    epilog="""\b
Example:
  distill-live takes
  distill-live takes show 2026-07-25-173206
  distill-live replay 2026-07-25-173206 --out again.wav
  distill-live takes delete 2026-07-25-173206""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List, show and delete takes: what was recorded while playing, with its log."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, as_json=as_json)


@command.command("list", epilog="\b\nExample:\n  distill-live takes list --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_command(as_json: bool) -> None:
    """Every take, the newest first; a damaged one says what is wrong with it."""
    from distill_live.engine.takes import list_takes, takes_folder

    listed = [_summary(line) for line in list_takes()]
    if as_json:
        print(json.dumps(listed, indent=1))
        return
    for line in listed:
        when = datetime.fromisoformat(line["when"]).astimezone()
        print(_printable(f"{line['name']:18} {when:%Y-%m-%d %H:%M} {line['problem'] or _one_line(line)}"))
    if not listed:
        print(f"no takes in {takes_folder()}; r records while playing")


@command.command("show", epilog="\b\nExample:\n  distill-live takes show 2026-07-25-173206 --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print everything the log says.")
def show_command(name: str, as_json: bool) -> None:
    """What the take NAME (or a log, or its folder) is: how it began, what was done, what was recorded."""
    from distill_live.engine.takes import describe, find_take
    from distill_live.takelog import read_take

    log = find_take(name)
    line = describe(log, read_take(log))
    if as_json:
        assert line.take is not None
        events = [event.to_json() for event in line.take.events]
        print(json.dumps({**_summary(line), "header": line.take.header, "done": events}, indent=1))
        return
    print("\n".join(map(_printable, _page(line))))


@command.command("delete", epilog="\b\nExample:\n  distill-live takes delete 2026-07-25-173206 --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(name: str, yes: bool) -> None:
    """Delete the take NAME for good: its log and its recordings."""
    from distill_live.engine.takes import delete_take, shelved

    shelved(name)
    if not yes and not _sure(name):
        raise UsageError(f"{name} was not deleted", fix="answer y, or give --yes")
    others = delete_take(name)
    print(f"deleted {name}" + (f"; its folder stays, it holds {', '.join(others)}" if others else ""))


def _sure(name: str) -> bool:
    try:
        return click.confirm(f"delete the take {name} and its recordings for good?")
    except click.Abort:  # there is nobody to ask
        return False


def _summary(line: Any) -> dict[str, Any]:
    made = {"name": line.name, "log": str(line.log), "when": line.when.isoformat(timespec="seconds")}
    if line.take is None:
        return {**made, "problem": line.problem}
    take = line.take
    params = take.header.get("params")
    facts = {
        "seconds": line.frames / RATE,
        "state": line.state,
        "model": str(take.header.get("model_name", "")),
        "seed": (params if isinstance(params, dict) else {}).get("seed", take.header.get("seed")),
        "events": len(take.events),
        "recordings": [_recording(recording, line.log.parent) for recording in take.recordings],
    }
    return {**made, "problem": "", **facts}


def _recording(recording: Any, folder: Any) -> dict[str, Any]:
    files = [str(folder / name) for name in (recording.wet, recording.dry) if name]
    seconds, start = (recording.frames or 0) / RATE, recording.frame / RATE
    return {
        "number": recording.number,
        "start": start,
        "seconds": seconds,
        "files": files,
        "problem": recording.problem,
    }


def _one_line(line: dict[str, Any]) -> str:
    lengths = " and ".join(f"{recording['seconds']:.1f} s" for recording in line["recordings"])
    plural = "s" * (line["events"] != 1)
    facts = [f"{line['seconds']:7.1f} s", f"{line['model']}, seed {line['seed']}, {line['events']} event{plural}"]
    facts.append(f"recorded {lengths}" if lengths else "nothing recorded")
    return "  ".join([*facts, *([line["state"]] if line["state"] != "complete" else [])])


def _page(line: Any) -> list[str]:
    facts, head = _summary(line), line.take.header
    page = [f"{facts['name']}, {line.when.astimezone():%Y-%m-%d %H:%M:%S}: {facts['seconds']:.2f} s, {facts['state']}"]
    page.append(f"model   {facts['model']} ({str(head.get('model'))[:12]}), seed {facts['seed']}")
    params = head.get("params")
    began = [f"{name}={value}" for name, value in params.items() if name != "seed"] if isinstance(params, dict) else []
    if began:
        page.append(f"began   {', '.join(began)}")
    varied = head.get("variation_of")
    if isinstance(varied, dict):
        page.append(f"varies  the take of {varied.get('created')}: {'; '.join(map(str, varied.get('changes', [])))}")
    done = Counter(event.address.removeprefix("/distill/").removeprefix("param/") for event in line.take.events)
    page.append(f"events  {', '.join(f'{count} x {name}' for name, count in done.most_common()) or 'none'}")
    for recording in facts["recordings"]:
        lacks = f" ({recording['problem']})" if recording["problem"] else ""
        page.append(f"no. {recording['number']}   {recording['seconds']:.2f} s from {recording['start']:.2f} s{lacks}")
        page += [f"        {file}" for file in recording["files"]]
    return [*page, f"log     {line.log}"]


def _printable(text: str) -> str:
    """A log may have been edited: what it says of itself must not steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
