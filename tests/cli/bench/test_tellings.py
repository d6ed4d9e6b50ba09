"""Three tellings of one take: what only the recording has is found, and only that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.digest import SoundDigest
from distill_live.cli.bench import tellings
from distill_live.cli.bench.clicks import MERGE
from distill_live.cli.bench.figures import Figure, Part
from distill_live.cli.bench.same_bits import Gap, Run
from distill_live.cli.bench.tap import Heard
from distill_live.cli.bench.tapped import Tapped
from distill_live.cli.bench.tellings import GAP_REACH, added_places, away_from, digest, end_of
from distill_live.events import set_event
from distill_live.models.playable import Playable
from tests.cli.bench.told import dropped, silenced, tell
from tests.engine.played import Played, play_take

GAP = 256
AT = 40_025

places = st.lists(st.integers(0, 400), unique=True, max_size=30).map(
    lambda some: np.array(sorted(some), np.int64) * 250
)


# ------------------------------------------------------------------ clicks of the recording alone


@settings(max_examples=50, deadline=None)
@given(places, st.integers(0, 100_000), st.lists(st.integers(-MERGE, MERGE), min_size=30, max_size=30))
def test_what_the_rendering_has_too_is_not_added(rendered: np.ndarray, offset: int, jitter: list[int]) -> None:
    runs = [Run(0, offset, 200_000)]
    recorded = np.sort(rendered + offset + np.array(jitter[: len(rendered)], np.int64))
    assert added_places(rendered, recorded, runs).tolist() == []


@settings(max_examples=50, deadline=None)
@given(places, places)
def test_what_only_the_recording_has_is_added(both: np.ndarray, more: np.ndarray) -> None:
    recorded = np.unique(np.concatenate([both, more + 125])) + 1000
    added = added_places(both, recorded, [Run(0, 1000, 200_000)])
    assert added.tolist() == (more + 1125).tolist()


def test_each_run_has_an_offset_of_its_own() -> None:
    runs = [Run(0, 100, 10_000), Run(12_000, 10_100, 10_000)]  # 2000 frames were lost
    rendered, recorded = np.array([5000, 11_000, 15_000]), np.array([5100, 10_100, 13_100])
    assert added_places(rendered, recorded, runs).tolist() == [10_100], "the seam itself"
    assert added_places(np.zeros(0, np.int64), recorded, runs).tolist() == recorded.tolist()


def test_away_is_further_than_a_tenth_of_a_second() -> None:
    gap = Gap(0, 0, 50_000, 300)
    near = [50_000 - GAP_REACH, 50_000, 50_300, 50_300 + GAP_REACH]
    far = [50_000 - GAP_REACH - 1, 50_301 + GAP_REACH]
    assert away_from(np.array(sorted([*near, *far])), [gap]).tolist() == far
    assert away_from(np.array(far), []).tolist() == far
    assert away_from(np.array(far), [gap, Gap(0, 0, far[0], 0)]).tolist() == far[1:]


# ------------------------------------------------------------------ digests


@pytest.mark.parametrize("frames", [0, 1, 99, 100, 101, 1000, 1050])
def test_a_digest_is_that_of_the_whole_and_of_the_bytes_of_the_file(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tellings, "PIECE", 100)
    sound = np.random.default_rng(frames).standard_normal((frames, 2)).astype(np.float32)
    whole = SoundDigest()
    whole.update(np.ascontiguousarray(sound.T))
    assert digest(sound) == whole.hexdigest == hashlib.sha256(sound.tobytes()).hexdigest()


def test_the_end_of_a_log_is_its_last_line_when_that_is_an_end(tmp_path: Path) -> None:
    log, end = tmp_path / "x.jsonl", {"type": "end", "frames": 512, "sha256": "dd" * 32}
    many = "\n".join(json.dumps({"type": "event", "frame": n, "args": ["x" * 50]}) for n in range(500))
    log.write_text(f"{many}\n{json.dumps(end)}\n")
    assert end_of(log) == end
    log.write_text(many + "\n")
    assert end_of(log) == {}
    log.write_text(json.dumps(end))
    assert end_of(log) == end, "of a short log"


# ------------------------------------------------------------------ all three, of a real take


@pytest.fixture(scope="module")
def take(tiny_playable: Callable[..., Playable], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A second of a small model."""
    from distill_live.engine.live_setup import prepare_live

    prepare_live()
    events = {40: [set_event("temperature", 0.2, "test")]}
    return play_take(tiny_playable(), tmp_path_factory.mktemp("take"), events, blocks=90, recorded=None)


