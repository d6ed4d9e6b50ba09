"""The stream keeps to what the recordings do, whatever it is asked again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from distill_live.engine.performance import Performance
from distill_live.models.playable import Playable
from distill_live.prior.repetition import stays

COLUMNS = 400

pytestmark = pytest.mark.usefixtures("live_numbers")


@pytest.fixture(params=["frames", "bands"])
def model(request: pytest.FixtureRequest, tiny_playable: Callable[..., Playable]) -> Playable:
    return tiny_playable(grid=request.param)


def drawn(performance: Performance, columns: int = COLUMNS) -> np.ndarray:
    stream = performance.voice.stream
    return np.stack([stream.column(column).codes for column in range(columns)])


def test_no_code_stays_longer_or_comes_more_often_than_it_may(model: Playable):
    performance = Performance(model, 7, {"temperature": 0.3})  # with narrow choices it would stay for long
    codes, limits = drawn(performance), performance.voice.kit.watch.limits
    assert performance.voice.stream.reprimed == 0
    for row in range(model.rows):
        which, lengths = stays(codes[:, row, 0])
        for code, length in zip(which, lengths, strict=True):
            assert length <= np.ceil(limits._longest[code])
        for start in range(COLUMNS - limits.window):
            counts = np.bincount(codes[start : start + limits.window, row, 0], minlength=model.codebook_size)
            assert (counts <= np.ceil(limits._most)).all()


def test_without_a_limit_it_does(model: Playable):
    free, kept = (drawn(Performance(model, 7, {"temperature": 0.3, "repetition": r})) for r in (0.0, 1.0))
    longest = [max(stays(codes[:, row, 0])[1].max() for row in range(model.rows)) for codes in (free, kept)]
    assert longest[0] > longest[1]


def test_what_is_drawn_again_is_drawn_the_same(model: Playable):
    """A rewind goes back to the counts of then, and a copy goes on from those of now."""
    performance = Performance(model, 7, {"temperature": 0.3})
    codes = drawn(performance)
    stream = performance.voice.stream
    stream.rewind(100)
    assert (drawn(performance) == codes).all()
    stream.rewind(300)
    twin = stream.fork(performance.voice.dice)
    assert all((twin.column(c).codes == codes[c]).all() for c in range(300, COLUMNS))
