"""The RVQ-VAE: promised shapes, dB outside, silence before the beginning, and the traps on the way to the codes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distill_live.codec.config import GRIDS, VQVAEConfig
from distill_live.codec.model import (
    ConvVQVAE,
    VQDecoder,
    VQEncoder,
    from_positions,
    latents_of_recording,
    to_positions,
)
from distill_live.codec.plan import stages


def _model(grid: str = "frames", levels: int = 3) -> ConvVQVAE:
    torch.manual_seed(0)
    return ConvVQVAE(VQVAEConfig(grid=GRIDS[grid], levels=levels, codebook_size=16, channels=8))


def _mel(frames: int, batch: int = 1, seed: int = 0) -> Tensor:
    noise = torch.randn(batch, 1, 128, frames, generator=torch.Generator().manual_seed(seed))
    return (noise * 15.0 - 60.0).clamp_min(-100.0)


@pytest.mark.parametrize(("grid", "positions"), [("reference", 48), ("bands", 24), ("frames", 24)])
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_one_second_has_the_promised_shapes(grid: str, positions: int, levels: int) -> None:
    recon, indices, commit_loss = _model(grid, levels)(_mel(94, batch=2))
    assert recon.shape == (2, 1, 128, 94)
    assert indices.shape == (2, positions, levels)
    assert indices.dtype == torch.int64
    assert commit_loss.shape == ()


def test_the_full_size_model_fits_its_budgets() -> None:
    for grid in GRIDS:
        model = ConvVQVAE(VQVAEConfig(grid=GRIDS[grid], codebook_size=256, levels=4))
        size = sum(p.numel() for p in model.parameters()) + model.codebooks().vectors.size
        assert 4 * size < 6_000_000, f"{grid} takes {4 * size} bytes"


def test_positions_are_time_major_with_rows_upwards_inside_a_column() -> None:
    latents = torch.arange(2 * 3 * 8 * 5).reshape(2, 3, 8, 5).float()
    positions = to_positions(latents)
    assert torch.equal(positions[1, 4 * 8 + 6], latents[1, :, 6, 4])
    assert torch.equal(from_positions(positions, 8), latents)


def test_a_low_sound_moves_the_lowest_row_most() -> None:
    mel = torch.full((1, 1, 128, 64), -100.0)
    mel[:, :, :8] = -20.0
    with torch.no_grad():
        change = _model("reference").encoder(mel).abs().sum((0, 1, 3))
    assert int(change.argmax()) == 0
    assert float(change[4:].max()) == 0.0 or float(change[0]) > 10 * float(change[4:].max())


@pytest.mark.parametrize("grid", GRIDS)
def test_a_stream_begins_as_if_there_had_been_silence_for_ever(grid: str) -> None:
    config = VQVAEConfig(grid=GRIDS[grid], channels=8)
    torch.manual_seed(0)
    encoder, decoder = VQEncoder(config).eval(), VQDecoder(config).eval()
    fpc, before = config.grid.frames_per_column, 20
    mel = _mel(4 * fpc)
    silence = torch.full((1, 1, 128, before * fpc), -100.0)
    with torch.no_grad():
        latents = encoder(mel)
        later = encoder(torch.cat([silence, mel], -1))
        assert torch.allclose(later[..., before:], latents, atol=1e-5)
        assert float(later[..., :before].abs().max()) < 1e-5, "the latent of silence is zero"
        muted = torch.zeros_like(later)
        muted[..., before:] = latents
        assert torch.allclose(decoder(muted)[..., before * fpc :], decoder(latents), atol=1e-3)


def test_training_and_use_agree_on_the_codes() -> None:
    """Trap 1: with dropout or BatchNorm before the quantiser they agreed on 28 % of the codes."""
    model, mel = _model(), _mel(94, batch=2)
    with torch.no_grad():
        trained = model.train().encoder(model.pad(mel))
        used = model.eval().encoder(model.pad(mel))
    assert torch.equal(trained, used)
    forbidden = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    assert not [m for m in model.encoder.modules() if isinstance(m, forbidden)]


def test_forward_leaves_nothing_on_the_module() -> None:
    """Trap 2: the grid's shape travels with the codes, so lengths may alternate and frozen models stay as they were."""
    model = _model("bands").eval()
    before = {name: set(vars(m)) for name, m in model.named_modules()}
    tensors = {name: t.clone() for name, t in model.state_dict().items()}
    with torch.no_grad():
        first = model(_mel(94))
        model(_mel(31))
        again = model(_mel(94))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert before == {name: set(vars(m)) for name, m in model.named_modules()}
    assert all(torch.equal(tensors[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("frames", [1, 15, 16, 94])
def test_incomplete_columns_are_filled_with_silence_not_with_full_scale(frames: int) -> None:
    """Trap 3: 0 dB is the loudest there is; and as many frames come out as went in."""
    model = _model("reference").eval()
    mel = _mel(frames)
    whole = torch.full((1, 1, 128, -(-frames // 16) * 16), -100.0)
    whole[..., :frames] = mel
    with torch.no_grad():
        recon, indices, _ = model(mel)
        recon_whole, indices_whole, _ = model(whole)
    assert torch.equal(indices, indices_whole)
    assert torch.equal(recon, recon_whole[..., :frames])


def test_the_output_is_linear_so_that_any_level_in_db_can_be_reached() -> None:
    """Trap 5: a Softplus could not go below its floor, a sigmoid not above full scale."""
    model = _model()
    latents = torch.randn(1, 16, 1, 4)
    last = model.decoder.net.layers[-1].conv
    with torch.no_grad():
        middle = model.decoder(latents)
        last.bias.add_(10.0)
        high = model.decoder(latents)
        last.bias.sub_(20.0)
        low = model.decoder(latents)
    assert torch.allclose(high - middle, torch.full_like(middle, 250.0), atol=1e-2)
    assert torch.allclose(middle - low, torch.full_like(middle, 250.0), atol=1e-2)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_changes_of_rate_multiply_to_the_grid(grid: str) -> None:
    config = VQVAEConfig(grid=GRIDS[grid])
    bands, frames = config.n_mels, 1
    for stage in stages(config):
        assert stage.bands_in == bands
        bands, frames = bands // stage.ratio[0], frames * stage.ratio[1]
    assert (bands, frames) == (config.grid.rows, config.grid.frames_per_column)


def test_a_fresh_model_has_random_codebooks_that_do_not_learn() -> None:
    model = _model().train()
    before = model.codebooks().vectors
    model(_mel(94, batch=2))
    assert (before == model.codebooks().vectors).all()
    assert not model.quantizer.trained


@pytest.mark.parametrize("frames", [1, 94, 2048, 4500])
def test_a_long_recording_has_the_latents_it_would_have_in_one_piece(frames: int) -> None:
    model, mel = _model("bands").eval(), _mel(frames)
    with torch.no_grad():
        wanted = to_positions(model.encoder(model.pad(mel)))[0]
    assert torch.allclose(latents_of_recording(model.encoder, mel[0, 0]), wanted, atol=1e-4)
