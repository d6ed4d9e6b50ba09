"""The losses measure what they say: every scale counts, loudness counts, the commitment counts once."""

from __future__ import annotations

import pytest
import torch

from distill_live.codec.losses import SCALES, linear_magnitude_error, multi_scale_mel_loss, peak_error, vqvae_loss


def _flat(db: float) -> torch.Tensor:
    return torch.full((1, 1, 16, 16), db)


def _checkerboard(size: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    return (1.0 - 2.0 * ((rows // size + columns // size) % 2)).reshape(1, 1, 16, 16)


def test_equal_mels_cost_nothing() -> None:
    assert float(multi_scale_mel_loss(_flat(-40.0), _flat(-40.0))) == 0.0


@pytest.mark.parametrize(("size", "seen_by"), [(1, 1), (2, 2), (4, 3)])
def test_an_error_is_seen_by_the_scales_that_are_not_coarser_than_it(size: int, seen_by: int) -> None:
    """Trap 6: an error in 1 x 1 cells cancels at the coarser poolings, one in 4 x 4 cells is seen by all three."""
    mel = _flat(-60.0)
    recon = mel + 3.0 * _checkerboard(size)
    in_db = multi_scale_mel_loss(recon, mel) - linear_magnitude_error(recon, mel) - peak_error(recon, mel)
    assert float(in_db) == pytest.approx(3.0 * seen_by / len(SCALES), rel=1e-4)


def test_the_linear_term_cares_for_what_is_loud() -> None:
    mel = _flat(-80.0)
    mel[..., 0] = -10.0
    loud, quiet = mel.clone(), mel.clone()
    loud[..., 0] += 6.0
    quiet[..., 1] += 6.0
    assert float(multi_scale_mel_loss(loud, mel)) > float(multi_scale_mel_loss(quiet, mel)) + 0.5
    assert float(linear_magnitude_error(loud, mel)) == pytest.approx(10 ** (6 / 20) - 1, rel=0.02)


@pytest.mark.parametrize("level_db", [-10.0, -50.0])
def test_a_missing_peak_costs_more_than_the_same_error_on_the_floor(level_db: float) -> None:
    """Held-out recordings came back 1.3 to 2.7 dB quieter when every band of a frame counted the same."""
    mel = _flat(-95.0)
    mel[..., 3, :] = level_db
    lost, lifted = mel.clone(), mel.clone()
    lost[..., 3, :] -= 6.0
    lifted[..., 4, :] += 6.0
    assert float(peak_error(lost, mel)) > 5.0 * float(peak_error(lifted, mel))
    assert float(multi_scale_mel_loss(lost, mel)) > float(multi_scale_mel_loss(lifted, mel)) + 1.0


def test_an_error_at_peaks_counts_the_same_in_a_quiet_frame_and_in_silence_every_band_does() -> None:
    mel = _flat(-80.0)
    mel[..., 3, :8], mel[..., 3, 8:] = -10.0, -60.0
    first, second = mel.clone(), mel.clone()
    first[..., 3, :8] += 3.0
    second[..., 3, 8:] += 3.0
    assert float(peak_error(second, mel)) > 0.2 * float(peak_error(first, mel)) > 0.0
    silence = _flat(-100.0)
    assert float(peak_error(silence + 2.0, silence)) == pytest.approx(2.0)


def test_a_decoder_that_shouts_has_a_finite_loss_and_gradient() -> None:
    recon = _flat(5000.0).requires_grad_()
    loss = multi_scale_mel_loss(recon, _flat(-100.0))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(recon.grad).all()
    assert float(recon.grad.abs().sum()) > 0


def test_the_commitment_is_added_once_as_it_is() -> None:
    recon, mel = _flat(-50.0), _flat(-40.0)
    bare = float(multi_scale_mel_loss(recon, mel))
    assert float(vqvae_loss(recon, mel, torch.tensor(0.75))) == pytest.approx(bare + 0.75)
