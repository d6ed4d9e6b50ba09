"""From onset to onset: measured by the server's clock, and not at all where the server was late."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distill_live.cli.bench.bursts import burst
from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.live_input import LISTEN_FRAMES, UNHEARD, UNMEASURED, _describe, delay_ms
from distill_live.cli.bench.onset import RATE
from distill_live.cli.bench.tap import Heard
from distill_live.cli.bench.tapped import Tapped
from tests.cli.bench.told import tell

BEGUN = 500_000
START = 480_000  # the server's frame of the recording's first sample


def recorded(folder: Path, late: int, level: float = 1.0, heard: Heard | None = None) -> Tapped:
    """A recording in which a burst sounds ``late`` frames after it was played."""
    sound, played = np.zeros((3 * RATE // 2, 2), np.float32), burst(np.random.default_rng(0))
    sound += 1e-4 * np.random.default_rng(1).standard_normal(sound.shape).astype(np.float32)
    at = BEGUN - START + late
    sound[at : at + len(played)] += level * played[:, None]
    return tell(folder, sound, sound, heard=heard or Heard([(0, START)]))


@pytest.mark.parametrize("late", [0, 1, 480, 4800, 9601])
def test_a_delay_is_the_bursts_own_within_half_a_millisecond(tmp_path: Path, late: int) -> None:
    found = delay_ms(BEGUN, recorded(tmp_path, late))
    assert not isinstance(found, str)
    half, tenth = (ms - 1000.0 * late / RATE for ms in found)
    assert abs(tenth) < 0.5 and abs(half) < 0.5


def test_the_level_of_what_is_spoken_makes_no_difference(tmp_path: Path) -> None:
    loud, quiet = (delay_ms(BEGUN, recorded(tmp_path, 2000, level)) for level in (1.0, 0.25))
    assert not isinstance(loud, str) and loud == pytest.approx(quiet, abs=0.1)


def test_a_burst_that_nobody_hears_is_counted_as_such(tmp_path: Path) -> None:
    assert delay_ms(BEGUN, recorded(tmp_path, 2000, level=1e-4)) == UNHEARD


@pytest.mark.parametrize(
    ("xrun", "measured"), [(BEGUN + 5000, False), (BEGUN - 5000, True), (BEGUN + LISTEN_FRAMES + 1, True)]
)
def test_a_burst_beside_which_the_server_was_late_is_not_measured(tmp_path: Path, xrun: int, measured: bool) -> None:
    found = delay_ms(BEGUN, recorded(tmp_path, 2000, heard=Heard([(0, START)], xruns=[xrun])))
    assert (found != UNMEASURED) == measured


def test_what_is_told_counts_all_and_its_parts_add_up(tmp_path: Path) -> None:
    part = Part("live input")
    _describe(part, [BEGUN, START + 2 * 9600], recorded(tmp_path, 2400), lead=1024)
    value = {figure.name: figure.value for figure in part.figures}
    assert value["bursts played"] == 2 and value[f"bursts: {UNMEASURED}, the server was late"] == 0
    told = part.details["live_input"]
    assert told["spread"]["n"] == len(told["delays_ms"]) >= 1
    parts = told["parts_ms"]
    assert parts["ring_ms"] + parts["hear_encode_speak_ms"] == pytest.approx(parts["total_ms"])
