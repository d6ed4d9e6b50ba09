"""Three tellings of one take - rendered, recorded at the port, replayed from the log - held against each other.

What all the long measurements share: gaps and who owns up to them, clicks that only the recording has, digests. One
thread, in a process that is set for the live path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.digest import SoundDigest
from distill_live.cli.bench.clicks import MERGE, RATE, Places, clicks, steps
from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.loglook import head_of
from distill_live.cli.bench.same_bits import Gap, Run, find_runs, gaps_between
from distill_live.cli.bench.tapped import Tapped
from distill_live.engine.cast import find_models
from distill_live.engine.live_setup import prepare_live
from distill_live.engine.replay import Rendition, performance_of
from distill_live.models.playable import load_playable
from distill_live.takelog import Take

GAP_REACH: Final = RATE // 10  # frames: a click so close to a gap is the gap's
PIECE: Final = 1 << 20

Floats = NDArray[np.float32]


def describe_gaps(part: Part, tapped: Tapped, dry_bar: float | None = 0.0) -> None:
    """Underruns, gaps and who has owned up to them, and how much of the recording is what was rendered."""
    owned, runs = tapped.owned, tapped.runs
    part.add("underruns", int(tapped.finished["underruns"]), "", dry_bar)
    part.add("gaps where the ring ran dry", len(owned.underrun))
    part.add("gaps where the server was late", len(owned.server))
    part.add("gaps nobody has owned up to", len(owned.nobody) if runs else None, "", 0.0)
    part.add(
        "recorded exactly as rendered", 100.0 * sum(run.frames for run in runs) / _span(runs), "% of the recording"
    )
    part.add("longest stretch of it", max((run.frames for run in runs), default=0) / RATE, "s")
    if tapped.heard.lost:
        part.notes.append(f"The disk was too slow for the tap: {tapped.heard.lost / RATE:.1f} s are missing.")
    part.details["gaps"] = {name: [vars(gap) for gap in gaps] for name, gaps in vars(owned).items()}


def _span(runs: Sequence[Run]) -> int:
    """From the first frame that agrees to the last."""
    return runs[-1].recorded + runs[-1].frames - runs[0].recorded if runs else 1


def compare_clicks(part: Part, tapped: Tapped) -> None:
    """Clicks and steps of the rendering, of the recording, and those that only the recording has."""
    for name, measure in (("clicks", clicks), ("steps", steps)):
        _compare(part, tapped, name, measure)


def _compare(part: Part, tapped: Tapped, name: str, measure: Callable[[Floats], Places]) -> None:
    runs, away = tapped.runs, f"{name} that only the recording has, away from the server's gaps"
    if not runs:
        part.add(away, None, "", 0.0)
        return
    rendered, recorded = measure(tapped.rendered), measure(tapped.recorded)
    recorded = recorded[(recorded >= runs[0].recorded) & (recorded < runs[-1].recorded + runs[-1].frames)]
    added = added_places(rendered, recorded, runs)
    ours = away_from(added, tapped.owned.server)
    part.add(f"{name} in what was rendered", len(rendered))
    part.add(f"{name} in what was recorded", len(recorded))
    part.add(f"{name} that only the recording has, at the server's gaps", len(added) - len(ours))
    part.add(away, len(ours), "", 0.0)
    part.details[f"{name}_of_ours_s"] = [round(float(at) / RATE, 4) for at in ours]


def added_places(rendered: Places, recorded: Places, runs: Sequence[Run]) -> Places:
    """Clicks of a recording that the rendering does not have at the same place.

    >>> added_places(np.array([500]), np.array([600, 900]), [Run(0, 100, 1000)])
    array([900])
    """
    starts = np.array([run.recorded for run in runs])
    offsets = np.array([run.offset for run in runs])
    of = np.maximum(np.searchsorted(starts, recorded, side="right") - 1, 0)
    expected = recorded - offsets[of]
    nearest = np.searchsorted(rendered, expected - MERGE)
    known = np.append(rendered, 1 << 62)[nearest] <= expected + MERGE
    added: Places = recorded[~known]
    return added


def away_from(places: Places, gaps: Iterable[Gap]) -> Places:
    """The places that lie at none of the gaps.

    >>> away_from(np.array([1000, 90_000]), [Gap(900, 256, 950, 0)])
    array([90000])
    """
    kept = np.ones(len(places), np.bool_)
    for gap in gaps:
        kept &= (places < gap.recorded - GAP_REACH) | (places > gap.recorded + gap.strange + GAP_REACH)
    return places[kept]


def digest(frames: Floats) -> str:
    """SHA-256 of frames ``[T, 2]``, as a WAV file holds them."""
    whole = SoundDigest()
    for start in range(0, len(frames), PIECE):
        whole.update(np.asarray(frames[start : start + PIECE]).T)
    return whole.hexdigest


def compare_digests(part: Part, tapped: Tapped, frames: int, folder: Path) -> None:
    """What was rendered, against the digest in the log, and its first ``frames`` against the replay."""
    rendered = digest(tapped.rendered)
    logged = end_of(tapped.files.log).get("sha256", "")
    part.add("the log vouches for what was rendered", float(rendered == logged), "", 1.0, "at least")
    take = head_of(tapped.files.log, frames, folder / "head.jsonl")
    played, again = digest(tapped.rendered[:frames]), replayed(take, folder)
    part.add(f"the replay of {frames / RATE:.1f} s is what was rendered", float(again == played), "", 1.0, "at least")
    part.details["sha256"] = {"rendered": rendered, "log": logged, "head": played, "head_replayed": again}
    part.notes.append(f"SHA-256 of the first {frames / RATE:.1f} s: rendered {played[:16]}, replayed {again[:16]}.")


def compare_replay(part: Part, tapped: Tapped, folder: Path) -> NDArray[np.float32]:
    """Replay the whole take and difference the recording against that, not against what the engine wrote down.

    Returns the replay, ``[T, 2]``.
    """
    rendition = replay_of(tapped.take, folder)
    again = np.ascontiguousarray(np.concatenate([wet for wet, _ in rendition.blocks()], axis=1).T)
    rendered = digest(tapped.rendered)
    part.add("the log vouches for what was rendered", float(rendered == tapped.take.sha256), "", 1.0, "at least")
    part.add("the replay is what was rendered", float(rendition.whole.hexdigest == rendered), "", 1.0, "at least")
    runs = find_runs(again, tapped.recorded)
    owned = tapped.owners(gaps_between(runs, tapped.recorded))
    part.add("replay against recording: gaps nobody has owned up to", len(owned.nobody) if runs else None, "", 0.0)
    part.details["sha256"] = {"rendered": rendered, "log": tapped.take.sha256, "replay": rendition.whole.hexdigest}
    return again


def end_of(log: Path) -> dict[str, Any]:
    """The last line of a log, when it is its end."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 4096, 0))
        last = file.read().decode("utf-8", "replace").strip().splitlines()[-1]
    record: dict[str, Any] = json.loads(last)
    return record if record.get("type") == "end" else {}


def replayed(take: Take, folder: Path) -> str:
    """The digest of a whole take, rendered again from its log."""
    rendition = replay_of(take, folder)
    for _ in rendition.blocks():
        pass
    return rendition.whole.hexdigest


def replay_of(take: Take, folder: Path) -> Rendition:
    """A take about to be rendered again, whole."""
    prepare_live()
    assert take.frames is not None
    models = [load_playable(path) for _, path in find_models(take, folder)]
    return Rendition(performance_of(models[0], take, models[1:]), take, 0, take.frames)
