"""A replay is the take, bit for bit, in whole and in part; a log that was edited plays or gets one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.engine.performance import (
    EFFORT,
    GRAB,
    HEARD,
    MODEL_LOAD,
    PANIC,
    PRESET_LOAD,
    RECORD,
    RETIRE,
    START,
    STRETCH,
    SWAP,
    Performance,
)
from distill_live.engine.replay import Rendition, length_of, performance_of, replay
from distill_live.engine.take import TakeStart, encode_memory
from distill_live.engine.takes import settled
from distill_live.engine.voice import Memory
from distill_live.errors import DistillError, TakeError
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable
from distill_live.takelog import Recording, Take, read_take
from tests.engine.played import play_take

pytestmark = pytest.mark.usefixtures("live_numbers")


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def param(param_id: str, value: Any) -> ControlEvent:
    return set_event(param_id, value, "test")


def busy(model: Playable, other: Playable) -> dict[int, list[ControlEvent]]:
    """Something of everything that a log can hold."""
    return {
        3: [
            ControlEvent(0, "/distill/bank/load", ("5", "outside", asset_hash(model))),
            ControlEvent(0, SWAP, (0, "5")),
        ],
        5: [param("level.1.source", "input"), ControlEvent(0, HEARD, (3, 4, 5), "input")],
        8: [ControlEvent(0, STRETCH, (), "engine"), ControlEvent(0, EFFORT, (2,), "engine")],
        12: [ControlEvent(0, PRESET_LOAD, ("x",)), param("temperature", 0.3), param("fx.delay.mix", 0.5)],
        20: [ControlEvent(0, GRAB, ("2", 0.2, "played")), ControlEvent(0, GRAB, ("3", 0.2, "heard"))],
        25: [ControlEvent(0, MODEL_LOAD, ("other", other.sha256))],
        40: [ControlEvent(0, PANIC), ControlEvent(0, START)],
    }


def outside(model: Playable) -> np.ndarray:
    return model.sounds[0][1][5:25]


def asset_hash(model: Playable) -> str:
    return Performance(model).add_asset(outside(model))


def test_everything_that_came_in_is_in_the_take_and_the_recording_is_a_part_of_its_replay(
    tiny_playable: Callable[..., Playable], tmp_path: Path
) -> None:
    model, other = tiny_playable(), tiny_playable(seed=1, grid="bands")
    start = TakeStart(3, {"temperature": 0.8, "model.fade": 0.1})
    played = play_take(model, tmp_path, busy(model, other), start=start, others=[other], sounds=[outside(model)])
    take = read_take(played.log)
    assert [event.args for event in take.events if event.address == RECORD] == [(True,), (False,)]
    rendition = Rendition(performance_of(model, take, [other]), take, 0, length_of(take))
    blocks = list(rendition.blocks())
    wet, dry = (np.concatenate([pair[n] for pair in blocks], axis=-1) for n in (0, 1))
    assert np.array_equal(wet, played.wet) and np.array_equal(dry, played.dry)
    assert rendition.whole.hexdigest == rendition.stretch.hexdigest == take.sha256
    (recording,) = take.recordings
    part = slice(recording.frame, recording.frame + (recording.frames or 0))
    assert (part.start, part.stop) == (10 * 512, 40 * 512)
    for file, sound in ((recording.wet, wet[:, part].T), (recording.dry, dry[part])):
        assert np.array_equal(soundfile.read(played.folder / file, dtype="float32")[0], sound)


def test_a_take_that_goes_on_after_a_crash_replays_to_the_same_bits(model: Playable, tmp_path: Path) -> None:
    before = Performance(model, 7, {"level.0.hold": True})
    for block in range(50):
        if block == 40:
            before.apply(param("freeze", True))
        before.render_block()
    start = TakeStart(7, before.params.snapshot(), memory=before.memory)
    played = play_take(model, tmp_path, {20: [param("freeze", False)], 30: [param("level.0.hold", False)]}, start=start)
    take = read_take(played.log)
    assert np.array_equal(np.concatenate(list(replay(model, take)), axis=1), played.wet)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.integers(0, 10_000), st.integers(0, 10_240)).filter(lambda ends: ends[0] < ends[1]))
def test_a_stretch_has_the_bits_it_has_in_the_whole(model: Playable, ends: tuple[int, int]) -> None:
    take = Take(header_of(model), (ControlEvent(2048, "/distill/topk", (1,)),), frames=10_240)
    whole = np.concatenate(list(replay(model, take)), axis=1)
    rendition = Rendition(performance_of(model, take), take, *ends)
    seen: list[int] = []
    part = [wet for wet, _ in rendition.blocks(lambda p: seen.append(p.frame), lambda p: None)]
    assert np.array_equal(np.concatenate(part, axis=1), whole[:, slice(*ends)])
    assert seen == list(range(512, ends[1] + 512, 512))[: len(seen)] and seen[-1] >= ends[1]


def header_of(model: Playable) -> dict[str, Any]:
    return {"seed": 7, "model": model.sha256, "sample_rate": 48000, "block": 512}


def test_a_take_that_broke_off_goes_on_to_the_end_of_what_its_recording_holds(model: Playable, tmp_path: Path) -> None:
    played = play_take(model, tmp_path, {5: [param("topk", 1)]}, blocks=300, recorded=(10, 999), ends=False)
    take = settled(read_take(played.log), played.folder)
    (recording,) = take.recordings
    assert take.frames is None and recording.frames is not None and recording.frames >= 290 * 512 - 48_000
    assert length_of(take) >= recording.frame + recording.frames
    again = np.concatenate(list(replay(model, take)), axis=1)
    there = soundfile.read(played.folder / recording.wet, dtype="float32")[0].T
    assert np.array_equal(there, again[:, recording.frame : recording.frame + recording.frames])
    assert np.array_equal(again[:, : played.wet.shape[1]], played.wet[:, : again.shape[1]])


def test_without_any_recording_it_goes_on_to_a_second_behind_the_last_event(model: Playable) -> None:
    assert length_of(Take({}, (ControlEvent(5120, "/distill/topk", (1,)),))) == (5120 + 48_000) // 512 * 512
    assert length_of(Take({}, (), recordings=(Recording(1, 0, "x", frames=96_000),))) == 96_000


def test_a_take_of_another_model_is_refused(tiny_playable: Callable[..., Playable]) -> None:
    with pytest.raises(DistillError, match="another model"):
        performance_of(tiny_playable(seed=1), Take(header_of(tiny_playable()), ()))


@pytest.mark.parametrize(
    "memory",
    [
        Memory(3, np.full((4, 1, 2), 1, np.int16)),
        Memory(3, np.full((4, 1, 3), 99, np.int16)),
        Memory(3, np.full((4, 1, 3), -1, np.int16)),
        Memory(3, held={7: np.zeros(1, np.int16)}),
        Memory(3, held={0: np.zeros(5, np.int16)}),
        Memory(3, frozen=np.zeros((2, 3), np.int16)),
        Memory(3, frozen=np.full((1, 3), 99, np.int16)),
    ],
)
def test_a_take_that_goes_on_from_codes_the_model_has_not_is_refused(model: Playable, memory: Memory) -> None:
    head = {**header_of(model), "memory": encode_memory(memory)}
    with pytest.raises(TakeError, match="goes on from codes"):
        performance_of(model, Take(head, ()))


@pytest.mark.parametrize(
    ("address", "args"),
    [
        (HEARD, ("x", 1, 2)),
        (HEARD, (1, 2)),
        (RETIRE, ()),
        (SWAP, ()),
        (MODEL_LOAD, ("gone", "00" * 32)),
        ("/distill/bank/load", ("1", "gone", "00" * 32)),
        ("/distill/nothing", ()),
        ("/distill/temperature", ("hot",)),
    ],
)
def test_an_event_that_cannot_be_played_is_named_with_its_frame(
    model: Playable, address: str, args: tuple[Any, ...]
) -> None:
    take = Take(header_of(model), (ControlEvent(1024, address, args),), frames=4096)
    with pytest.raises(TakeError, match=f"'{address}' at frame 1024 cannot be played"):
        list(replay(model, take))


def test_a_sound_that_does_not_fit_the_model_is_refused(model: Playable) -> None:
    for codes in (np.zeros((4, 2, 3), np.int16), np.full((4, 1, 3), 16, np.int16), np.full((4, 1, 3), -2, np.int16)):
        performance = Performance(model)
        sha256 = performance.add_asset(codes)
        with pytest.raises(DistillError, match="does not fit"):
            performance.apply(ControlEvent(0, "/distill/bank/load", ("1", "x", sha256)))


args = st.lists(
    st.booleans()
    | st.integers(-3, 20)
    | st.sampled_from([0.5, -1e12, 3.7])
    | st.sampled_from(["1", "off", "input", "heard", "x", ""]),
    max_size=4,
)
addresses = st.sampled_from(
    [
        *Performance._COMMANDS,
        "/distill/temperature",
        "/distill/seed",
        "/distill/param/freeze",
        "/distill/param/stutter",
        "/distill/param/level.0.source",
        "/distill/param/level.2.hold",
        "/distill/param/fx.filter.cutoff",
    ]
)
edits = st.lists(st.builds(ControlEvent, st.integers(0, 3000), addresses, args.map(tuple)), max_size=5)
scraps = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, -9.0])
    | st.sampled_from(["x", "seed", "temperature"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["temperature", "seed", "column", "codes", "shape", "data", "held", "0"]), inner
        )
    ),
    max_leaves=5,
)
fields = st.sampled_from(["seed", "params", "effects", "look_ahead", "memory", "block"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits, st.dictionaries(fields, scraps, max_size=2), st.dictionaries(st.just("ab" * 32), scraps, max_size=1))
def test_whatever_an_editor_makes_of_a_log_it_plays_or_gets_one_sentence(
    model: Playable, tmp_path: Path, events: list[ControlEvent], head: dict[str, Any], assets: dict[str, Any]
) -> None:
    lines = [{"type": "take", "version": 1, **header_of(model), **head}]
    lines += [{"type": "asset", "kind": "codes", "data": body, "sha256": name} for name, body in assets.items()]
    lines += [event.to_json() for event in events] + [{"type": "end", "frames": 4096}]
    path = tmp_path / "edited.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    try:
        sound = np.concatenate(list(replay(model, read_take(path))), axis=1)
    except DistillError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
        return
    assert sound.shape == (2, 4096) and np.isfinite(sound).all()


def test_a_take_is_the_same_whatever_its_header_says_of_people(model: Playable) -> None:
    take = Take({**header_of(model), "created": 7, "versions": "x", "bank": None}, (), frames=1024)
    plain = replace(take, header=header_of(model))
    assert np.array_equal(*(np.concatenate(list(replay(model, t)), axis=1) for t in (take, plain)))
