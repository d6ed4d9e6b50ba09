"""Training in seconds: epochs of four small batches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def small_portions() -> Iterator[None]:
    """Epochs of four small batches."""
    from distill_live.audio.batches import BatchConfig
    from distill_live.audio.segments import SegmentConfig
    from distill_live.training import codec_task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec_task, "BATCHES", BatchConfig(size=4, segments=SegmentConfig(length=64, overhang=16)))
        patch.setattr(codec_task, "FEWEST_STEPS", 4)
        patch.setattr(codec_task, "MOST_STEPS", 4)
        yield
