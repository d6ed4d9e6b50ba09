"""The declarations a performer sees, and what importing the light modules costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from distill_live.params import MAX_LEVELS, REGISTRY
from distill_live.prior import params

EVERY = ["temperature", "topk", "topp"]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("distill_live.prior.params", ["torch", "numpy"]),
        ("distill_live.prior.sampling", ["torch", "distill_live.audio"]),
        ("distill_live.prior.guard", ["torch", "distill_live.audio"]),
        ("distill_live.prior.recurrent", ["torchaudio", "vector_quantize_pytorch", "distill_live.audio"]),
    ],
)
def test_light_modules_stay_light(module: str, forbidden: list[str]) -> None:
    code = f"import sys, {module}; print([m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_temperature_top_k_top_p_are_there_globally_and_for_four_levels() -> None:
    ids = [*EVERY, "seed"] + [f"level.{i}.{what}" for i in range(MAX_LEVELS) for what in EVERY]
    assert set(ids) <= set(REGISTRY)
    assert [p.id for p in REGISTRY.group("sampling")] == [*EVERY, "seed", "repetition"]


def test_ranges_and_defaults_are_those_promised() -> None:
    for p in (params.TEMPERATURE, REGISTRY["level.3.temperature"]):
        assert (p.low, p.high, p.default, p.curve) == (0.1, 2.0, 1.0, "log")
    for p in (params.TOP_K, REGISTRY["level.3.topk"]):
        assert (p.kind, p.low, p.high, p.default) == ("int", 0, 1024, 0)
    assert (params.TOP_P.default, REGISTRY["level.3.topp"].default) == (0.9, 0.0)
    assert params.SEED.high == 2**31 - 1
    assert (params.REPETITION.low, params.REPETITION.high, params.REPETITION.default) == (0.0, 8.0, 1.0)


def test_every_parameter_explains_itself_in_one_sentence() -> None:
    mine = [p for i, p in REGISTRY.items() if i.split(".")[-1] in (*EVERY, "seed", "repetition")]
    assert all(p.help.endswith(".") and p.help.count(". ") == 0 and len(p.help) > 30 for p in mine)
