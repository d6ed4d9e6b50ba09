"""A model left to itself: edges that stand out are found, and what is said of a real model is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill_live.cli.quality.hour import listen, markdown
from distill_live.cli.quality.pictures import draw_hour


def test_a_real_model_is_told_stretch_by_stretch(tiny_playable: Any, tmp_path: Path):
    model = tiny_playable()
    found = listen(model, 1, 5.0, 2.0)
    assert [s.columns for s in found.stretches] and len(found.stretches) == 3
    assert sum(s.columns for s in found.stretches) == len(found.codes)
    assert found.codes.shape[1:] == (model.rows, model.levels)
    assert found.picture.shape == (128, 5)
    assert found.not_finite == 0
    assert all(0 < s.different <= s.columns for s in found.stretches)
    assert all(len(s.entropy_bits) == model.levels for s in found.stretches)
    again = listen(model, 1, 5.0, 3.0)
    np.testing.assert_array_equal(found.codes, again.codes)  # however it is cut
    assert found.seams == again.seams
    text = markdown({"machine": "here"}, model, 1, 2.0, found)
    assert text.count("\n| ") == 2 + len(found.stretches) + len(found.seams)
    assert [s.period for s in found.seams] == [256, 512, 512 * model.frames_per_column]
    draw_hour(tmp_path / "hour.png", found.picture, found.codes, model.level_names)
    assert (tmp_path / "hour.png").stat().st_size > 1000


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_a_short_one_is_one_stretch(tiny_playable: Any, seconds: float):
    assert len(listen(tiny_playable(), 2, seconds, 60.0).stretches) == 1
