"""The benchmark: what it hears, how it counts time, what it prints; and all of it once, quickly, with real programs."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.cli.bench import run
from distill_live.cli.bench.figures import Figure, Part, Report, markers, spread, write_between_markers
from distill_live.cli.bench.follow import follow
from distill_live.cli.bench.heard import first_difference, heard_at
from distill_live.cli.bench.offline import Listener, windowed_entropy
from distill_live.cli.bench.output_clock import OutputClock
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.sender import Message
from distill_live.engine.performance import BLOCK
from distill_live.errors import DistillError, UsageError
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.takelog import Take
from tests.jackserver import needs_jack

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(3)


# ------------------------------------------------------------------ what counts as heard


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples)


@pytest.mark.parametrize("level_db", [0.0, -20.0, -40.0])
def test_a_change_is_heard_above_minus_30_db_and_not_below_at_any_level(level_db: float) -> None:
    take = noise(48000) * 10 ** (level_db / 20)
    change = np.zeros(48000)
    change[20000:] = noise(28000, 1) * 10 ** (level_db / 20)
    assert heard_at(take + change * 10 ** (-34 / 20), take) is None
    found = heard_at(take + change * 10 ** (-26 / 20), take)
    assert found is not None and 20000 < found < 20480, "within the 10 ms over which it is measured"


def test_a_change_is_never_heard_before_it_begins() -> None:
    take = noise(9600)
    changed = take.copy()
    changed[5000:] = 0.0
    assert first_difference(changed, take) == 5000
    found = heard_at(changed, take)
    assert found is not None and found >= 5000


def test_beside_silence_a_difference_that_nobody_hears_does_not_count() -> None:
    silence = np.zeros(9600)
    assert heard_at(silence + 1e-5, silence) is None
    assert heard_at(silence + 1e-2, silence) is not None


def test_two_equal_takes_differ_nowhere() -> None:
    take = noise(4800)
    assert heard_at(take, take) is None and first_difference(take, take) is None
    assert heard_at(take[:0], take[:0]) is None


# ------------------------------------------------------------------ the clock


@given(
    st.lists(st.tuples(st.floats(0.05, 0.5), st.floats(-0.004, 0.004)), min_size=2, max_size=40),
    st.lists(st.integers(0, 48000 * 40), min_size=2, max_size=20),
)
def test_later_frames_never_leave_earlier(steps: list[tuple[float, float]], frames: list[int]) -> None:
    at_s, pairs = 100.0, []
    for step_s, jitter_s in steps:
        at_s += step_s
        pairs.append((at_s + jitter_s, round((at_s - 100.0) * 48000)))
    clock = OutputClock.from_pairs(pairs, 0.01, 256)
    moments = [clock.moment_s(frame) for frame in sorted(frames)]
    assert all(a <= b for a, b in pairwise(moments))


def test_the_clock_is_exact_for_an_exact_device_and_forgives_a_pair_caught_half_way() -> None:
    pairs = [(50.0 + n * 0.25, n * 12000) for n in range(1, 40)]
    pairs[20] = (pairs[20][0], pairs[20][1] + 256)
    clock = OutputClock.from_pairs(pairs, latency_s=0.010, period=256)
    for frame in (0, 12000, 100_000, 252_100, 480_000, 600_000):
        assert clock.moment_s(frame) == pytest.approx(50.0 + 0.010 + (frame + 256) / 48000, abs=1e-9)


def test_a_gap_in_which_nothing_was_read_makes_later_frames_later() -> None:
    pairs = [(10.0 + n * 0.25, n * 12000) for n in range(1, 20)] + [(11.0 + n * 0.25, n * 12000) for n in range(20, 40)]
    clock = OutputClock.from_pairs(pairs, 0.0, 0)
    assert clock.moment_s(24000) == pytest.approx(10.5)
    assert clock.moment_s(432000) == pytest.approx(20.0)


def test_a_clock_needs_two_moments() -> None:
    with pytest.raises(ValueError, match="two"):
        OutputClock.from_pairs([(0.0, 0), (5.0, 100)], 0.0, 256)


# ------------------------------------------------------------------ what an event changed


@pytest.mark.usefixtures("live_numbers")
def test_following_a_take_finds_what_each_event_changed(tiny_playable: object) -> None:
    model: Playable = tiny_playable()  # type: ignore[operator]
    log = (
        ControlEvent(20 * BLOCK, "/distill/swap", (0, "2", 1.0)),
        ControlEvent(60 * BLOCK, "/distill/param/level.3.temperature", (0.5,)),
        ControlEvent(80 * BLOCK, "/distill/swap", (0, "off", 1.0)),
        ControlEvent(120 * BLOCK, "/distill/temperature", (2.0,)),
        ControlEvent(150 * BLOCK, "/distill/temperature", (2.0,)),
    )
    take = Take({"sample_rate": 48000, "block": BLOCK, "seed": 5, "params": {}, "model": model.sha256}, log)
    sent = [
        Message(1.0, "swap", (0, 2, 1.0)),
        Message(2.0, "swap", (0, "off", 1.0)),
        Message(3.0, "temperature", (2.0,)),
        Message(4.0, "temperature", (2.0,)),
        Message(5.0, "temperature", (1.9,)),
    ]
    found = follow(model, take, sent).changes
    assert [found[m].frame // BLOCK for m in sent[:4]] == [20, 80, 120, 150]
    assert sent[4] not in found, "it never arrived"
    for swap in sent[:2]:
        assert found[swap].differs is not None and found[swap].differs < BLOCK + 200, "an edit lands at the next hop"
        assert found[swap].heard is not None and found[swap].heard >= found[swap].differs
    assert found[sent[2]].differs is not None
    assert found[sent[3]].differs is None and found[sent[3]].heard is None, "the same value again changes nothing"


# ------------------------------------------------------------------ half an hour offline


def test_the_listener_counts_silence_and_bad_samples() -> None:
    listener = Listener()
    loud, silent = np.full((2, 480), 0.1, np.float32), np.zeros((2, 480), np.float32)
    bad = loud.copy()
    bad[1, 3] = np.nan
    for block in [loud, *[silent] * 10, loud, *[silent] * 25, bad]:
        listener.hear(block)
    assert listener.longest_silence_s == pytest.approx(0.25) and listener.not_finite == 1


@given(st.lists(st.integers(0, 7), min_size=1, max_size=100), st.integers(1, 120))
def test_entropy_lies_between_nothing_and_the_number_of_codes(codes: list[int], columns: int) -> None:
    values = windowed_entropy([np.array([c], np.int16) for c in codes], columns)
    assert values and all(0.0 <= v <= 3.0 + 1e-9 for v in values)


# ------------------------------------------------------------------ figures


def test_a_bar_is_reached_from_the_right_side_and_never_by_what_was_not_measured() -> None:
    assert Figure("p", "n", 250.0, "ms", 250.0).verdict == "ok"
    assert Figure("p", "n", 250.1, "ms", 250.0).verdict == "NOT"
    assert Figure("p", "n", 49.0, "%", 50.0, "at least").verdict == "NOT"
    for value in (None, float("nan"), float("inf")):
        figure = Figure("p", "n", value, "ms", 250.0)
        assert figure.verdict == "NOT" and json.dumps(figure.to_json(), allow_nan=False)
    assert Figure("p", "n", 1e9, "ms").verdict == ""


def test_a_spread_is_in_order() -> None:
    figures = spread(RNG.random(1000))
    assert figures["p50"] < figures["p95"] < figures["p99"] < figures["max"] and figures["n"] == 1000


def test_the_table_lands_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (begin, end), other = markers("soak"), "\n".join(markers("torture"))
    page.write_text(f"before\n{begin}\nold\n{end}\n{other}\nafter\n")
    part = Part("chain")
    part.add("load", 12.3456, "%", 50.0)
    report = Report({"processor": "a"}, {"lead": 4096}, [part])
    write_between_markers(page, "soak", report.markdown())
    write_between_markers(page, "soak", report.markdown())
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith(f"{other}\nafter\n") and "old" not in text
    assert text.count("| chain | load | 12.35 % | at most 50 % | ok |") == 1
    page.write_text("no markers")
    with pytest.raises(UsageError, match="no place"):
        write_between_markers(page, "soak", "x")


@pytest.mark.parametrize("script", ["bench_live", "bench_latency", "soak", "torture", "strain", "long_take"])
def test_our_own_page_has_a_place_for_every_script(script: str) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert [text.count(marker) for marker in markers(script)] == [1, 1] and (ROOT / "scripts" / script).is_file()


@pytest.mark.parametrize("fault", [{"only": frozenset({"chian"})}, {"events": 0}, {"train": Path("/nowhere/at/all")}])
def test_a_plan_that_makes_no_sense_is_refused(fault: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Plan(None, tmp_path, **fault)  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_home")
def test_a_model_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "distill_live.cli.bench.run", str(tmp_path / "none.distill")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.strip().splitlines()) == 1 and "none.distill" in done.stderr


def test_a_part_that_fails_is_said_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[Part]:
        raise DistillError("play was never sounding")

    whole = Part("chain")
    whole.add("load", 10.0, "%", 50.0)
    monkeypatch.setattr(run, "_measurements", lambda _: iter([("start", fails), ("chain", lambda: [whole])]))
    report = run._measure(Plan(None, tmp_path), {}, None, talk=False)
    assert [part.name for part in report.parts] == ["start", "chain"]
    assert [figure.part for figure in report.missed] == ["start"] and "never sounding" in report.parts[0].notes[0]


# ------------------------------------------------------------------ all of it, quickly


def quickly(module: str, *arguments: str) -> dict[str, Any]:
    """What a script prints for machines, run for some seconds with real programs on a server of its own."""
    command = [sys.executable, "-m", f"distill_live.cli.bench.{module}", *arguments, "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def verdicts(report: dict[str, Any]) -> dict[str, bool | None]:
    return {figure["name"]: figure["ok"] for figure in report["figures"]}


@pytest.mark.e2e
@pytest.mark.usefixtures("own_home")
def test_the_whole_benchmark_runs_through_the_real_programs(tiny_playable: object, tmp_path: Path) -> None:
    model: Playable = tiny_playable()  # type: ignore[operator]
    page = tmp_path / "page.md"
    page.write_text("\n".join(markers("bench_live")))
    parts = ("start", "chain", "underruns", "offline")
    only = [argument for part in parts for argument in ("--only", part)]
    report = quickly("run", str(model.path), *only, "--write", str(page))
    assert set(report) == {"machine", "settings", "figures", "notes", "details", "ok"}
    assert {"processor", "cores", "versions", "real time", "jackd"} <= set(report["machine"])
    assert {f["part"] for f in report["figures"]} == set(parts)
    assert all(set(f) == {"part", "name", "value", "unit", "bar", "side", "ok"} for f in report["figures"])
    value = {(f["part"], f["name"]): f["value"] for f in report["figures"]}
    assert value["offline", "samples that are not finite"] == 0
    assert "| offline | speed |" in page.read_text()


@pytest.mark.e2e
@needs_jack
@pytest.mark.usefixtures("own_home")
def test_latency_is_told_for_every_kind_and_its_parts_add_up(tiny_playable: object) -> None:
    model: Playable = tiny_playable()  # type: ignore[operator]
    told = quickly("run_latency", "--model", str(model.path))
    kinds = ("edit", "sampling", "midi", "live_input")
    assert set(told) == {*kinds, "parts_ms"}
    for kind in kinds:
        assert set(told[kind]) == {"p50_ms", "p95_ms", "p99_ms", "max_ms", "n"}
    heard = [kind for kind in kinds if told[kind]["n"]]
    assert {"edit", "midi"} <= set(heard), "a swap to other codes must be heard"
    for kind in heard:
        assert 0 < told[kind]["p50_ms"] <= told[kind]["p95_ms"] <= told[kind]["p99_ms"] <= told[kind]["max_ms"]
        parts = dict(told["parts_ms"][kind])
        assert parts.pop("total_ms") == pytest.approx(sum(parts.values()), abs=0.05)


@pytest.mark.e2e
@needs_jack
@pytest.mark.usefixtures("own_home")
@pytest.mark.parametrize("module", ["run_torture", "run_long_take", "run_strain"])
def test_a_take_that_is_pressed_is_rendered_recorded_and_replayed_alike(module: str, tiny_playable: object) -> None:
    model: Playable = tiny_playable()  # type: ignore[operator]
    holds = verdicts(quickly(module, str(model.path)))
    assert holds["the log vouches for what was rendered"] and holds["the replay is what was rendered"]
    assert holds["replay against recording: gaps nobody has owned up to"]


@pytest.mark.e2e
@needs_jack
@pytest.mark.usefixtures("own_home")
def test_a_soak_is_played_watched_and_vouched_for(tiny_playable: object) -> None:
    model: Playable = tiny_playable()  # type: ignore[operator]
    report = quickly("run_soak", str(model.path))
    holds, value = verdicts(report), {figure["name"]: figure["value"] for figure in report["figures"]}
    assert holds["the log vouches for what was rendered"] and holds["terminal app was there to the end"]
    assert value["trainings begun"] >= 1 and value["trainings that failed"] == 0
    assert value["OSC messages sent"] > 100 and value["MIDI clocks and knob turns sent"] > 10
