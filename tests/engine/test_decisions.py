"""What the engine decides by the clock: a longer lead, less work; and when it takes them back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from distill_live.engine.haste import Haste
from distill_live.engine.lead import (
    LONGEST_WAIT_S,
    LOOKS_TO_FILL,
    MOST_ABOVE_FLOOR,
    NEAR_MISS_PERIODS,
    PATIENCE_S,
    RESERVE,
    SHORTEST_WAIT_S,
    STEP,
    STEPS_AFTER_DRY,
    AdaptiveLead,
    time_to_room,
)
from distill_live.engine.presence import Presence
from distill_live.engine.thrift import CALM_S, MOST, Thrift

PERIOD = 256
FLOOR = 1024
BLOCK_S = 512 / 48000


def lead() -> AdaptiveLead:
    return AdaptiveLead(FLOOR, PERIOD)


def test_a_near_miss_lengthens_the_lead_at_once_and_a_dry_ring_by_more() -> None:
    one, two = lead(), lead()
    assert one.look(0.0, PERIOD + 10, dry=False) and one.frames == FLOOR + STEP
    assert two.look(0.0, 0, dry=True) and two.frames == FLOOR + STEPS_AFTER_DRY * STEP


@given(floor=st.sampled_from([512, 1024, 2048, 4096]), left=st.integers(0, 4096))
def test_the_same_once_more_leaves_the_reserve(floor: int, left: int) -> None:
    it = AdaptiveLead(floor, PERIOD)
    grown = it.look(0.0, left, dry=False)
    took = floor - left
    assert it.frames - took >= RESERVE * it.frames
    least = floor if left >= max(RESERVE * floor, NEAR_MISS_PERIODS * PERIOD) else max(2 * took, floor + 1)
    assert grown == (it.frames > floor) and it.frames < least + 2 * STEP


def test_what_goes_well_changes_nothing_at_the_floor() -> None:
    it = lead()
    assert not any(it.look(float(t), 700, dry=False) for t in range(300)) and it.frames == FLOOR


def test_a_ring_that_is_not_filled_yet_is_no_second_near_miss() -> None:
    it = lead()
    assert it.look(0.0, FLOOR // 2 - 1, dry=False)
    grown = it.frames
    assert not any(it.look(0.1 * n, FLOOR // 2, dry=False) for n in range(1, 1 + LOOKS_TO_FILL))
    assert it.look(1.0, FLOOR // 2, dry=False) and it.frames > grown, "but one that stays low is"


def test_a_ring_that_runs_dry_while_it_is_filled_lengthens_the_lead_all_the_same() -> None:
    it = lead()
    assert it.look(0.0, 0, dry=True) and it.look(0.1, 0, dry=True)
    assert it.frames == FLOOR + 2 * STEPS_AFTER_DRY * STEP


def test_no_device_period_since_the_last_look_is_no_near_miss() -> None:
    assert not lead().look(0.0, -1, dry=False)


def test_the_lead_shrinks_slowly_and_never_below_its_floor() -> None:
    it = lead()
    it.look(0.0, 0, dry=True)
    seen = []
    for t in range(1, 4000):
        if it.look(float(t), it.frames - 150, dry=False):
            seen.append((t, it.frames))
    assert [frames for _, frames in seen] == list(range(FLOOR + STEPS_AFTER_DRY * STEP - 256, FLOOR - 1, -256))
    assert min(b - a for (a, _), (b, _) in pairwise(seen)) >= PATIENCE_S


def test_a_lead_that_shrank_too_far_waits_longer_the_next_time() -> None:
    it = lead()
    it.look(0.0, 0, dry=True)
    assert it.look(PATIENCE_S + 1, it.frames - 150, dry=False), "it shrank"
    it.look(PATIENCE_S + 2, 0, dry=True)
    now = PATIENCE_S + 2
    assert not it.look(now + PATIENCE_S + 1, it.frames - 150, dry=False)
    assert it.look(now + 2 * PATIENCE_S + 2, it.frames - 150, dry=False)


def test_the_players_floor_acts_at_once() -> None:
    it = lead()
    assert it.set_floor(4096) and it.frames == 4096
    assert it.set_floor(512) and it.frames == 512
    assert not it.set_floor(512)


def test_work_that_is_to_come_holds_the_lead_up_and_lets_it_fall_again() -> None:
    it = lead()
    assert it.hold(2048) and it.frames == FLOOR + 2048
    assert not any(it.look(float(t), it.frames - 150, dry=False) for t in range(100))
    it.hold(0)
    changes = [it.frames for t in range(100, 4000) if it.look(float(t), it.frames - 150, dry=False)]
    assert changes[-1] == FLOOR


def test_the_lead_is_lengthened_by_hand_once_a_second_at_most() -> None:
    it = lead()
    grown = [t / 10 for t in range(40) if it.lengthen(t / 10)]
    assert grown == [0.0, 1.0, 2.0, 3.0]


@given(st.lists(st.tuples(st.integers(-1, 4096), st.booleans()), max_size=300))
def test_the_lead_stays_between_its_floor_and_its_ceiling(history: list[tuple[int, bool]]) -> None:
    it = lead()
    for t, (fill, dry) in enumerate(history):
        it.look(float(t), fill, dry)
        assert FLOOR <= it.frames <= FLOOR + MOST_ABOVE_FLOOR


def play(
    thrift: Thrift, share: float, seconds: float, start_s: float, still_every: int | None = None
) -> tuple[list[int], float]:
    """Render with blocks that take this share of their time; the degrees that were entered, and when it is then.

    In one of ``still_every`` blocks the core stands still for 100 ms.
    """
    degrees = []
    for n in range(int(seconds / BLOCK_S)):
        still = still_every is not None and n % still_every == 0
        if thrift.took(0.1 if still else share * BLOCK_S, start_s + n * BLOCK_S):
            degrees.append(thrift.degree)
    return degrees, start_s + seconds


def test_thrift_comes_degree_by_degree_and_goes_degree_by_degree() -> None:
    thrift = Thrift(BLOCK_S)
    degrees, now = play(thrift, 0.9, 4.0, 0.0)
    assert degrees == [1, 2, 3] and thrift.exhausted
    degrees, now = play(thrift, 0.2, 2.0 * CALM_S, now)
    assert degrees == [2]
    degrees, _ = play(thrift, 0.2, 4.0 * CALM_S, now)
    assert degrees == [1, 0] and not thrift.exhausted


def test_what_is_neither_too_much_nor_little_changes_nothing() -> None:
    thrift = Thrift(BLOCK_S)
    entered, now = play(thrift, 0.9, 0.6, 0.0)
    assert entered == [1] and play(thrift, 0.6, 60.0, now)[0] == []


def test_a_core_that_stands_still_is_no_lack_of_time_and_keeps_no_degree_up() -> None:
    thrift = Thrift(BLOCK_S)
    entered, now = play(thrift, 0.4, 60.0, 0.0, still_every=5)
    assert entered == []
    entered, now = play(thrift, 0.9, 0.6, now, still_every=5)
    assert entered == [1], "a lack of time shows in a crowd too"
    assert play(thrift, 0.4, 2.0 * CALM_S, now, still_every=5)[0] == [0]


@given(st.lists(st.floats(0.0, 3.0), max_size=400))
def test_a_degree_is_never_none(shares: list[float]) -> None:
    thrift = Thrift(BLOCK_S)
    for n, share in enumerate(shares):
        thrift.took(share * BLOCK_S, n * BLOCK_S)
        assert 0 <= thrift.degree <= MOST


def test_a_voice_that_turns_back_halfway_makes_no_step() -> None:
    presence = Presence(0.0)
    presence.go(1.0, 1000)
    up = presence.block(400)
    presence.go(0.0, 1000)
    down = presence.block(600)
    whole = [0.0, *up.tolist(), *down.tolist()]
    assert max(abs(b - a) for a, b in pairwise(whole)) < 0.002
    assert presence.gone and whole[-1] == 0.0


def drained(whole_s: float, cheap_s: float, lead_s: float, blocks: int, cheap_allowed: bool) -> float:
    """The least a ring of ``lead_s`` holds while each block takes so long to render."""
    haste, fill_s, now_s, least_s = Haste(), lead_s, 0.0, lead_s
    for _ in range(blocks):
        cheap = cheap_allowed and haste.needs_cheap(fill_s, lead_s, now_s)
        took_s = cheap_s if cheap else whole_s
        now_s, fill_s = now_s + took_s, fill_s - took_s
        least_s = min(least_s, fill_s)
        if not cheap:
            haste.took(took_s, now_s)
        fill_s += BLOCK_S
        if fill_s > lead_s:  # it rests
            now_s, fill_s = now_s + fill_s - lead_s, lead_s
    return least_s


def test_cheap_blocks_keep_up_where_a_core_has_a_fifth_of_its_time() -> None:
    assert drained(0.025, 0.006, 2048 / 48000, blocks=15, cheap_allowed=False) < 0.0
    assert drained(0.025, 0.006, 2048 / 48000, blocks=15, cheap_allowed=True) > 0.0


def test_where_blocks_take_their_usual_time_none_is_cheap() -> None:
    haste, lead_s = Haste(), 2048 / 48000
    for n in range(100):
        haste.took(0.014, n * BLOCK_S)
        assert not haste.needs_cheap(lead_s - 0.014, lead_s, n * BLOCK_S)


def test_one_slow_block_is_soon_forgotten() -> None:
    haste = Haste()
    haste.took(0.040, 1.0)
    assert haste.needs_cheap(0.020, 0.043, 1.0) and not haste.needs_cheap(0.020, 0.043, 1.2)
    assert not haste.needs_cheap(0.040, 0.043, 1.0), "the ring is full enough for another"


# ---------------------------------------------------------------- how long the loop sleeps


@given(excess=st.integers(-512, 8192), period=st.integers(16, 8192), since_s=st.floats(-1.0, 10.0))
def test_a_wait_never_lasts_much_longer_than_what_the_ring_holds_in_excess(
    excess: int, period: int, since_s: float
) -> None:
    """However late the device, or however coarse the clock."""
    wait_s = time_to_room(excess, period, 48000, since_s)
    assert 0.0 <= wait_s <= max(excess, 0) / 48000 + LONGEST_WAIT_S + 1e-6
    assert (wait_s == 0.0) == (excess < 0)


@given(excess=st.integers(0, 511), period=st.sampled_from([64, 128, 256, 512]), late=st.floats(0.0, 0.9))
def test_with_a_device_that_keeps_time_there_is_room_when_the_wait_is_over_or_soon(
    excess: int, period: int, late: float
) -> None:
    """``late``: how much of a period has gone by when the loop asks."""
    since_s, asked = late * period / 48000, 0
    while excess >= 0:
        wait_s = time_to_room(excess, period, 48000, since_s)
        taken = int((since_s + wait_s) * 48000 // period)
        excess, since_s, asked = excess - taken * period, since_s + wait_s - taken * period / 48000, asked + 1
    assert since_s <= SHORTEST_WAIT_S + 1e-4 or asked == 1
    assert asked <= 5
