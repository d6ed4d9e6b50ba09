"""Two processes that train one model (gloo, on the CPU), started by ``torchrun`` as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_live.models.playable import load_playable
from distill_live.training.team import ALONE, Team
from distill_live.training.workdir import WorkFolder
from tests.training.sounds import write_corpus
from tests.training.toy import LineTask

ROOT = Path(__file__).parents[2]

TOGETHER = """
import hashlib, json, sys
import torch
from distill_live.signals import StopFlag
from distill_live.training.loop import Loop
from distill_live.training.stopping import Limits
from distill_live.training.team import Team
from pathlib import Path
from tests.training.toy import LineTask

torch.set_num_threads(1)
team = Team.current()
task = LineTask()
torch.nn.init.constant_(task.model.weight, float(team.rank))  # the second one begins elsewhere
stop = StopFlag()
outcome = Loop(task, Path(sys.argv[1]) / str(team.rank), Limits(epochs=4), lambda event: None, stop, team=team).run()
Path(sys.argv[1], f"{team.rank}.json").write_text(json.dumps([task.weights(), outcome.steps, outcome.best]))
team.leave()
"""


def torchrun(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_alone_is_a_team_too():
    task = LineTask()
    ALONE.join(task)
    assert (task.rank, task.size) == (0, 1)
    assert Team.current() is ALONE


@pytest.mark.e2e
def test_two_processes_learn_one_model(tmp_path):
    (tmp_path / "together.py").write_text(TOGETHER)
    for rank in "01":
        (tmp_path / rank).mkdir()
    done = torchrun(str(tmp_path / "together.py"), str(tmp_path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in "01")
    assert first[0] == second[0], "they hold different weights"
    assert first[1] == second[1] == 4 * LineTask.steps_per_epoch
    assert first[2] is not None
    assert second[2] is None, "the second one has judged"
    by_hand = LineTask()  # what one process learns from both batches of every step
    for step in range(4 * LineTask.steps_per_epoch):
        losses = []
        for rank in range(2):
            x = torch.randn(16, 1, generator=torch.Generator().manual_seed(2 * step + rank))
            losses.append((by_hand.model(x) - (2 * x + 1)).square().mean())
        by_hand.optimizer.zero_grad()
        (sum(losses) / 2).backward()
        by_hand.optimizer.step()
    assert by_hand.weights() == pytest.approx(first[0], abs=1e-4)


@pytest.mark.e2e
def test_one_that_fails_ends_them_all_with_its_sentence(tmp_path):
    """The second one waits for the first at that moment."""
    corpus, out = write_corpus(tmp_path / "tones"), tmp_path / "tones.distill"
    interrupted = WorkFolder(out)
    interrupted.begin({"seed": 5}, "another corpus")
    (interrupted.path / "codec.last.safetensors").touch()
    began_s = time.monotonic()
    done = torchrun("-m", "distill_live", "train", str(corpus), "--out", str(out), "--epochs", "1", "--threads", "1")
    assert done.returncode != 0
    assert "--resume" in done.stdout + done.stderr
    assert time.monotonic() - began_s < 120.0, "they have waited for each other"


@pytest.mark.e2e
def test_two_processes_train_a_model_that_plays(tmp_path):
    corpus = write_corpus(tmp_path / "tones")
    out = tmp_path / "tones.distill"
    arguments = ["-m", "distill_live", "train", str(corpus), "--out", str(out), "--epochs", "1", "--threads", "1"]
    done = torchrun(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("looking at") == 1, "only the first one speaks"
    model = load_playable(out)
    assert model.metadata["training"]["complete"]
    assert np.isfinite(model.metadata["training"]["codec"]["held_out"])
    assert not out.with_name(out.name + ".work").exists()
