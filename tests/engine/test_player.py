"""The audio callback's logic, sample by sample: what goes in comes out, and sound never begins or ends with a step."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_live.audio.ring import Count, DeviceState, SharedRing
from distill_live.audio.smoothing import raised_cosine
from distill_live.engine.player import ChannelMap, ConvertedPlayer, RingPlayer

RATE = 48000
RESTART = 512
FADE = round(0.020 * RATE)
RAMP = round(0.005 * RATE)
LARGEST_RAMP_STEP = math.pi / (2 * RAMP)  # of a raised cosine, for a full-scale sample


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(16384, 2)
    ring.publish(Count.PRODUCING, 1)
    yield ring
    ring.close()
    ring.unlink()


def constant(frames: int, value: float = 0.5) -> np.ndarray:
    return np.full((frames, 2), value, np.float32)


def pull(player: RingPlayer | ConvertedPlayer, frames: int, block: int = 256) -> np.ndarray:
    out = np.full((frames, 2), np.nan, np.float32)
    for start in range(0, frames, block):
        player.fill(out[start : start + block])
    return out


def steps(sound: np.ndarray) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


def test_nothing_sounds_before_the_ring_holds_the_restart_level(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(RESTART - 1))
    assert not pull(player, 512).any()
    assert ring.fill == RESTART - 1
    assert ring.count(Count.UNDERRUNS) == 0


def test_no_more_is_waited_for_than_the_producer_keeps_in_the_ring(ring: SharedRing) -> None:
    """An engine whose lead was set to 512 stops there: a device that waited for 1024 would be silent for ever."""
    player = RingPlayer(ring, RATE, restart_frames=1024)
    ring.write(constant(512))
    assert not pull(player, 256).any()
    ring.publish(Count.LEAD, 512)
    assert pull(player, 256).any()


def test_a_long_block_is_waited_for_whatever_the_lead(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, restart_frames=1024)
    ring.publish(Count.LEAD, 512)
    ring.write(constant(512))
    assert not pull(player, 512, block=512).any(), "it would be dry after its first block"


def test_a_take_shorter_than_the_restart_level_sounds_once_no_more_will_come(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(300))
    assert not pull(player, 512).any()
    ring.publish(Count.PRODUCING, 0)
    assert pull(player, 512).any()
    assert ring.fill == 0
    assert ring.count(Count.UNDERRUNS) == 0


def test_the_start_is_a_fade_in_and_after_it_the_ring_comes_out_bit_for_bit(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    noise = np.random.default_rng(1).uniform(-1, 1, (8192, 2)).astype(np.float32)
    ring.write(noise)
    out = pull(player, 4096)
    gain = out[1:FADE] / noise[1:FADE]
    assert abs(out[0]).max() < 1e-4
    assert np.all(np.diff(gain[:, 0]) >= -1e-3)
    assert np.array_equal(out[FADE:], noise[FADE:4096])


def test_when_the_ring_runs_dry_what_is_left_is_played_and_the_last_sample_falls_in_five_milliseconds(
    ring: SharedRing,
) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(2000))
    out = pull(player, 2560)
    assert np.all(out[FADE:2000] == 0.5)
    assert np.all(np.diff(out[2000 : 2000 + RAMP], axis=0) <= 0)
    assert np.all(out[2000 : 2000 + RAMP - 1] > 0)
    assert not out[2000 + RAMP + 1 :].any()
    assert steps(out) <= 0.5 * LARGEST_RAMP_STEP * 1.01
    assert ring.count(Count.DEVICE_STATE) == DeviceState.DRY


def test_a_dry_spell_is_one_underrun_and_its_missing_frames_are_counted(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(1000))
    pull(player, 4 * 256 + 10 * 256)
    assert ring.count(Count.UNDERRUNS) == 1
    assert ring.count(Count.UNDERRUN_FRAMES) == 14 * 256 - 1000
    ring.write(constant(2000))
    pull(player, 256)
    assert ring.count(Count.UNDERRUN_FRAMES) == 14 * 256 - 1000
    assert ring.count(Count.DEVICE_STATE) == DeviceState.PLAYING
    pull(player, 2048)
    assert ring.count(Count.UNDERRUNS) == 2


def test_a_ring_that_empties_while_nobody_means_to_fill_it_is_no_underrun(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(1000))
    ring.publish(Count.PRODUCING, 0)
    out = pull(player, 2048)
    assert ring.count(Count.UNDERRUNS) == 0
    assert ring.count(Count.UNDERRUN_FRAMES) == 0
    assert steps(out) <= 0.5 * LARGEST_RAMP_STEP * 1.01


def test_the_sound_returns_by_itself_without_a_step_even_while_the_last_sample_still_falls(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(1024, 1.0))
    before = pull(player, 1024 + 64, block=64)  # dry: 64 of 240 samples of the fall have gone out
    ring.write(constant(4096, 1.0))
    after = pull(player, 2048, block=64)
    whole = np.concatenate([before, after])
    assert 0 < after[0, 0] < 1
    assert steps(whole) <= 2 * LARGEST_RAMP_STEP
    assert whole.max() <= 1.0
    assert np.all(whole[-256:] == 1.0)


def test_the_fade_out_falls_to_silence_and_then_leaves_the_ring_alone(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(8192))
    pull(player, 2048)
    player.fade_out()
    out = pull(player, 2048)
    assert steps(np.concatenate([constant(1), out])) <= 0.5 * math.pi / (2 * FADE) * 1.01
    assert not out[FADE:].any()
    assert player.silent
    assert player.faded
    left = ring.fill
    pull(player, 1024)
    assert ring.fill == left
    assert ring.count(Count.UNDERRUNS) == 0


def test_a_fade_out_that_is_taken_back_turns_round_where_it_stands(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(8192, 1.0))
    first = pull(player, 2048)
    player.fade_out()
    down = pull(player, 256)
    player.fade_in()
    up = pull(player, 2048)
    whole = np.concatenate([first, down, up])
    assert 0 < down[-1, 0] < 1
    assert steps(whole) <= math.pi / (2 * FADE) * 1.01
    assert up[-1, 0] == 1.0


def test_the_smallest_fill_is_published_until_the_producer_asks_anew(ring: SharedRing) -> None:
    player = RingPlayer(ring, RATE, RESTART)
    ring.write(constant(2048))
    pull(player, 1024)
    assert ring.count(Count.MIN_FILL) == 2048 - 3 * 256
    ring.publish(Count.MIN_FILL, -1)
    ring.write(constant(4096))
    pull(player, 256)
    assert ring.count(Count.MIN_FILL) == 2048 - 1024 + 4096


def test_a_block_larger_than_the_buffers_comes_out_the_same(ring: SharedRing) -> None:
    ring.write(np.random.default_rng(2).uniform(-1, 1, (5000, 2)).astype(np.float32))
    small = RingPlayer(ring, RATE, RESTART, max_block=64)
    out = np.zeros((4096, 2), np.float32)
    small.fill(out)
    again = SharedRing.create(16384, 2)
    again.write(np.random.default_rng(2).uniform(-1, 1, (5000, 2)).astype(np.float32))
    assert np.array_equal(out, pull(RingPlayer(again, RATE, RESTART), 4096))
    again.close()
    again.unlink()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(64, 700),
    st.lists(st.tuples(st.integers(0, 1500), st.sampled_from(["", "", "", "", "out", "in"])), min_size=5, max_size=60),
)
def test_whatever_the_producer_does_no_step_is_larger_than_the_ramps_allow(
    block: int, spells: list[tuple[int, str]]
) -> None:
    """A slow full-scale sine through random dry spells and fades: the output moves no faster than sine plus ramps."""
    ring = SharedRing.create(16384, 2)
    ring.publish(Count.PRODUCING, 1)
    player = RingPlayer(ring, RATE, RESTART)
    omega, produced, pieces = 2 * math.pi * 50 / RATE, 0, []
    for amount, command in spells:
        wave = np.cos(omega * np.arange(produced, produced + amount)).astype(np.float32)
        produced += ring.write(np.stack([wave, -wave], axis=1))
        if command:
            (player.fade_out if command == "out" else player.fade_in)()
        pieces.append(pull(player, block, block))
    out = np.concatenate([np.zeros((1, 2), np.float32), *pieces])
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.0 + 1e-6
    assert steps(out) <= omega + 2 * LARGEST_RAMP_STEP
    ring.close()
    ring.unlink()


def test_the_rise_and_the_fall_never_add_up_to_more_than_one() -> None:
    rise, fall = raised_cosine(FADE), raised_cosine(RAMP)[::-1]
    assert np.all(rise[: RAMP + 1] + fall <= 1 + 1e-6)


@pytest.mark.parametrize("block", [64, 1024, 4096, 8192])
def test_sound_begins_only_when_the_ring_can_give_a_whole_block_and_has_some_left(ring: SharedRing, block: int) -> None:
    """A period of 4096 frames began at the restart level of 1024, and ended at once."""
    player = RingPlayer(ring, RATE, RESTART, spare_frames=256)
    ring.write(constant(max(RESTART, block + 256) - 1))
    assert not pull(player, block, block).any()
    ring.write(constant(1))
    assert pull(player, block, block).any()
    assert ring.count(Count.UNDERRUNS) == 0


def test_a_block_takes_no_memory_neither_in_the_middle_nor_in_a_ramp(ring: SharedRing) -> None:
    player, out = RingPlayer(ring, RATE, RESTART), np.zeros((1024, 2), np.float32)
    for fade in (player.fade_in, player.fade_out, player.fade_in):
        fade()
        ring.write(constant(4096))
        player.fill(out)
        tracemalloc.start()
        player.fill(out)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2048, f"{peak} bytes: views and counters only, no samples"


def test_at_another_rate_a_dry_spell_is_counted_and_ramped_as_ever(ring: SharedRing) -> None:
    """The conversion comes after the ramps: the same underrun, the same missing frames, and no step."""
    player = ConvertedPlayer(RingPlayer(ring, RATE, RESTART), 44100)
    ring.write(constant(4000))
    out = np.zeros((8192, 2), np.float32)
    asked = 0
    for start in range(0, 8192, 128):
        asked += player.needed(128)
        player.fill(out[start : start + 128])
    assert abs(asked - 8192 * 480 / 441) < 1
    assert ring.count(Count.UNDERRUNS) == 1
    assert ring.count(Count.UNDERRUN_FRAMES) == asked - 4000
    assert out.max() == pytest.approx(0.5, abs=1e-4)
    assert steps(out) <= 0.5 * LARGEST_RAMP_STEP * 480 / 441 * 1.01
    assert not out[-2048:].any()
    ring.write(constant(4096))
    pull(player, 2048)
    assert ring.count(Count.UNDERRUNS) == 1


def test_a_device_at_the_rings_own_rate_hears_the_ring_itself(ring: SharedRing) -> None:
    assert RingPlayer(ring, RATE).needed(441) == 441


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_the_pair_lands_on_its_channels_and_a_mono_device_hears_the_mean(channels: int) -> None:
    stereo = np.array([[0.5, -0.25], [1.0, 0.5]], np.float32)
    out = np.full((2, channels), 9, np.float32)
    first = max(0, channels - 2)
    ChannelMap(channels, first).spread(stereo, out)
    if channels == 1:
        assert out[:, 0].tolist() == [0.125, 0.75]
        return
    assert np.array_equal(out[:, first : first + 2], stereo)
    assert not np.delete(out, [first, first + 1], axis=1).any()


@pytest.mark.parametrize(("channels", "silent"), [(2, []), (4, []), (5, [4]), (8, [])])
def test_spread_puts_the_pair_on_every_pair_there_is(channels: int, silent: list[int]) -> None:
    stereo = np.array([[0.5, -0.25], [1.0, 0.5]], np.float32)
    out = np.full((2, channels), 9, np.float32)
    ChannelMap(channels, spread=True).spread(stereo, out)
    for left in range(0, channels - 1, 2):
        assert np.array_equal(out[:, left : left + 2], stereo)
    assert not out[:, silent].any()
