"""The traps of MODEL.md section 4 that a prior can fall into: 7, 8, 10 and 11."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from distill_live.prior.sampling import Sampling, chooser, gumbel_noise, sample
from distill_live.prior.tokens import CodeEmbedding

SHORT_TAKE = """
import hashlib, torch
from distill_live.prior.recurrent import RecurrentConfig, RecurrentPrior
from distill_live.prior.sampling import Sampling, chooser
torch.manual_seed(3)
prior = RecurrentPrior(RecurrentConfig(1, 3, 64)).eval()
state, digest = prior.initial_state(), hashlib.sha256()
for column in range(40):
    codes, state = prior.step(state, chooser(Sampling(), 7, column))
    digest.update(codes.tobytes() + state.hidden.tobytes())
print(digest.hexdigest())
"""


def test_trap_7_the_same_code_means_something_else_on_each_level() -> None:
    vectors = CodeEmbedding(levels=3, codebook_size=8, width=4)(torch.full((1, 3), 5))
    assert not torch.allclose(vectors[0], vectors[1])
    assert not torch.allclose(vectors[1], vectors[2])


def test_trap_7_the_begin_token_is_none_of_the_codes() -> None:
    embedding = CodeEmbedding(levels=2, codebook_size=8, width=4)
    begin = embedding(torch.full((1, 2), -1))
    for code in range(8):
        assert not torch.allclose(begin, embedding(torch.full((1, 2), code)))


def test_trap_7_a_prior_begins_with_the_begin_token_not_with_a_code(any_prior: Any, codes: Any) -> None:
    asked: dict[str, Any] = {}

    def listen(name: str) -> Any:
        return lambda logits, row, level: asked.setdefault(name, logits) is None or 0

    any_prior.step(any_prior.initial_state(), listen("begin"))
    any_prior.step(any_prior.prefill(codes[:1] * 0, any_prior.initial_state()), listen("zero"))
    assert not np.allclose(asked["begin"], asked["zero"])


def test_trap_7_finer_levels_see_the_coarser_code_that_was_chosen(any_prior: Any) -> None:
    state = any_prior.initial_state()
    second = []
    for coarse in (0, 1):
        asked = []
        any_prior.step(state, lambda logits, row, level, c=coarse, a=asked: a.append(logits) or c)
        second.append(asked[1])
    assert not np.allclose(second[0], second[1])


def test_trap_8_temperature_and_top_k_are_clamped() -> None:
    logits = np.random.default_rng(0).normal(size=16).astype(np.float32)
    noise = gumbel_noise(1, 2, 0, 0, 16)
    for temperature in (0.0, -1.0, 1e-9):
        assert sample(logits, temperature, 0, 1.0, noise) == sample(logits, 0.1, 0, 1.0, noise)
    assert sample(logits, 1.0, 1024, 1.0, noise) == sample(logits, 1.0, 16, 1.0, noise)
    assert sample(logits, 1.0, 1024, 1.0, noise) == sample(logits, 1.0, 0, 1.0, noise)


class NoTorch(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"the live step ran the torch operation {func}")


def test_traps_10_and_11_the_live_step_runs_no_torch_operation(any_prior: Any, codes: Any) -> None:
    """So neither oneDNN's slow recurrent cells nor torch's threads can be in it."""
    state = any_prior.prefill(codes, any_prior.initial_state())
    with NoTorch():
        any_prior.step(state, lambda logits, row, level: 0)
        any_prior.prefill(codes, state)
        with pytest.raises(AssertionError, match="torch operation"):
            torch.ones(2) + 1


def test_traps_10_and_11_torchs_threads_do_not_change_a_bit(any_prior: Any) -> None:
    def digest() -> str:
        state, sha = any_prior.initial_state(), hashlib.sha256()
        for w in range(10):
            column, state = any_prior.step(state, chooser(Sampling(), 7, w))
            sha.update(column.tobytes())
        return sha.hexdigest()

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = digest()
        torch.set_num_threads(2)
        assert digest() == one
    finally:
        torch.set_num_threads(before)


def test_trap_11_two_processes_give_the_same_bits_with_one_blas_thread_or_two() -> None:
    digests = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", SHORT_TAKE], capture_output=True, text=True, env=environment, check=True
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64