def told(take: Played, folder: Path, recorded: np.ndarray, heard: Heard | None = None) -> Tapped:
    return tell(folder, np.ascontiguousarray(take.wet.T), recorded, take.log, heard=heard)


def figures(part: Part) -> dict[str, Figure]:
    return {figure.name: figure for figure in part.figures}


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_a_faultless_recording_reaches_every_bar(take: Played, tmp_path: Path) -> None:
    tapped = told(take, tmp_path, np.concatenate([np.zeros((777, 2), np.float32), take.wet.T]))
    part = Part("sound")
    tellings.describe_gaps(part, tapped)
    tellings.compare_clicks(part, tapped)
    tellings.compare_digests(part, tapped, 60 * 512, tmp_path)
    again = tellings.compare_replay(part, tapped, tmp_path)
    assert [figure.name for figure in part.figures if figure.reached is False] == []
    assert np.array_equal(again, take.wet.T)
    found = figures(part)
    assert found["recorded exactly as rendered"].value == 100.0
    assert found["longest stretch of it"].value == len(again) / 48000
    assert found["clicks in what was rendered"].value == found["clicks in what was recorded"].value
    sha256 = part.details["sha256"]
    assert sha256["rendered"] == sha256["log"] == sha256["replay"]


@pytest.mark.usefixtures("live_numbers", "own_home")
@pytest.mark.parametrize("plant", [dropped, silenced])
def test_a_planted_gap_misses_the_bars_it_should(
    take: Played, plant: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    tapped = told(take, tmp_path, plant(take.wet.T, AT, GAP))
    part = Part("sound")
    tellings.describe_gaps(part, tapped)
    tellings.compare_replay(part, tapped, tmp_path)
    missed = {figure.name: figure.value for figure in part.figures if figure.reached is False}
    names = ("gaps nobody has owned up to", "replay against recording: gaps nobody has owned up to")
    assert missed == dict.fromkeys(names, 1)
    (gap,) = part.details["gaps"]["nobody"]
    assert (gap["rendered"], gap["lost"], gap["recorded"]) == (AT, GAP, AT)


@pytest.mark.usefixtures("live_numbers")
def test_a_click_that_only_the_recording_has_is_ours_unless_the_server_was_late_there(
    take: Played, tmp_path: Path
) -> None:
    recorded = np.ascontiguousarray(take.wet.T)
    recorded[AT] += 30.0
    for heard, ours, theirs in ((None, 1, 0), (Heard([(0, 0)], xruns=[AT]), 0, 1)):
        part = Part("sound")
        tellings.compare_clicks(part, told(take, tmp_path, recorded, heard))
        for name in ("clicks", "steps"):
            assert figures(part)[f"{name} that only the recording has, away from the server's gaps"].value == ours
            assert figures(part)[f"{name} that only the recording has, at the server's gaps"].value == theirs
            assert len(part.details[f"{name}_of_ours_s"]) == ours


@pytest.mark.usefixtures("live_numbers", "own_home")
def test_one_bit_of_the_rendering_is_enough_for_the_digests(take: Played, tmp_path: Path) -> None:
    rendered = np.ascontiguousarray(take.wet.T)
    rendered.view(np.uint32)[30_000, 1] ^= 1
    tapped, part = tell(tmp_path, rendered, rendered, take.log), Part("sound")
    tellings.compare_digests(part, tapped, 60 * 512, tmp_path)
    assert [figure.reached for figure in part.figures] == [False, False]


def test_a_recording_of_something_else_is_not_taken_for_faultless(take: Played, tmp_path: Path) -> None:
    other = np.random.default_rng(0).standard_normal((50_000, 2)).astype(np.float32)
    tapped, part = told(take, tmp_path, other), Part("sound")
    tellings.describe_gaps(part, tapped)
    tellings.compare_clicks(part, tapped)
    found = figures(part)
    assert found["gaps nobody has owned up to"].reached is False
    assert found["recorded exactly as rendered"].value == 0.0
    for name in ("clicks", "steps"):
        assert found[f"{name} that only the recording has, away from the server's gaps"].reached is False
