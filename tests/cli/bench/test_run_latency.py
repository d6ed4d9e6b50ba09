"""What ``scripts/bench_latency --json`` tells machines: always the same shape, and means that add up."""

from __future__ import annotations

import json

import pytest

from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.latency import NAMES, UNHEARD
from distill_live.cli.bench.live_input import _parts
from distill_live.cli.bench.run_latency import latency_json
from tests.cli.bench.test_latency import described, plain

SPREAD = {"p50_ms", "p95_ms", "p99_ms", "max_ms", "n"}
KINDS = {"edit", "sampling", "midi", "live_input"}


def of_the_input() -> Part:
    part = Part("live input")
    spread = {"p50": 101.0, "p95": 102.0, "p99": 103.0, "max": 104.0, "n": 2}
    part.details["live_input"] = {
        "delays_ms": [100.0, 104.0],
        "spread": spread,
        "parts_ms": _parts([100.0, 104.0], 2400),
    }
    return part


def test_the_shape_is_the_same_whatever_was_measured() -> None:
    whole = described({kind: [plain(kind, 3.0), plain(kind, 5.0)] for kind in ("edit", "midi", "sampling")})
    nothing = described({"edit": [UNHEARD]})
    for parts in ([], [whole], [of_the_input()], [whole, of_the_input()], [nothing]):
        body = latency_json(parts)
        assert set(body) == KINDS | {"parts_ms"}
        assert all(set(body[kind]) == SPREAD for kind in KINDS)
        assert json.loads(json.dumps(body, allow_nan=False)) == body


def test_every_kind_has_its_spread_and_what_was_not_measured_has_none() -> None:
    body = latency_json([described({"edit": [plain("edit", 3.0), plain("edit", 5.0)]}), of_the_input()])
    assert body["edit"] == {"p50_ms": 64.0, "p95_ms": 64.9, "p99_ms": 64.98, "max_ms": 65.0, "n": 2}
    assert body["live_input"] == {"p50_ms": 101.0, "p95_ms": 102.0, "p99_ms": 103.0, "max_ms": 104.0, "n": 2}
    assert body["midi"] == body["sampling"] == {"p50_ms": None, "p95_ms": None, "p99_ms": None, "max_ms": None, "n": 0}


def test_means_of_the_parts_add_up_to_the_mean_of_the_whole() -> None:
    parts = latency_json([described({"edit": [plain("edit", 3.0), plain("edit", 6.0)]}), of_the_input()])["parts_ms"]
    assert sum(parts["edit"][name] for name in NAMES) == pytest.approx(parts["edit"]["total_ms"])
    heard = parts["live_input"]
    assert heard["ring_ms"] == 50.0 and heard["total_ms"] == 102.0
    assert heard["ring_ms"] + heard["hear_encode_speak_ms"] == heard["total_ms"]


def test_a_kind_without_a_way_has_parts_that_are_not_known() -> None:
    parts = latency_json([described({"edit": [UNHEARD]})])["parts_ms"]
    assert parts["edit"] == dict.fromkeys(NAMES)
    assert _parts([], 2048) == {}
