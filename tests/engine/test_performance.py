"""A performance is deterministic, its edits land at the next hop, and what was generated is never lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from distill_live.engine.params import load_all
from distill_live.engine.performance import (
    BLOCK,
    EFFORT,
    HEARD,
    MODEL_LOAD,
    PANIC,
    PRESET_LOAD,
    START,
    STOP,
    STRETCH,
    SWAP,
    Performance,
)
from distill_live.engine.replay import render, replay
from distill_live.engine.take import TakeStart, add_assets, encode_codes, header, start_of
from distill_live.engine.voice import VoiceKit
from distill_live.errors import DistillError, ParamError, TakeError, UnknownNameError
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable
from distill_live.takelog import Take, TakeWriter, read_take

pytestmark = pytest.mark.usefixtures("live_numbers")
Events = Sequence[tuple[int, ControlEvent]]


@pytest.fixture(params=["frames", "bands", "reference"])
def any_grid(request: pytest.FixtureRequest, tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable(grid=request.param)


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def play(
    model: Playable, events: Events = (), blocks: int = 160, seed: int = 7
) -> tuple[np.ndarray, list[np.ndarray], Performance]:
    """Sound [2, T], the codes that sounded in each block, and the performance afterwards."""
    performance = Performance(model, seed)
    codes: list[np.ndarray] = []
    timed = [ControlEvent(block * BLOCK, e.address, e.args, e.source) for block, e in events]

    def observe(p: Performance) -> None:
        codes.append(p.sounding.codes.copy())

    sound = np.concatenate(list(render(performance, timed, blocks * BLOCK, observe)), axis=1)
    return sound, codes, performance


def first_difference(a: np.ndarray, b: np.ndarray) -> int:
    differs = np.flatnonzero((a != b).any(axis=0))
    return int(differs[0]) if len(differs) else -1


def swap(level: int, slot: str, amount: float = 1.0) -> ControlEvent:
    return ControlEvent(0, SWAP, (level, slot, amount))


def param(param_id: str, value: object) -> ControlEvent:
    return set_event(param_id, value, "test")  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_music(any_grid: Playable) -> None:
    first, again, other = (play(any_grid, seed=s)[0] for s in (7, 7, 8))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.dtype == np.float32 and np.isfinite(first).all() and np.abs(first).max() > 0.001


@pytest.mark.parametrize(
    "event",
    [
        swap(0, "2"),
        swap(1, "3", 0.5),
        param("temperature", 0.1),
        param("topk", 1),
        param("seed", 99),
        param("level.0.mute", True),
        param("level.1.remap", "random"),
        param("volume", -12.0),
        ControlEvent(0, STOP),
        ControlEvent(0, PANIC),
    ],
    ids=lambda e: f"{e.address}{e.args}",
)
def test_one_added_event_changes_nothing_before_its_frame_and_something_after(
    model: Playable, event: ControlEvent
) -> None:
    _changes_nothing_before_its_frame(model, event)


@pytest.mark.parametrize("event", [swap(0, "2"), param("seed", 99)], ids=lambda e: e.address)
def test_on_every_grid_one_added_event_changes_nothing_before_its_frame(
    any_grid: Playable, event: ControlEvent
) -> None:
    _changes_nothing_before_its_frame(any_grid, event)


def _changes_nothing_before_its_frame(model: Playable, event: ControlEvent) -> None:
    plain, _, _ = play(model)
    touched, _, _ = play(model, [(50, event)])
    assert first_difference(plain, touched) >= 50 * BLOCK


@pytest.mark.parametrize("block", [48, 49, 50, 51])
def test_an_edit_is_heard_in_the_very_next_hop_wherever_in_the_column_it_lands(model: Playable, block: int) -> None:
    plain, _, p = play(model)
    touched, _, _ = play(model, [(block, swap(0, "2"))])
    lag = first_difference(plain, touched) - block * BLOCK
    assert 0 <= lag < BLOCK + p.delays.effects


def test_a_sampling_change_is_heard_from_the_first_column_that_was_not_decoded(any_grid: Playable) -> None:
    n, ahead = any_grid.frames_per_column, 3
    plain, before, _ = play(any_grid)
    touched, after, _ = play(any_grid, [(50, param("seed", 99))])
    decoded = (49 + ahead) // n  # the newest column the vocoder had seen when block 50 began
    changed = [b for b, (x, y) in enumerate(zip(before, after, strict=True)) if (x != y).any()]
    assert changed and changed[0] + 1 >= (decoded + 1) * n  # seen after its block: the next one sounds
    assert first_difference(plain, touched) < (decoded + 4) * n * BLOCK


def test_a_swap_switched_on_and_off_leaves_the_codes_after_it_as_they_were(any_grid: Playable) -> None:
    _, before, _ = play(any_grid)
    _, after, _ = play(any_grid, [(48, swap(0, "2")), (96, swap(0, "off"))])
    assert any((x != y).any() for x, y in zip(before[48:96], after[48:96], strict=True))
    assert all((x == y).all() for x, y in zip(before[96:], after[96:], strict=True))


def test_a_swapped_level_plays_the_slots_codes_at_the_takes_column_counter(model: Playable) -> None:
    _, codes, _ = play(model, [(0, swap(1, "2"))])
    slot = model.sounds[1][1]
    for block, column in enumerate(codes[:-1]):
        counter = (block + 1) // model.frames_per_column
        assert (column[:, 1] == slot[counter % len(slot)][:, 1]).all()


def test_a_held_level_stays_while_the_others_go_on(model: Playable) -> None:
    _, codes, _ = play(model, [(40, param("level.0.hold", True)), (120, param("level.0.hold", False))])
    held = {int(c[0, 0]) for c in codes[41:118]}
    moving = {int(c[0, 1]) for c in codes[41:118]}
    assert len(held) == 1 and len(moving) > 3


def test_a_muted_level_is_minus_one_and_the_others_are_untouched(model: Playable) -> None:
    _, plain, _ = play(model)
    _, codes, _ = play(model, [(40, param("level.1.mute", True))])
    assert all(c[0, 1] == -1 for c in codes[41:])
    assert all((c[:, [0, 2]] == p[:, [0, 2]]).all() for c, p in zip(codes, plain, strict=True))


def test_with_feedback_an_edit_enters_the_priors_memory_and_without_it_does_not(model: Playable) -> None:
    _, plain, _ = play(model, blocks=400)
    off = (300, swap(0, "off"))
    _, without, _ = play(model, [(40, swap(0, "2")), off], blocks=400)
    events = [(40, param("level.0.feedback", True)), (40, swap(0, "2")), off]
    _, fed, _ = play(model, events, blocks=400)
    assert all((x == y).all() for x, y in zip(plain[304:], without[304:], strict=True))
    assert any((x != y).any() for x, y in zip(without[44:300], fed[44:300], strict=True)), (
        "the other levels go elsewhere"
    )


def test_stop_is_silent_after_one_hop_and_start_goes_on_with_the_same_music(model: Playable) -> None:
    plain, _, _ = play(model)
    sound, _, p = play(model, [(40, ControlEvent(0, STOP)), (80, ControlEvent(0, START))])
    delay = p.delays.effects
    assert not sound[:, 41 * BLOCK + delay : 80 * BLOCK].any() and sound[:, 82 * BLOCK :].any()
    shift = 39 * BLOCK  # one hop was played while fading out
    assert np.array_equal(sound[:, 90 * BLOCK :], plain[:, 90 * BLOCK - shift : -shift])


def test_panic_silences_even_echoes_and_takes_every_edit_off(model: Playable) -> None:
    events = [
        (0, param("fx.delay.mix", 1.0)),
        (0, param("fx.delay.feedback", 0.9)),
        (10, swap(0, "2")),
        (10, param("level.1.hold", True)),
        (60, ControlEvent(0, PANIC)),
    ]
    sound, _, p = play(model, events)
    assert sound[:, 50 * BLOCK : 60 * BLOCK].any() and not sound[:, 62 * BLOCK :].any()
    assert p.params["level.0.swap"] == "off" and p.params["level.1.hold"] is False and not p.playing


@pytest.mark.parametrize(
    ("address", "args", "kind"),
    [
        ("/distill/temperature", (float("nan"),), ParamError),
        ("/distill/temperature", (), ParamError),
        ("/distill/temperature", ("hot",), ParamError),
        ("/distill/param/no.such", (1.0,), UnknownNameError),
        ("/distill/nonsense", (1.0,), UnknownNameError),
        (SWAP, (9, "1", 1.0), UnknownNameError),
        (SWAP, (0, "99", 1.0), UnknownNameError),
        (SWAP, (0, "1", float("inf")), ParamError),
        (SWAP, (0,), ParamError),
        ("/distill/bank/load", ("1", "no such sound"), UnknownNameError),
        ("/distill/bank/load", ("77", "sound-0.wav"), UnknownNameError),
        ("/distill/bank/clear", (True,), ParamError),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    model: Playable, address: str, args: tuple[object, ...], kind: type[DistillError]
) -> None:
    plain, _, _ = play(model, blocks=20)
    performance = Performance(model, 7)
    with pytest.raises(kind):
        performance.apply(ControlEvent(0, address, args))  # type: ignore[arg-type]
    sound = np.concatenate([performance.render_block() for _ in range(20)], axis=1)
    assert np.array_equal(plain, sound)


@pytest.mark.parametrize("first", [START, PRESET_LOAD])
def test_a_panic_is_silence_whatever_else_falls_into_its_block(model: Playable, first: str) -> None:
    """Panic and start in one bundle, a preset and panic: the next block rises from silence or is silent."""
    performance = Performance(model, 7)
    for _ in range(60):
        performance.render_block()
    args = ("calm",) if first == PRESET_LOAD else ()
    events = [ControlEvent(0, first, args), ControlEvent(0, PANIC)]
    for event in events if first == PRESET_LOAD else reversed(events):
        performance.apply(event)
    panicked = performance.render_block()
    assert np.abs(panicked[:, -1]).max() < 1e-3
    after = performance.render_block()
    assert np.abs(after[:, 0]).max() < 1e-3
    if first == PRESET_LOAD:
        assert not after.any()
    else:
        assert np.abs(np.concatenate([performance.render_block() for _ in range(20)], axis=1)).max() > 1e-3


def test_a_take_that_begins_stopped_is_silent_from_its_first_sample(model: Playable) -> None:
    performance = Performance(model, 7)
    performance.apply(ControlEvent(0, STOP))
    assert not np.concatenate([performance.render_block() for _ in range(10)], axis=1).any()
    performance.apply(ControlEvent(0, START))
    assert np.abs(np.concatenate([performance.render_block() for _ in range(30)], axis=1)).max() > 1e-3


def test_a_value_out_of_range_is_clamped_in_the_log(model: Playable) -> None:
    assert Performance(model).apply(param("temperature", 99.0)).args == (2.0,)


class Counting:
    """Counts the calls of one method."""

    def __init__(self, wrapped: Callable[..., object]) -> None:
        self.wrapped, self.calls = wrapped, 0

    def __call__(self, *args: object) -> object:
        self.calls += 1
        return self.wrapped(*args)


@pytest.mark.parametrize("what", [p.id for p in load_all().group("sampling")] + ["guide.slot", "guide.amount"])
def test_everything_about_sampling_is_heard_from_when_it_is_turned(model: Playable, what: str) -> None:
    """Its value is read again at once; nothing waits for another one to be touched."""
    performance = Performance(model, 7)
    read = []
    performance.voice.dice.refresh = lambda: read.append(what)  # type: ignore[method-assign]
    performance.apply(param(what, "2" if what == "guide.slot" else 0.5))
    performance.render_block()
    assert read


@pytest.mark.parametrize("moving", [False, True])
def test_temperature_moving_at_every_block_costs_no_more_decoding_or_generating(
    model: Playable, moving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    performance = Performance(model, 7)
    decode, generate = Counting(performance.voice.decoder.decode), Counting(performance.voice.stream._generate)
    monkeypatch.setattr(performance.voice.decoder, "decode", decode)
    monkeypatch.setattr(performance.voice.stream, "_generate", generate)
    for block in range(80):
        if moving:
            performance.apply(param("temperature", 0.5 + 0.01 * block))
        performance.render_block()
    assert decode.calls == generate.calls == 80 // model.frames_per_column


def test_memory_of_columns_stays_flat(model: Playable) -> None:
    performance = Performance(model, 7)
    for _ in range(300):
        performance.render_block()
    voice = performance.voice
    kept = (
        voice.decoder._frames,
        voice.decoder._before,
        voice.stream._drawn,
        voice._edited,
        voice._heard,
        voice._pending,
    )
    assert all(len(part) <= 4 for part in kept)


def test_there_is_no_seam_at_block_edges(model: Playable) -> None:
    """The steps at edges are no larger than those at the other places of a block are, each place taken by itself."""
    sound = play(model, blocks=1500)[0][0].astype(np.float64)[BLOCK * 4 :]

    def edge_stands_out(sound: np.ndarray) -> bool:
        steps = np.abs(np.diff(sound))
        *inside, edge = (np.quantile(steps[place::BLOCK], 0.99) for place in range(BLOCK))
        return edge > np.quantile(inside, 0.99)

    assert not edge_stands_out(sound)
    sound[::BLOCK] *= 1.5
    assert edge_stands_out(sound)


def test_a_log_replays_to_the_same_bits(model: Playable, tmp_path: Path) -> None:
    start = TakeStart(3, {"temperature": 0.8})
    performance = start.performance(model)
    writer = TakeWriter(tmp_path / "take.jsonl", header(model, start))
    sound_codes = model.sounds[0][1][5:25]
    events = {
        10: param("temperature", 0.3),
        20: swap(1, "2", 0.5),
        30: ControlEvent(0, "/distill/bank/load", ("5", "outside", performance.add_asset(sound_codes))),
        31: swap(0, "5"),
        40: param("seed", 4),
        50: param("fx.drive.amount", 12.0),
    }
    writer.asset(performance.add_asset(sound_codes), encode_codes(sound_codes))
    blocks = []
    for block in range(100):
        if block in events:
            writer.event(performance.apply(events[block]))
        blocks.append(performance.render_block())
    writer.close(performance.frame)
    again = np.concatenate(list(replay(model, read_take(tmp_path / "take.jsonl"))), axis=1)
    assert np.array_equal(np.concatenate(blocks, axis=1), again)


def test_an_event_inside_a_block_takes_effect_at_the_next(model: Playable) -> None:
    early = ControlEvent(10 * BLOCK - 100, "/distill/param/volume", (-60.0,))
    exact = ControlEvent(10 * BLOCK, "/distill/param/volume", (-60.0,))
    a, b = (np.concatenate(list(render(Performance(model), [e], 40 * BLOCK)), axis=1) for e in (early, exact))
    assert np.array_equal(a, b)


def test_a_changed_asset_is_refused(model: Playable, tmp_path: Path) -> None:
    writer = TakeWriter(tmp_path / "t.jsonl", header(model, TakeStart()))
    writer.asset("00" * 32, encode_codes(model.sounds[0][1]))
    writer.close(512)
    with pytest.raises(TakeError, match="changed"):
        add_assets(Performance(model), read_take(tmp_path / "t.jsonl"))


def test_a_fork_goes_on_as_the_original_would_and_leaves_it_alone(any_grid: Playable) -> None:
    performance = Performance(any_grid, 7)
    performance.apply(param("fx.delay.mix", 0.5))
    performance.apply(swap(0, "2"))
    for _ in range(30):
        performance.render_block()
    twin, other = performance.fork(), performance.fork()
    other.apply(param("seed", 99))
    other.apply(param("level.1.mute", True))
    third = [other.render_block() for _ in range(40)]
    first = [performance.render_block() for _ in range(40)]
    second = [twin.render_block() for _ in range(40)]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, third, strict=True))


def test_a_take_may_begin_with_edits_already_on(model: Playable) -> None:
    performance = Performance(model, 7, {"level.0.hold": True, "level.1.mute": True, "temperature": 2.0})
    seen = set()
    for _ in range(120):
        performance.render_block()
        seen.add(tuple(performance.sounding.codes[0, :2].tolist()))
    assert len(seen) == 1 and next(iter(seen))[1] == -1


# ---------------------------------------------------------------- two sources


def column_event(codes: np.ndarray) -> ControlEvent:
    return ControlEvent(0, HEARD, tuple(int(code) for code in codes.ravel()), "input")


def test_a_level_can_speak_the_inputs_codes_while_the_others_speak_the_priors(model: Playable) -> None:
    heard = [(0, param("level.0.source", "input"))]
    heard += [(block, column_event(np.full((1, 3), block % 16))) for block in range(0, 160, 4)]
    _, plain, _ = play(model)
    _, codes, _ = play(model, heard)
    assert all((c[:, 1:] == p[:, 1:]).all() for c, p in zip(codes, plain, strict=True))
    assert {int(c[0, 0]) for c in codes[8:]} >= {block % 16 for block in range(8, 140, 4)}


def test_before_anything_is_heard_the_prior_stands_in(model: Playable) -> None:
    plain, _, _ = play(model)
    sound, _, _ = play(model, [(0, param("level.0.source", "input")), (0, param("level.1.source", "input"))])
    assert np.array_equal(plain, sound)


def test_the_inputs_codes_go_through_the_same_swaps_holds_and_blends(model: Playable) -> None:
    events = [(0, param(f"level.{level}.source", "input")) for level in range(3)]
    events += [(4, column_event(np.array([[3, 4, 5]]))), (40, swap(1, "2")), (40, param("level.2.mute", True))]
    events += [(60, param("level.0.hold", True)), (80, column_event(np.array([[9, 9, 9]])))]
    _, codes, _ = play(model, events)
    slot = model.sounds[1][1]
    assert all(c[0, 2] == -1 and c[0, 1] in set(slot[:, 0, 1].tolist()) for c in codes[41:])
    assert all(c[0, 0] == 3 for c in codes[20:]), "held although the input goes on"


def test_a_swap_with_the_input_blends_into_what_the_prior_says(model: Playable) -> None:
    events = [(0, column_event(np.array([[3, 4, 5]]))), (40, swap(0, "input")), (80, swap(0, "input", 0.0))]
    _, plain, _ = play(model)
    _, codes, _ = play(model, events)
    assert all(c[0, 0] == 3 for c in codes[44:79])
    assert all((c == p).all() for c, p in zip(codes[84:], plain[84:], strict=True))


@pytest.mark.parametrize("codes", [(), (1, 2), (1, 2, 99), (-1, 2, 3)])
def test_a_column_that_the_model_cannot_play_is_refused(model: Playable, codes: tuple[int, ...]) -> None:
    with pytest.raises(ParamError, match="1 x 3 codes"):
        Performance(model).apply(ControlEvent(0, HEARD, codes))


# ---------------------------------------------------------------- time on the codes


def test_freeze_stands_still_and_lets_the_music_go_on_underneath(model: Playable) -> None:
    _, plain, _ = play(model)
    sound, codes, _ = play(model, [(41, param("freeze", True)), (120, param("freeze", False))])
    assert len({c.tobytes() for c in codes[42:118]}) == 1
    assert all((c == p).all() for c, p in zip(codes[124:], plain[124:], strict=True))
    assert np.abs(sound[:, 80 * BLOCK : 110 * BLOCK]).max() > 0.001, "it sounds on"


@pytest.mark.parametrize("columns", [1, 3])
def test_stutter_repeats_the_last_columns_and_lets_the_music_go_on_underneath(model: Playable, columns: int) -> None:
    _, plain, _ = play(model)
    _, codes, _ = play(model, [(40, param("stutter", columns)), (120, param("stutter", 0))])
    n = model.frames_per_column
    by_column = [codes[block].tobytes() for block in range(43, 116, n)]
    assert by_column[: len(by_column) - columns] == by_column[columns:], "it repeats"
    assert len(set(by_column)) <= columns and by_column[0] != plain[43].tobytes()
    assert all((c == p).all() for c, p in zip(codes[124:], plain[124:], strict=True))


# ---------------------------------------------------------------- grabbing


def test_a_stutter_that_is_on_from_the_start_begins_when_there_is_something_to_repeat(model: Playable) -> None:
    performance = Performance(model, 7, {"stutter": 2})
    undisturbed = Performance(model, 7)
    seen: list[np.ndarray] = []
    plain: list[np.ndarray] = []
    n = model.frames_per_column
    for block in range(10 * n):
        for p, codes in ((performance, seen), (undisturbed, plain)):
            p.render_block()
            if block % n == 0:
                codes.append(p.sounding.codes.copy())
    assert all((a == b).all() for a, b in zip(seen[:2], plain[:2], strict=True))
    assert all((seen[k] == seen[k - 2]).all() for k in range(3, 9))
    assert any((plain[k] != plain[k - 2]).any() for k in range(3, 9)), "the music itself repeats: a weak test"


def test_a_grab_fills_a_slot_with_what_was_played(model: Playable) -> None:
    _, codes, performance = play(model, blocks=200)
    done = performance.apply(ControlEvent(0, "/distill/bank/grab", ("5", 1.0, "played")))
    slot = performance.bank[5]
    assert slot is not None and slot.name == "played 1 s" and done.args == ("5", 1.0, "played")
    n = model.frames_per_column
    columns = [codes[block] for block in range(0, 199, n)]
    finished = performance.column
    assert (slot.codes == np.stack(columns)[finished - len(slot.codes) : finished]).all()
    assert len(slot.codes) == round(93.75 / n)


def test_a_grab_of_the_input_needs_one(model: Playable) -> None:
    performance = Performance(model)
    with pytest.raises(UnknownNameError, match="heard at the input"):
        performance.apply(ControlEvent(0, "/distill/bank/grab", ("5", 1.0, "heard")))
    for n in range(10):
        performance.apply(column_event(np.full((1, 3), n)))
    performance.apply(ControlEvent(0, "/distill/bank/grab", ("5", 0.2, "heard")))
    assert performance.bank[5].codes[:, 0, 0].tolist() == [5, 6, 7, 8, 9]  # type: ignore[union-attr]


def test_a_muted_level_is_grabbed_with_the_codes_it_would_have_had(model: Playable) -> None:
    _, _, performance = play(model, [(0, param("level.1.mute", True))], blocks=100)
    performance.apply(ControlEvent(0, "/distill/bank/grab", ("5", 0.5, "played")))
    assert performance.bank[5].codes.min() >= 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "args", [(), ("77",), ("5", 0.0), ("5", float("nan")), ("5", 1e9), ("5", "x"), ("5", 1.0, "?")]
)
def test_a_grab_that_cannot_be_is_refused(model: Playable, args: tuple[object, ...]) -> None:
    _, _, performance = play(model, blocks=20)
    with pytest.raises(DistillError):
        performance.apply(ControlEvent(0, "/distill/bank/grab", args))  # type: ignore[arg-type]


# ---------------------------------------------------------------- two models


def test_another_model_crosses_over_without_a_gap(tiny_playable: Callable[..., Playable]) -> None:
    first, second = tiny_playable(seed=0), tiny_playable(seed=1, grid="bands", levels=2)
    performance = Performance(first, 7, {"model.fade": 0.2})
    performance.add_kit(VoiceKit(second))
    alone = [Performance(first, 7).render_block() for _ in range(1)]
    blocks = []
    for block in range(100):
        if block == 40:
            performance.apply(ControlEvent(0, MODEL_LOAD, ("second", second.sha256)))
            assert performance.model is second and performance.crossing
        blocks.append(performance.render_block())
    assert np.array_equal(blocks[0], alone[0])
    assert not performance.crossing
    loudness = [float(np.sqrt((b**2).mean())) for b in blocks]
    assert min(loudness[30:70]) > 0.2 * float(np.median(loudness))
    assert performance.column * second.frames_per_column >= 90, "the take's counter goes on"
    assert performance.bank.names[0] == second.sounds[0][0]


def test_a_model_that_is_not_loaded_is_refused(model: Playable) -> None:
    with pytest.raises(UnknownNameError, match="not loaded"):
        Performance(model).apply(ControlEvent(0, MODEL_LOAD, ("x", "00")))


def test_a_newer_state_of_a_model_goes_on_from_what_was_played(tiny_playable: Callable[..., Playable]) -> None:
    first, newer = tiny_playable(seed=0), tiny_playable(seed=3)
    performance = Performance(first, 7)
    performance.add_kit(VoiceKit(newer))
    for _ in range(100):
        performance.render_block()
    played = performance.memory.codes
    performance.apply(ControlEvent(0, MODEL_LOAD, ("x", newer.sha256, True)))
    assert (performance.memory.codes[: len(played)] == played).all() and len(played) > 10


def test_a_newer_state_of_a_model_keeps_what_hands_hold_and_what_lies_in_the_bank(
    tiny_playable: Callable[..., Playable],
) -> None:
    old, new = tiny_playable(0), tiny_playable(1)
    performance = Performance(old, 7)
    performance.add_kit(VoiceKit(new))
    for _ in range(40):
        performance.render_block()
    performance.apply(ControlEvent(0, "/distill/bank/grab", ("9", 0.2, "played")))
    performance.apply(ControlEvent(0, "/distill/bank/clear", ("1",)))
    performance.apply(ControlEvent(0, "/distill/bank/load", ("5", old.sounds[0][0])))
    performance.apply(param("level.0.hold", True))
    performance.render_block()
    held, grabbed = performance.voice.memory.held[0], performance.bank[9]
    performance.apply(ControlEvent(0, MODEL_LOAD, ("new", new.sha256, True)))
    assert (performance.voice.memory.held[0] == held).all()
    assert performance.bank[1] is None
    assert performance.bank[9] is grabbed
    assert performance.bank[5].codes is new.sound(old.sounds[0][0])
    performance.render_block()


def test_models_that_are_not_heard_any_more_are_let_go(tiny_playable: Callable[..., Playable]) -> None:
    models = [tiny_playable(seed) for seed in range(3)]
    performance = Performance(models[0], 7, {"model.fade": 0.01})
    for model in models[1:]:
        performance.add_kit(VoiceKit(model))
        performance.apply(ControlEvent(0, MODEL_LOAD, (model.name, model.sha256)))
        performance.forget_kits()
        assert models[0].sha256 in performance.kits or model is models[2], "it still sounds"
        for _ in range(10):
            performance.render_block()
    performance.forget_kits()
    assert list(performance.kits) == [models[2].sha256]


def test_many_models_may_follow_each_other_faster_than_they_cross(tiny_playable: Callable[..., Playable]) -> None:
    models = [tiny_playable(seed=seed) for seed in (0, 1, 3)]
    performance = Performance(models[0], 7, {"model.fade": 1.0})
    for model in models:
        performance.add_kit(VoiceKit(model))
    for number in range(60):
        performance.apply(ControlEvent(0, MODEL_LOAD, ("m", models[number % 3].sha256)))
        assert np.isfinite(performance.render_block()).all()
    for _ in range(110):
        performance.render_block()
    assert not performance.crossing


# ---------------------------------------------------------------- short of time


def test_a_stretched_block_repeats_what_there_is_and_loses_nothing(model: Playable) -> None:
    _, plain, _ = play(model)
    stretched = [(block, ControlEvent(0, STRETCH, (), "engine")) for block in (40, 41, 42, 90)]
    sound, codes, _ = play(model, stretched, blocks=164)
    assert np.abs(sound[:, 40 * BLOCK : 46 * BLOCK]).max() > 0.001
    said = lambda codes: [c.tobytes() for n, c in enumerate(codes) if n == 0 or (c != codes[n - 1]).any()]  # noqa: E731
    assert said(codes)[:-1] == said(plain)[: len(said(codes)) - 1], "the same columns in the same order"


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_thrift_is_an_event_and_is_taken_back(model: Playable, degree: int) -> None:
    plain, _, _ = play(model)
    sound, _, p = play(model, [(40, ControlEvent(0, EFFORT, (degree,))), (80, ControlEvent(0, EFFORT, (0,)))])
    assert first_difference(plain, sound) >= 40 * BLOCK and p.effort == 0
    assert np.isfinite(sound).all()


@pytest.mark.parametrize("args", [(), (-1,), (4,), ("much",)])
def test_a_degree_of_thrift_that_is_none_is_refused(model: Playable, args: tuple[object, ...]) -> None:
    with pytest.raises(ParamError):
        Performance(model).apply(ControlEvent(0, EFFORT, args))  # type: ignore[arg-type]


def test_a_jump_is_led_over_from_what_sounded_before(model: Playable) -> None:
    """Everything moves at once, volume and echoes too; the first block of it still begins as if nothing had moved."""
    jump = [(40, ControlEvent(0, PRESET_LOAD, ("x",))), (40, param("fx.delay.mix", 1.0)), (40, param("seed", 5))]
    jump += [(40, param("level.0.mute", True)), (40, param("volume", -20.0))]
    plain, _, _ = play(model)
    led, _, p = play(model, jump)
    at = 40 * BLOCK
    assert np.abs(led[:, at : at + 20] - plain[:, at : at + 20]).max() < 0.02 * np.abs(plain).max()
    steps = np.abs(np.diff(led[0]))
    assert steps[at - 1 : at + 1024].max() <= 1.1 * np.abs(np.diff(plain[0])).max()
    assert p._before is None


# ---------------------------------------------------------------- going on after a crash


def test_a_performance_goes_on_from_its_memory(model: Playable) -> None:
    _, _, first = play(model, blocks=300)
    memory = first.memory
    again = Performance(model, 7, memory=memory)
    assert again.column == memory.column == first.column
    assert (again.memory.codes == memory.codes).all()
    assert np.abs(np.concatenate([again.render_block() for _ in range(20)], axis=1)).max() > 0.001


def test_all_that_can_happen_replays_to_the_same_bits(tiny_playable: Callable[..., Playable], tmp_path: Path) -> None:
    model, other = tiny_playable(), tiny_playable(seed=1, grid="bands")
    start = TakeStart(3, {"temperature": 0.8, "model.fade": 0.1})
    performance = start.performance(model)
    performance.add_kit(VoiceKit(other))
    writer = TakeWriter(tmp_path / "take.jsonl", header(model, start))
    events = {
        5: param("level.0.source", "input"),
        6: column_event(np.array([[3, 4, 5]])),
        10: ControlEvent(0, STRETCH, (), "engine"),
        20: ControlEvent(0, EFFORT, (3,), "engine"),
        30: ControlEvent(0, PRESET_LOAD, ("x",)),
        31: param("freeze", True),
        40: param("freeze", False),
        41: param("stutter", 2),
        50: ControlEvent(0, "/distill/bank/grab", ("2", 0.3, "played")),
        51: swap(1, "2"),
        55: ControlEvent(0, "/distill/engine/lead", (2560,), "engine"),
        60: ControlEvent(0, MODEL_LOAD, ("other", other.sha256)),
        64: ControlEvent(0, PANIC),
        70: ControlEvent(0, START),
    }
    blocks = []
    for block in range(100):
        if block in events:
            writer.event(performance.apply(events[block]))
        blocks.append(performance.render_block())
    writer.close(performance.frame)
    again = np.concatenate(list(replay(model, read_take(tmp_path / "take.jsonl"), models=(other,))), axis=1)
    assert np.array_equal(np.concatenate(blocks, axis=1), again)


def test_where_a_take_goes_on_survives_its_first_line(model: Playable) -> None:
    _, _, first = play(model, blocks=300)
    start = TakeStart(4, {"topk": 3}, look_ahead=1, memory=first.memory)
    again = start_of(Take({"params": {}, **header(model, start)}, ()))
    assert (again.seed, again.params, again.effects, again.look_ahead) == (4, {"topk": 3}, start.effects, 1)
    assert again.memory is not None and again.memory.column == first.column
    assert (again.memory.codes == first.memory.codes).all()


@pytest.mark.parametrize("memory", ["x", {}, {"column": -1}, {"column": True}, {"column": 3, "codes": {"data": "?"}}])
def test_a_memory_that_is_none_is_one_sentence(model: Playable, memory: object) -> None:
    with pytest.raises(TakeError):
        start_of(Take({**header(model, TakeStart()), "memory": memory}, ()))
