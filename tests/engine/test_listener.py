"""The live input: in step with the music, as the codes the model would give it, and safe from the loudspeakers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from distill_live.audio.feedback import FeedbackGuard
from distill_live.audio.mel import log_mel
from distill_live.audio.ring import SharedRing
from distill_live.engine.listener import HOP, MOST_WAITING, Listener
from distill_live.engine.params import load_all
from distill_live.engine.performance import HEARD, Performance
from distill_live.events import ControlEvent
from distill_live.models.playable import Playable
from distill_live.models.transcode import encode_mel
from distill_live.params import ParamBank

RATE = 48000


@pytest.fixture
def ring() -> Iterator[SharedRing]:
    ring = SharedRing.create(RATE, 1)
    yield ring
    ring.close()
    ring.unlink()


@pytest.fixture(params=["frames", "bands"])
def model(request: pytest.FixtureRequest, tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable(grid=request.param)


def sound(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(3)
    return (0.3 * np.sin(2 * np.pi * 330 * t) * (t % 0.5 < 0.25) + 0.01 * rng.standard_normal(len(t))).astype(
        np.float32
    )


def hear(listener: Listener, samples: np.ndarray, hops_to_decode: Callable[[int], int]) -> list[tuple[int, np.ndarray]]:
    """Feed a hop a block; the columns that came, and at which block."""
    columns = []
    for block in range(len(samples) // HOP):
        listener.ring.write(samples[block * HOP : (block + 1) * HOP, None])
        codes = listener.listen(hops_to_decode(block), -60.0)
        if codes is not None:
            columns.append((block, codes))
    return columns


def in_step(n: int, offset: int = 0) -> Callable[[int], int]:
    """A performance that decodes a column every ``n`` hops."""
    return lambda block: (offset - block) % n


def test_the_codes_are_those_of_the_encoder_that_learned(ring: SharedRing, model: Playable) -> None:
    params = ParamBank(load_all())
    params.set("input.gate", -100.0)
    samples, n = sound(3.0), model.frames_per_column
    columns = hear(Listener(ring, model, params), samples, in_step(n))
    whole = encode_mel(model.encoder, model.codebooks, log_mel(samples, model.mel))
    heard = np.stack([codes for _, codes in columns])
    assert heard.shape[1:] == (model.rows, model.levels)
    most = min(len(heard), len(whole)) - 2  # at its ends the recording is mirrored, and a stream is not
    assert (heard[2:most] == whole[2:most]).mean() > 0.95  # its high-pass moves a code here and there


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_a_column_is_complete_when_the_next_one_is_decoded(ring: SharedRing, model: Playable, offset: int) -> None:
    n = model.frames_per_column
    decode_in = in_step(n, offset)
    columns = hear(Listener(ring, model, ParamBank(load_all())), sound(2.0), decode_in)
    assert len(columns) >= 2 * 93 // n - 3
    assert all(decode_in(block) == 0 for block, _ in columns)


def test_after_a_stretched_block_it_is_in_step_again(ring: SharedRing, model: Playable) -> None:
    n = model.frames_per_column
    decode_in = lambda block: in_step(n)(block if block < 60 else block - 1)  # noqa: E731
    columns = hear(Listener(ring, model, ParamBank(load_all())), sound(3.0), decode_in)
    assert all(decode_in(block) == 0 for block, _ in columns if block > 60 + 2 * n)


def test_sound_that_is_too_old_is_dropped_and_a_missing_hop_is_waited_for(ring: SharedRing, model: Playable) -> None:
    listener = Listener(ring, model, ParamBank(load_all()))
    assert listener.listen(0, -60.0) is None and listener.starved == 1
    ring.write(np.zeros((MOST_WAITING + 5 * HOP, 1), np.float32))
    listener.listen(0, -60.0)
    assert listener.dropped == 6 * HOP and ring.fill == MOST_WAITING - 2 * HOP


def test_what_lies_below_the_gate_is_silence(ring: SharedRing, model: Playable) -> None:
    params = ParamBank(load_all())
    params.set("input.gate", -20.0)
    n = model.frames_per_column
    quiet = hear(Listener(ring, model, params), 0.001 * sound(1.0), in_step(n))
    silence = hear(Listener(ring, model, params), np.zeros(RATE, np.float32), in_step(n))
    assert all((a[1] == b[1]).all() for a, b in zip(quiet, silence, strict=True))


def test_an_offset_is_not_a_sound(ring: SharedRing, model: Playable) -> None:
    params, n = ParamBank(load_all()), model.frames_per_column
    offset = hear(Listener(ring, model, params), np.full(2 * RATE, 0.5, np.float32), in_step(n))
    silence = hear(Listener(ring, model, params), np.zeros(2 * RATE, np.float32), in_step(n))
    assert (offset[-1][1] == silence[-1][1]).all()


def test_numbers_that_are_none_do_no_harm(ring: SharedRing, model: Playable) -> None:
    listener = Listener(ring, model, ParamBank(load_all()))
    hear(listener, np.full(RATE // 2, np.nan, np.float32), in_step(model.frames_per_column))
    hear(listener, np.full(RATE // 2, np.inf, np.float32), in_step(model.frames_per_column))
    assert np.isfinite(listener.peak)


# ---------------------------------------------------------------- the loudspeakers find the microphone


def around(guard: FeedbackGuard, loop_gain_db: float, room_db: float, seconds: float) -> list[float]:
    """Output levels of a loop: the room, or what was played 15 blocks ago through the loop, whichever is louder."""
    out = [-90.0] * 16
    for _ in range(int(seconds * 93.75)):
        mic_db = max(room_db, min(out[-15] + loop_gain_db, 0.0))
        gain = guard.update(mic_db, out[-1])
        out.append(max(min(mic_db + gain, -1.0), -90.0))
    return out


def test_a_loop_that_howls_is_turned_down_and_stays_down() -> None:
    out = around(FeedbackGuard(HOP / RATE), loop_gain_db=3.0, room_db=-60.0, seconds=60.0)
    loud = [level > -18.0 for level in out]
    assert any(loud), "it did howl"
    assert sum(loud) / len(loud) < 0.4
    assert max(sum(loud[n : n + 400]) for n in range(0, len(loud) - 400, 50)) < 300, "never for long"


def test_a_loud_room_is_asked_and_gets_its_level_back() -> None:
    guard = FeedbackGuard(HOP / RATE)
    gains = [guard.update(-10.0, -10.0) for _ in range(94 * 30)]
    assert min(gains) < -6.0, "it was asked"
    assert sum(gain < -1.0 for gain in gains) / len(gains) < 0.1


def test_what_is_quiet_is_left_alone() -> None:
    guard = FeedbackGuard(HOP / RATE)
    assert all(guard.update(-40.0, -10.0) == 0.0 and guard.update(-10.0, -40.0) == 0.0 for _ in range(1000))


def test_a_real_loop_through_a_model_does_not_howl_for_ever(
    ring: SharedRing, tiny_playable: Callable[..., Playable]
) -> None:
    """The output, 15 dB up, into the microphone: a performance that hears itself."""
    performance = Performance(tiny_playable(), 1, {f"level.{n}.source": "input" for n in range(3)})
    listener = Listener(ring, performance.model, performance.params)
    output_db, delayed = -90.0, [np.zeros(HOP, np.float32)] * 5
    levels = []
    for _ in range(700):
        ring.write(np.clip(5.6 * delayed[-5], -1.0, 1.0)[:, None])
        codes = listener.listen(performance.voice.hops_to_decode, output_db)
        if codes is not None:
            performance.apply(ControlEvent(0, HEARD, tuple(int(c) for c in codes.ravel()), "input"))
        block = performance.render_block()
        delayed = [*delayed[1:], block[0]]
        output_db = 20.0 * float(np.log10(max(np.sqrt((block**2).mean()), 1e-6)))
        levels.append(output_db)
    assert max(levels) <= 0.0 and np.isfinite(levels).all()
