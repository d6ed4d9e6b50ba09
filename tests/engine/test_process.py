"""The live loop and its device: what the period asks of the lead, and when a block has to be cheap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.ring import Count, DeviceState, Gauge, SharedRing
from distill_live.engine.loading import Ready
from distill_live.engine.process import EngineSettings, LiveLoop
from distill_live.engine.take import TakeStart
from distill_live.engine.voice import VoiceKit
from distill_live.link import Link, link_pair
from distill_live.models.file import read_model, save_model
from distill_live.models.playable import Playable, load_playable
from tests.fixtures import tiny_model_file


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(96000, 2)
    yield ring
    ring.close()
    ring.unlink()


@pytest.fixture
def loop(ring: SharedRing, tiny_playable: Callable[..., Playable]) -> Iterator[LiveLoop]:
    ends = [link_pair() for _ in range(3)]
    loop = LiveLoop(EngineSettings(tiny_playable().path, ring.name, lead=512), *(Link(ours) for ours, _theirs in ends))
    yield loop
    loop.close()
    for pair in ends:
        for end in pair:
            end.close()


def test_a_long_period_raises_the_lead_before_anything_has_sounded_and_a_short_one_lets_it_fall(
    ring: SharedRing, loop: LiveLoop
) -> None:
    """The device waits for 4352 frames before it begins: an engine that stopped at 512 would never be heard."""
    assert loop.lead.frames == 512
    ring.publish(Count.LEAST_LEAD, 4096 + 256)
    ring.write(np.zeros((1024, 2), np.float32))
    loop._rest()
    assert (loop.lead.frames, loop.lead.period) == (4352, 4096)
    ring.publish(Count.LEAST_LEAD, 64 + 256)
    loop._rest()
    assert (loop.lead.frames, loop.lead.period) == (512, 64)


def test_the_device_hears_how_full_the_ring_is_kept(ring: SharedRing, loop: LiveLoop) -> None:
    ring.publish(Count.LEAST_LEAD, 4096 + 256)
    loop._rest()
    assert ring.count(Count.LEAD) == 4352


def test_an_effect_that_is_gone_is_left_out_and_said(ring: SharedRing, tiny_playable: Callable[..., Playable]) -> None:
    pairs = [link_pair() for _ in range(3)]
    start = TakeStart(effects=("filter", "slap"), params={"fx.slap.mix": 0.5})
    settings = EngineSettings(tiny_playable().path, ring.name, start=start)
    loop = LiveLoop(settings, *(Link(ours) for ours, _theirs in pairs))
    try:
        assert loop.performance.chain.order == ("filter",)
        said = [message.get("message", "") for message in Link(pairs[0][1]).poll(wait_s=5.0)]
        assert "effect slap is not installed any more, and left out." in said
    finally:
        loop.close()


@pytest.mark.parametrize("when", ["from the start", "crossed over into"])
@pytest.mark.parametrize(("complete", "follow", "offered"), [(False, 0, True), (False, 1, False), (True, 0, False)])
def test_who_plays_an_unfinished_model_is_told_how_it_becomes_better(
    ring: SharedRing, tmp_path: Path, when: str, complete: bool, follow: int, offered: bool
) -> None:
    tiny, mine = tiny_model_file(tmp_path / "tiny.distill"), tmp_path / "mine.distill"
    whole = read_model(tiny)
    weights = {name: array for name, array in whole.tensors.items() if not name.startswith("grid.")}
    save_model(mine, {**whole.metadata, "training": {"complete": complete}}, weights, whole.grids)
    pairs = [link_pair() for _ in range(3)]
    first = mine if when == "from the start" else tiny
    settings = EngineSettings(first, ring.name, start=TakeStart(params={"model.follow": follow}), lead=512)
    loop = LiveLoop(settings, *(Link(ours) for ours, _theirs in pairs))
    try:
        if first != mine:
            loop.orders._cross_over(Ready("mine", False, VoiceKit(load_playable(mine), 3)))
        loop.reports.say("that was all")
        said = [message.get("message", "") for message in Link(pairs[0][1]).poll(wait_s=5.0)]
        assert said[-1] == "that was all"
        assert any("mine is unfinished: with model.follow=1 it becomes better" in text for text in said) == offered
    finally:
        loop.close()


def test_a_long_period_that_has_just_begun_is_no_need(ring: SharedRing, loop: LiveLoop) -> None:
    """Right after a period of 4096 the ring holds less than the next one: there are 85 ms to fill it."""
    ring.publish(Count.LEAST_LEAD, 4096 + 256)
    ring.publish(Count.DEVICE_STATE, DeviceState.PLAYING)
    loop._rest()
    ring.write(np.zeros((256, 2), np.float32))
    ring.publish_gauge(Gauge.LAST_OUTPUT_S, time.monotonic() + 60.0)
    assert not loop._in_need()
    ring.publish_gauge(Gauge.LAST_OUTPUT_S, time.monotonic() - 0.08)
    assert loop._in_need()
    ring.write(np.zeros((4096, 2), np.float32))
    assert not loop._in_need()


def test_a_ring_that_another_slow_block_would_empty_is_a_need(ring: SharedRing, loop: LiveLoop) -> None:
    ring.publish(Count.DEVICE_STATE, DeviceState.PLAYING)
    ring.write(np.zeros((320, 2), np.float32))
    assert not loop._in_need()
    loop._after_block(0.040)
    assert loop._in_need()
    ring.write(np.zeros((192, 2), np.float32))
    assert not loop._in_need(), "as full as it should be"


def test_a_device_that_does_not_know_its_period_yet_leaves_the_last_one(ring: SharedRing, loop: LiveLoop) -> None:
    """Regression: its first call was late, and a period of no frames at all ended the engine."""
    period = loop.lead.period
    ring.publish(Count.LEAST_LEAD, 256)
    ring.publish(Count.DEVICE_STATE, DeviceState.PLAYING)
    ring.write(np.zeros((1024, 2), np.float32))
    loop._rest()
    assert loop.lead.period == period > 0
