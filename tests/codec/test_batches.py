"""Crops: silence where the recording is not, gain that leaves silence silent, and nothing from elsewhere."""

from __future__ import annotations

import pytest
import torch

from distill_live.codec.batches import CropConfig, MelCrops
from distill_live.errors import UsageError

PLAIN = CropConfig(batch=8, frames=32, gain_db=(0.0, 0.0), tilt_db=0.0, shift_bands=0, mix_share=0.0)


def test_the_same_seed_gives_the_same_batches() -> None:
    mels = [torch.rand(128, 100) * -60.0]
    first, second, other = (MelCrops(mels, CropConfig(batch=4, frames=64), seed) for seed in (1, 1, 2))
    for _ in range(3):
        batch = first.draw()
        assert batch.shape == (4, 1, 128, 64)
        assert torch.equal(batch, second.draw())
        assert not torch.equal(batch, other.draw())


def test_a_plain_crop_is_a_piece_of_a_recording_with_silence_around_it() -> None:
    mel = torch.arange(40.0).expand(128, 40) - 60.0
    for crop in MelCrops([mel], PLAIN, 0).draw()[:, 0]:
        row = crop[0]
        inside = row[row > -100.0]
        assert len(inside) >= 20
        assert torch.equal(inside.diff(), torch.ones(len(inside) - 1))
        assert torch.equal(crop, row.expand(128, 32))


def test_recordings_shorter_than_a_crop_are_filled_with_silence() -> None:
    crops = MelCrops([torch.full((128, 5), -20.0)], PLAIN, 0).draw()
    assert ((crops == -20.0).sum((1, 2, 3)) == 5 * 128).all()
    assert ((crops == -100.0).sum((1, 2, 3)) == 27 * 128).all()


def test_only_the_recordings_given_are_ever_seen() -> None:
    """Trap 9: the split is by file and before augmentation; a crop holds one recording and silence."""
    training = [torch.full((128, 60), -20.0), torch.full((128, 60), -40.0)]
    seen = {float(v) for _ in range(10) for v in MelCrops(training, PLAIN, 0).draw().unique()}
    assert seen <= {-20.0, -40.0, -100.0}
    one = [len(crop.unique()) for crop in MelCrops(training, PLAIN, 1).draw()]
    assert max(one) <= 2


def test_every_frame_is_about_as_likely_as_any_other() -> None:
    mel = torch.arange(200.0).expand(128, 200) / 4.0 - 90.0
    source = MelCrops([mel], PLAIN, 0)
    counts = torch.zeros(200)
    for _ in range(200):
        values = source.draw()[:, 0, 0]
        counts += torch.bincount(((values[values > -100.0] + 90.0) * 4.0).round().long(), minlength=200)
    assert counts[20:-20].min() > 0.6 * counts.mean()
    assert counts.min() > 0.1 * counts.mean(), "beginnings and ends are not forgotten"


def test_gain_and_tilt_stay_in_their_range_and_leave_silence_silent() -> None:
    mel = torch.full((128, 32), -50.0)
    mel[64:] = -100.0
    config = CropConfig(batch=64, frames=32, gain_db=(-12.0, 6.0), tilt_db=4.0, shift_bands=0, mix_share=0.0)
    crops = MelCrops([mel], config, 0).draw()[:, 0]
    sounding = crops[:, :64][crops[:, :64] > -100.0]
    assert -50.0 - 12.0 - 2.0 <= float(sounding.min()) < -58.0
    assert -48.0 < float(sounding.max()) <= -50.0 + 6.0 + 2.0
    assert (crops[:, 64:] == -100.0).all()


def test_a_shift_moves_bands_and_fills_with_silence() -> None:
    mel = torch.full((128, 64), -100.0)
    mel[60] = -10.0
    config = CropConfig(batch=64, frames=16, gain_db=(0.0, 0.0), tilt_db=0.0, shift_bands=2, mix_share=0.0)
    crops = MelCrops([mel], config, 0).draw()[:, 0]
    bands = {int(crop.max(-1).values.argmax()) for crop in crops}
    assert bands == {58, 59, 60, 61, 62}


def test_mixtures_are_louder_than_either_and_of_silence_silent() -> None:
    low, high = torch.full((128, 64), -100.0), torch.full((128, 64), -100.0)
    low[10], high[100] = -40.0, -20.0
    config = CropConfig(batch=64, frames=16, gain_db=(0.0, 0.0), tilt_db=0.0, shift_bands=0, mix_share=1.0)
    crops = MelCrops([low, high], config, 0).draw()[:, 0]
    both = [c for c in crops if float(c[10].max()) > -90.0 and float(c[100].max()) > -90.0]
    assert len(both) > 16
    assert (crops[:, 50] == -100.0).all()
    levels = {round(float(v)) for v in crops[:, 10].max(-1).values}
    assert levels == {-100, -40, -37}, "none, one, or the power of two"


def test_no_recordings_is_a_sentence() -> None:
    with pytest.raises(UsageError):
        MelCrops([], PLAIN, 0)
