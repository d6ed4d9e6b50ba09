"""What the next ``play`` is offered, and what a performance that is not gone on with leaves of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from distill_live.engine.laststate import LastState
from distill_live.engine.standing import Standing
from distill_live.engine.take import TakeStart
from distill_live.errors import TakeError


def body(seed: int) -> dict[str, Any]:
    return Standing("bells.distill", TakeStart(seed), {3: ("bell", "ab")}, library={3: "bell"}).to_json()


def kept(folder: Path, seed: int) -> LastState:
    state = LastState(folder)
    state.update(body(seed), {})
    state.save(at_once=True)
    return state


def test_a_crash_leaves_what_can_be_gone_on_with(tmp_path):
    kept(tmp_path, 7)
    standing, assets = LastState(tmp_path).read()
    assert (standing["seed"], assets) == (7, {})
    assert Standing.from_json(standing).library == {3: "bell"}


def test_another_performance_in_between_takes_nothing_away(tmp_path):
    kept(tmp_path, 7)
    other = LastState(tmp_path)
    other.set_aside()
    assert not other.found(), "it would be offered again and again"
    other.update(body(9), {})
    other.save(at_once=True)
    other.clear()  # it ended well
    assert LastState(tmp_path).read()[0]["seed"] == 7


def test_the_newest_crash_is_gone_on_with_first(tmp_path):
    kept(tmp_path, 7).set_aside()
    kept(tmp_path, 9)
    assert LastState(tmp_path).read()[0]["seed"] == 9


def test_what_was_gone_on_with_and_ended_well_is_over(tmp_path):
    kept(tmp_path, 7).set_aside()
    resumed = LastState(tmp_path)
    resumed.read()
    resumed.clear()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TakeError, match="no performance to go on with"):
        LastState(tmp_path).read()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be kept" in kept(tmp_path, 7).trouble


def test_a_disk_that_is_full_is_said_and_tried_again(tmp_path, monkeypatch):
    state = LastState(tmp_path)
    state.update(body(7), {})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        state.save(at_once=True)
    assert "No space left" in state.trouble
    state.save(at_once=True)
    assert state.trouble == ""
    assert LastState(tmp_path).read()[0]["seed"] == 7


def full(*_: object, **__: object) -> None:
    raise OSError(28, os.strerror(28))
