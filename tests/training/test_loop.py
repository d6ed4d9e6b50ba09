"""The loop: it stops when asked, loses at most one epoch, and a resumed run is the uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill_live.errors import ModelFileError, TrainingError
from distill_live.models import container
from distill_live.signals import StopFlag
from distill_live.training.loop import Loop, best_path, last_path
from distill_live.training.progress import Notice, Progress, ProgressLog, to_line
from distill_live.training.stopping import Limits
from tests.training.toy import LineTask

ROOT = Path(__file__).parents[2]


def run(work: Path, task: LineTask, limits: Limits, resume: bool = False, stop_at: int | None = None):
    flag = StopFlag()
    loop = Loop(task, work, limits, lambda event: None, flag)
    if stop_at is not None:
        step = task.train_step

        def stopping(number: int, progress: float) -> float:
            if number == stop_at - 1:
                flag.set()
            return step(number, progress)

        task.train_step = stopping  # type: ignore[method-assign]
    assert loop.resume() == resume
    return loop.run()


def curve_of(outcome) -> list[tuple[int, float, float]]:
    return [(p["step"], p["loss"], p["held_out"]) for p in outcome.curve]


def test_epochs_are_counted_and_the_curve_has_a_point_for_each(tmp_path):
    task = LineTask()
    outcome = run(tmp_path, task, Limits(epochs=4))
    assert (outcome.reason, outcome.steps, task.steps) == ("epochs", 20, 20)
    assert [p["epoch"] for p in outcome.curve] == [1, 2, 3, 4]
    assert outcome.best == min(p["held_out"] for p in outcome.curve)


@pytest.mark.parametrize("stop_at", [1, 5, 7, 13])
def test_stopped_and_resumed_is_the_same_as_never_stopped(tmp_path, stop_at):
    whole, halves = LineTask(), LineTask()
    reference = run(tmp_path / "whole", whole, Limits(epochs=4))
    first = run(tmp_path / "halves", halves, Limits(epochs=4), stop_at=stop_at)
    assert (first.reason, first.steps) == ("interrupted", stop_at)
    again = LineTask()
    second = run(tmp_path / "halves", again, Limits(epochs=4), resume=True)
    assert again.weights() == whole.weights()
    assert curve_of(second) == curve_of(reference)


def test_the_best_weights_are_kept_not_the_last(tmp_path):
    task = LineTask(worse_after=100)
    outcome = run(tmp_path, task, Limits(epochs=40))
    assert outcome.curve[-1]["held_out"] > outcome.best + 0.5
    assert task.validate().held_out == pytest.approx(outcome.best)


def test_a_deadline_in_the_past_still_gives_one_step_and_a_checkpoint(tmp_path):
    outcome = run(tmp_path, LineTask(), Limits(deadline=time.monotonic() - 1))
    assert (outcome.reason, outcome.steps) == ("budget", 1)
    assert len(outcome.curve) == 1
    assert best_path(tmp_path, "line").exists()


def test_a_finished_stage_is_not_repeated_but_goes_on_when_more_epochs_are_asked_for(tmp_path):
    run(tmp_path, LineTask(), Limits(epochs=2))
    same, more = LineTask(), LineTask()
    assert run(tmp_path, same, Limits(epochs=2), resume=True).steps == 10
    assert same.steps == 0
    assert run(tmp_path, more, Limits(epochs=3), resume=True).steps == 15
    assert more.steps == 5


def test_a_stage_that_converged_says_so(tmp_path):
    task = LineTask()
    task.converged = lambda held_out: len(held_out) >= 3  # type: ignore[method-assign]
    assert run(tmp_path, task, Limits()).reason == "converged"
    assert task.steps == 15


def test_a_loss_that_is_not_finite_is_one_sentence(tmp_path):
    task = LineTask()
    task.train_step = lambda step, progress: float("nan")  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="diverged at step 0"):
        run(tmp_path, task, Limits(epochs=1))


def test_a_damaged_checkpoint_is_one_sentence(tmp_path):
    run(tmp_path, LineTask(), Limits(epochs=1))
    path = last_path(tmp_path, "line")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(TrainingError, match="cut off"):
        run(tmp_path, LineTask(), Limits(epochs=2), resume=True)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    run(tmp_path, LineTask(), Limits(epochs=1))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ModelFileError, match="No space"):
            run(tmp_path, LineTask(), Limits(epochs=2), resume=True)
    assert run(tmp_path, LineTask(), Limits(epochs=2), resume=True).steps == 10


def start(work: Path, epochs: int, step_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.training.toy", str(work), str(epochs), str(step_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never appeared")


def test_kill_9_loses_at_most_one_epoch(tmp_path):
    process = start(tmp_path, 1000, 0.01)
    wait_for(last_path(tmp_path, "line"))
    process.kill()
    process.communicate()
    done = json.loads(container.read_container(last_path(tmp_path, "line")).documents["checkpoint"])["loop"]["step"]
    epochs = done // 5 + 2
    resumed, whole = LineTask(), LineTask()
    run(tmp_path, resumed, Limits(epochs=epochs), resume=True)
    run(tmp_path / "whole", whole, Limits(epochs=epochs))
    assert resumed.weights() == whole.weights()
    assert resumed.steps == 5 * epochs - done


def test_ctrl_c_saves_after_the_step_and_ends_well(tmp_path):
    process = start(tmp_path, 1000, 0.01)
    wait_for(last_path(tmp_path, "line"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    reason, steps = out.split("\n")[1].split()
    saved = json.loads(container.read_container(last_path(tmp_path, "line")).documents["checkpoint"])["loop"]["step"]
    assert reason == "interrupted"
    assert saved == int(steps)


def test_events_are_json_lines_that_other_processes_can_read(tmp_path):
    heard = []
    log = ProgressLog(tmp_path / "work" / "progress.jsonl", heard.append)
    health = ({"name": "Structure", "word": "green"},)
    log(Progress("codec", 1, 5, float("nan"), None, "dB", 1.0, 3.5, health))
    log(Notice("done", "", "saved", {"path": "x"}))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "work" / "progress.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["progress", "done"]
    assert lines[0]["loss"] is None
    assert lines[0]["health"][0]["word"] == "green"
    assert lines[1]["path"] == "x"
    assert len(heard) == 2
    assert "\n" not in to_line(heard[0])
