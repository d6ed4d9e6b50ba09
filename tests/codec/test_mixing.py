"""Which codes training segments are decoded from: the shares are kept, and every way to mute and to swap comes up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill_live.codec.mixing import draw_sources, swapped_items
from distill_live.codec.schedule import CodecSchedule
from distill_live.errors import UsageError

MANY = 4000


def _drawn(levels: int = 3, **shares: float) -> Tensor:
    torch.manual_seed(0)
    sources = draw_sources(MANY, levels, CodecSchedule(**shares))
    assert sources is not None
    return sources


def test_nothing_is_drawn_where_nothing_changes() -> None:
    """A run without dropout and swaps uses torch's random state as it did before there were any."""
    before = torch.get_rng_state()
    assert draw_sources(8, 3, CodecSchedule(dropout_share=0.0, swap_share=0.0)) is None
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_every_set_of_levels_is_heard_alone_but_none_and_all_are_not_dropouts(levels: int) -> None:
    sources = _drawn(levels, dropout_share=0.3, swap_share=0.0)
    own = torch.arange(MANY)[:, None]
    assert ((sources == own) | (sources == -1)).all()
    muted = (sources == -1).any(1)
    assert float(muted.float().mean()) == pytest.approx(0.3, abs=0.03)
    patterns = {tuple(row) for row in (sources[muted] >= 0).tolist()}
    assert len(patterns) == 2**levels - 2


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_swaps_take_all_fine_levels_from_one_other_segment_and_keep_the_first(levels: int) -> None:
    sources = _drawn(levels, dropout_share=0.0, swap_share=0.3)
    own = torch.arange(MANY)
    swapped = swapped_items(sources)
    assert float(swapped.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert (sources[:, 0] == own).all()
    foreign = sources[swapped] != own[swapped, None]
    assert (foreign.int().diff(dim=1) >= 0).all(), "from one level on, all"
    assert set(foreign.sum(1).tolist()) == set(range(1, levels))
    assert (sources[swapped][foreign] == sources[swapped, -1:].expand_as(foreign)[foreign]).all()


def test_no_segment_is_both_muted_and_swapped() -> None:
    sources = _drawn(dropout_share=0.4, swap_share=0.4)
    assert not ((sources == -1).any(1) & swapped_items(sources)).any()


def test_a_batch_of_one_has_nobody_to_swap_with() -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        sources = draw_sources(1, 3, CodecSchedule(dropout_share=0.0, swap_share=0.9))
        assert sources is not None
        assert sources.tolist() == [[0, 0, 0]]


def test_shares_that_leave_no_segment_as_it_is_are_refused() -> None:
    with pytest.raises(UsageError, match="together"):
        CodecSchedule(dropout_share=0.5, swap_share=0.5)
