"""What an audio API calls once a period, called by hand: any number of channels, both directions, and what is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from distill_live.audio.ring import Count, Gauge, SharedRing
from distill_live.engine.callbacks import DuplexCallback, InputCallback, OutputCallback
from distill_live.engine.capture import MARGIN_FRAMES, InputPath, MonoMix
from distill_live.engine.player import ChannelMap, ConvertedPlayer, RingPlayer

PERIOD = 256


@dataclass(frozen=True)
class Flags:
    """As PortAudio's."""

    output_underflow: bool = False
    input_overflow: bool = False


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(16384, 2)
    ring.publish(Count.PRODUCING, 1)
    noise = np.random.default_rng(4).uniform(-1, 1, (8192, 2)).astype(np.float32)
    ring.write(noise)
    yield ring
    ring.close()
    ring.unlink()


@pytest.fixture
def input_ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(16384, 1)
    yield ring
    ring.close()
    ring.unlink()


def called(callback: OutputCallback, channels: int, periods: int = 12) -> np.ndarray:
    out = np.full((periods * PERIOD, channels), np.nan, np.float32)
    for start in range(0, len(out), PERIOD):
        callback(out[start : start + PERIOD], PERIOD, None, None)
    return out


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("spread", [False, True])
def test_every_device_from_mono_to_eight_channels_hears_the_pair(ring: SharedRing, channels: int, spread: bool) -> None:
    first = max(0, channels // 2 * 2 - 2)  # the last pair
    expected = np.zeros((8192, 2), np.float32)
    other = SharedRing.create(16384, 2)
    other.write(np.random.default_rng(4).uniform(-1, 1, (8192, 2)).astype(np.float32))
    expected = called(OutputCallback(RingPlayer(other), other, ChannelMap(2)), 2)
    out = called(OutputCallback(RingPlayer(ring), ring, ChannelMap(channels, first, spread)), channels)
    other.close()
    other.unlink()
    assert expected[2000:].any() and np.isfinite(out).all()
    if channels == 1:
        assert np.allclose(out[:, 0], expected.mean(axis=1), atol=1e-6)
        return
    pairs = range(0, channels - 1, 2) if spread else [first]
    for left in pairs:
        assert np.array_equal(out[:, left : left + 2], expected)
    sounding = [c for left in pairs for c in (left, left + 1)]
    assert not np.delete(out, sounding, axis=1).any()


def test_the_period_the_calls_and_the_servers_complaints_are_told(ring: SharedRing) -> None:
    ring.publish(Count.CALLBACKS, 100)
    ring.publish(Count.SERVER_XRUNS, 5)
    callback = OutputCallback(RingPlayer(ring), ring, ChannelMap(2))
    assert callback.period == 0
    callback(np.zeros((128, 2), np.float32), 128, None, Flags())
    assert (callback.period, ring.count(Count.BLOCK_FRAMES), ring.count(Count.CALLBACKS)) == (128, 128, 101)
    callback(np.zeros((64, 2), np.float32), 64, None, Flags(output_underflow=True))
    assert (ring.count(Count.BLOCK_FRAMES), ring.count(Count.SERVER_XRUNS)) == (64, 6)
    assert ring.gauge(Gauge.LAST_OUTPUT_S) == callback.last_s


@pytest.mark.parametrize("rate", [48000, 44100])
def test_input_is_there_before_the_output_has_made_room(ring: SharedRing, input_ring: SharedRing, rate: int) -> None:
    """The engine renders a block when the output ring has room for it: it must find its input then."""
    seen: list[tuple[int, int]] = []

    class Watching(RingPlayer):
        def fill(self, out: np.ndarray, begins: bool = True) -> None:
            seen.append((input_ring.written, ring.read))
            super().fill(out, begins)
            seen.append((input_ring.written, ring.read))

    player, path, mix = Watching(ring), InputPath(input_ring), MonoMix(0, 1, rate)
    path.begin(same_clock=True, converts=mix.converts)
    output = OutputCallback(player if rate == 48000 else ConvertedPlayer(player, rate), ring, ChannelMap(2), path)
    duplex = DuplexCallback(InputCallback(path, mix), output)
    for _ in range(20):
        duplex(np.ones((PERIOD, 1), np.float32), np.zeros((PERIOD, 2), np.float32), PERIOD, None, Flags())
    assert all(written >= read for written, read in seen)
    assert seen[-1][0] == seen[-1][1] == ring.read
    sound = np.zeros((input_ring.fill, 1), np.float32)
    input_ring.read_into(sound)
    assert sound[2000:].min() == pytest.approx(1.0, abs=1e-5)


@dataclass(frozen=True)
class When:
    """As PortAudio's."""

    currentTime: float  # noqa: N815 - its own name


def test_a_period_that_is_handed_over_in_pieces_is_told_as_one(ring: SharedRing, input_ring: SharedRing) -> None:
    path = InputPath(input_ring)
    output = OutputCallback(RingPlayer(ring), ring, ChannelMap(2), path)
    source = InputCallback(path, MonoMix(0, 1, 44100))
    path.begin(same_clock=False)
    for period in range(3):
        ring.write(np.zeros((4096, 2), np.float32))
        before = ring.fill
        for _ in range(4):
            source(np.zeros((1024, 1), np.float32), 1024, When(1.0 + period), Flags())
            output(np.zeros((1024, 2), np.float32), 1024, When(1.0 + period), Flags())
    assert output.period == source.period == ring.count(Count.BLOCK_FRAMES) == 4096
    assert ring.count(Count.MIN_FILL) == before == ring.fill + 4096, "what the period has found, not its last piece"
    assert path.latency_s == pytest.approx((MARGIN_FRAMES + 4096 * 480 / 441) / 48000, abs=1 / 48000)


def test_only_its_own_complaints_are_counted_by_each_side(ring: SharedRing, input_ring: SharedRing) -> None:
    path = InputPath(input_ring)
    source = InputCallback(path, MonoMix(0, 1, 48000))
    duplex = DuplexCallback(source, OutputCallback(RingPlayer(ring), ring, ChannelMap(2), path))
    blocks = np.zeros((PERIOD, 1), np.float32), np.zeros((PERIOD, 2), np.float32)
    duplex(*blocks, PERIOD, None, Flags(input_overflow=True))
    duplex(*blocks, PERIOD, None, Flags(output_underflow=True))
    duplex(*blocks, PERIOD, None, Flags(input_overflow=True))
    assert input_ring.count(Count.INPUT_XRUNS) == 2
    assert ring.count(Count.SERVER_XRUNS) == 1
    assert source.period == PERIOD
