"""A variation holds fast what was given, from the first sample to the last, and says what it left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.engine.performance import GRAB, HEARD, MODEL_LOAD, PANIC, SWAP, Performance
from distill_live.engine.replay import performance_of, render, replay
from distill_live.engine.take import TakeStart, encode_codes, header, start_of
from distill_live.engine.variation import Pins, vary
from distill_live.engine.voice import Memory
from distill_live.events import ControlEvent, set_event
from distill_live.models.playable import Playable
from distill_live.params import Value
from distill_live.takelog import Recording, Take, read_take, write_take

pytestmark = pytest.mark.usefixtures("live_numbers")


@pytest.fixture
def model(tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable()


def param(param_id: str, value: Value, frame: int = 0) -> ControlEvent:
    return set_event(param_id, value, "test", frame)


def swap(frame: int, level: int, slot: str, amount: float = 1.0) -> ControlEvent:
    return ControlEvent(frame, SWAP, (level, slot, amount), "test")


def take_of(model: Playable, *events: ControlEvent, start: TakeStart | None = None, **more: Any) -> Take:
    return Take(header(model, start or TakeStart(7)), events, **{"frames": 20_480, **more})


def sound(model: Playable, take: Take) -> np.ndarray:
    return np.concatenate(list(replay(model, take)), axis=1)


def test_a_pinned_value_stays_whatever_the_hands_did(model: Playable) -> None:
    take = take_of(model, param("temperature", 2.0, 2048), param("topk", 3, 4096), param("temperature", 0.2, 8192))
    varied, notes = vary(take, model, Pins({"temperature": 0.5}))
    assert notes == ["temperature is 0.5 throughout (2 later changes left out)"]
    assert [event.address for event in varied.events] == ["/distill/topk"]
    assert start_of(varied).params == {"temperature": 0.5} and start_of(varied).seed == 7
    wanted = take_of(model, param("topk", 3, 4096), start=TakeStart(7, {"temperature": 0.5}))
    assert np.array_equal(sound(model, varied), sound(model, wanted))


def test_other_dice_are_a_pinned_seed(model: Playable) -> None:
    take = take_of(model, param("seed", 3, 2048), start=TakeStart(7, {"seed": 5, "mix": 0.5}))
    varied, notes = vary(take, model, Pins({"seed": 9}))
    assert notes == ["seed is 9 throughout (1 later change left out)"] and varied.events == ()
    assert varied.header["seed"] == 9 and varied.header["params"] == {"mix": 0.5}
    untouched, _ = vary(take, model, Pins({"mix": 0.1}))
    assert untouched.header["seed"] == 5, "what the take really began with"


def test_a_swap_keeps_the_half_that_is_not_pinned(model: Playable) -> None:
    take = take_of(model, swap(2048, 0, "2", 0.4), swap(4096, 1, "3"))
    varied, _ = vary(take, model, Pins({"level.0.swap": "4"}))
    assert varied.events == (param("level.0.blend", 0.4, 2048), swap(4096, 1, "3"))
    varied, _ = vary(take, model, Pins({"level.0.blend": 0.9}))
    assert varied.events == (param("level.0.swap", "2", 2048), swap(4096, 1, "3"))
    varied, _ = vary(take, model, Pins({"level.0.blend": 0.9, "level.0.swap": "off"}))
    assert varied.events == (swap(4096, 1, "3"),)


def test_after_a_panic_a_pinned_edit_is_on_again(model: Playable) -> None:
    take = take_of(model, ControlEvent(2048, PANIC))
    varied, notes = vary(take, model, Pins({"level.1.mute": True, "freeze": True, "temperature": 0.3}))
    panic, *after = varied.events
    assert panic.address == PANIC
    assert after == [replace(param(i, True, 2048), source="variation") for i in ("level.1.mute", "freeze")]
    assert "temperature is 0.3 throughout" in notes
    performance = performance_of(model, varied)
    for _ in render(performance, varied.events, 4096):
        pass
    assert performance.params["level.1.mute"] is True and performance.params["freeze"] is True


def test_a_variation_is_a_take_of_its_own_that_says_where_it_comes_from(model: Playable, tmp_path: Path) -> None:
    take = take_of(
        model, ControlEvent(0, "/distill/transport/record", (True,)), param("topk", 3, 512), sha256="ab" * 32
    )
    take = replace(take, recordings=(Recording(1, 0, "1-wet.wav", frames=512, sha256="cd" * 32),))
    varied, _ = vary(take, model, Pins({"mix": 0.5}))
    assert varied.sha256 == "" and varied.recordings == () and len(varied.events) == 1
    assert varied.header["variation_of"]["created"] == take.header["created"]
    write_take(tmp_path / "t.jsonl", varied)
    read = read_take(tmp_path / "t.jsonl")
    assert np.array_equal(sound(model, read), sound(model, varied))


pinnable = st.sampled_from(
    [("temperature", 0.3), ("level.0.swap", "2"), ("level.1.blend", 0.5), ("level.0.hold", True), ("freeze", False)]
)
hands = st.sampled_from(
    [
        param("temperature", 1.5),
        param("freeze", True),
        param("level.0.hold", False),
        swap(0, 0, "3"),
        swap(0, 1, "off", 0.2),
        ControlEvent(0, PANIC),
        param("level.1.blend", 1.0),
        param("topk", 2),
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pins=st.lists(pinnable, max_size=3), made=st.lists(hands, max_size=6))
def test_at_every_block_a_pinned_value_is_what_was_given(
    model: Playable, pins: list[tuple[str, Value]], made: list[ControlEvent]
) -> None:
    events = [replace(event, frame=512 * n) for n, event in enumerate(made, 1)]
    varied, _notes = vary(take_of(model, *events, frames=5120), model, Pins(dict(pins)))
    seen = []
    performance = performance_of(model, varied)
    for _block in render(performance, varied.events, 5120):
        seen.append({param_id: performance.params[param_id] for param_id, _value in pins})
    assert all(values == dict(pins) for values in seen)


# ---------------------------------------------------------------- another model


def asset(model: Playable, codes: np.ndarray) -> tuple[str, dict[str, Any]]:
    sha256 = Performance(model).add_asset(codes)
    return sha256, {**encode_codes(codes), "sha256": sha256, "type": "asset"}


def test_what_does_not_fit_another_model_is_left_out_and_said(
    model: Playable, tiny_playable: Callable[..., Playable]
) -> None:
    other = tiny_playable(seed=2, levels=2)
    sha256, body = asset(model, np.ones((4, 1, 3), np.int16))
    fitting, fitting_body = asset(other, np.ones((4, 1, 2), np.int16))
    take = take_of(
        model,
        ControlEvent(0, HEARD, (1, 2, 3), "input"),
        ControlEvent(512, HEARD, (4, 5, 6), "input"),
        ControlEvent(1024, GRAB, ("4", 0.1, "heard")),
        ControlEvent(2048, GRAB, ("5", 0.1, "played")),
        ControlEvent(2560, GRAB, ("5", 0.1, "played")),
        ControlEvent(1536, "/distill/bank/load", ("6", "outside", sha256)),
        ControlEvent(1536, "/distill/bank/load", ("7", "fits", fitting)),
        ControlEvent(2048, "/distill/bank/load", ("8", "sound-1.wav")),
        ControlEvent(2048, "/distill/bank/load", ("8", "no such sound")),
        swap(2560, 2, "1"),
        swap(2560, 1, "1"),
        ControlEvent(3072, MODEL_LOAD, ("x", "00" * 32)),
        assets={sha256: body, fitting: fitting_body},
        start=TakeStart(7, memory=Memory(9, np.ones((4, 1, 3), np.int16))),
    )
    varied, notes = vary(take, other, Pins(model=other))
    assert notes == [
        f"{other.name} plays instead of {model.name}",
        "columns of the input that do not fit it: 2 left out",
        "grabs of the input: 1 left out",
        "grabs before there was anything: 1 left out",
        "sounds of the bank that do not fit it: 2 left out",
        "swaps of levels that it does not have: 1 left out",
        "changes of model: 1 left out",
    ]
    assert list(varied.assets) == [fitting] and varied.header["model"] == other.sha256
    memory = start_of(varied).memory
    assert memory is not None and memory.column == 9 and len(memory.codes) == 0
    assert [event.frame for event in varied.events] == [2560, 1536, 2048, 2560]
    assert np.abs(sound(other, varied)).max() > 0.001


def test_a_model_of_the_same_shape_is_played_by_the_same_input_and_bank(
    model: Playable, tiny_playable: Callable[..., Playable]
) -> None:
    other = tiny_playable(seed=2)
    sha256, body = asset(model, np.ones((4, 1, 3), np.int16))
    events = [ControlEvent(512, HEARD, (1, 2, 3), "input"), ControlEvent(1024, GRAB, ("4", 0.1, "heard"))]
    events += [ControlEvent(1536, "/distill/bank/load", ("6", "outside", sha256))]
    memory = Memory(9, np.ones((4, 1, 3), np.int16), {0: np.zeros(1, np.int16)}, np.zeros((1, 3), np.int16))
    take = take_of(model, *events, assets={sha256: body}, start=TakeStart(7, memory=memory))
    varied, notes = vary(take, other, Pins(model=other))
    assert notes == [f"{other.name} plays instead of {model.name}"] and varied.events == tuple(events)
    kept = start_of(varied).memory
    assert kept is not None and len(kept.codes) == 4 and sound(other, varied).any()
