"""Training: it learns, it is the same twice, its codebooks start when they should, its error is what it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill_live.audio.batches import BatchConfig
from distill_live.audio.segments import SegmentConfig
from distill_live.codec.config import GRIDS, VQVAEConfig
from distill_live.codec.model import ConvVQVAE
from distill_live.codec.objective import CodecObjective, CodecSchedule, latent_count, train_steps
from distill_live.codec.patches import principal_patches
from distill_live.errors import UsageError

BATCHES = BatchConfig(size=4, segments=SegmentConfig(length=64, overhang=16))
CONFIG = VQVAEConfig(codebook_size=16, codebook_dim=8, channels=8)


def _mels(count: int = 3, seed: int = 0) -> list[Tensor]:
    """Recordings of decaying notes above a hiss: two partials each, at random times and pitches."""
    random = torch.Generator().manual_seed(seed)
    mels = []
    for _ in range(count):
        power = 1e-7 * (0.5 + torch.rand(128, 160, generator=random))
        for _ in range(8):
            band, start = (int(torch.randint(high, (), generator=random)) for high in (60, 140))
            decay = 10.0 ** (-0.1 * torch.arange(160 - start))
            for partial in (band, band + 40):
                power[partial - 1 if partial else 0 : partial + 2, start:] += 0.1 * decay
        mels.append((10.0 * power.log10()).clamp_min(-100.0))
    return mels


def _objective(config: VQVAEConfig = CONFIG, schedule: CodecSchedule | None = None) -> CodecObjective:
    torch.manual_seed(0)
    return CodecObjective(ConvVQVAE(config), schedule)


def _train(objective: CodecObjective, steps: int = 12) -> list[dict[str, float]]:
    return list(train_steps(objective, _mels(), steps, BATCHES, seed=5))


@pytest.mark.parametrize("grid", GRIDS)
def test_the_same_seed_gives_the_same_weights_twice(grid: str) -> None:
    config = VQVAEConfig(grid=GRIDS[grid], codebook_size=16, codebook_dim=8, channels=8)
    first, second = _objective(config), _objective(config)
    assert _train(first) == _train(second)
    states = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert first.has_codebooks


def test_muting_and_swapping_are_the_same_twice_too() -> None:
    schedule = CodecSchedule(dropout_share=0.3, swap_share=0.3)
    assert _train(_objective(schedule=schedule)) == _train(_objective(schedule=schedule))


def test_a_run_can_be_cut_and_resumed_without_a_difference() -> None:
    """What the objective says a resumed run needs is all it needs."""

    def run(objective: CodecObjective, optimiser: torch.optim.Optimizer, steps: range) -> None:
        random = torch.Generator().manual_seed(0)
        batches = [torch.stack(_mels(2, int(torch.randint(99, (), generator=random)))).unsqueeze(1) for _ in range(8)]
        for number in steps:
            if objective.wants_codebooks(number / 8):
                objective.initialise(_mels())
            torch.manual_seed(number)  # of what is muted, and of what dead codes become
            objective.step(optimiser, batches[number][..., :64], number / 8)

    whole = _objective()
    run(whole, whole.optimiser(), range(8))
    first = _objective()
    optimiser = first.optimiser()
    run(first, optimiser, range(4))
    second = _objective()
    again = second.optimiser()
    second.model.load_state_dict(first.model.state_dict())
    again.load_state_dict(optimiser.state_dict())
    second.steps = first.steps
    run(second, again, range(4, 8))
    states = whole.model.state_dict(), second.model.state_dict()
    parameters = [name for name in states[0] if "rvq" not in name]  # dead codes are replaced at random
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-6) for name in parameters)


@pytest.mark.slow
def test_it_learns_notes_it_has_not_heard() -> None:
    config = VQVAEConfig(codebook_size=16, channels=8)
    objective, unheard = _objective(config), _mels(2, seed=9)
    before = objective.held_out_error(unheard)
    _train(objective, 80)
    after = objective.held_out_error(unheard)
    assert after["mel_dB"] < 0.25 * before["silence_dB"]
    assert all(level.utilisation_percent > 50.0 for level in objective.health())


def test_the_linear_start_is_better_than_chance_and_optimal_among_linear_codecs() -> None:
    objective, mels = _objective(), _mels()
    chance = objective.held_out_error(mels)["mel_dB"]
    objective.prepare(mels)
    assert objective.held_out_error(mels)["mel_dB"] < 0.7 * chance
    patches = [mel + 100.0 for mel in mels]
    basis = principal_patches(patches, 128, 4, 8).components.reshape(8, -1)
    assert torch.allclose(basis @ basis.T, torch.eye(8), atol=1e-4)
    x = patches[0].reshape(128, 40, 4).permute(1, 0, 2).reshape(40, -1)
    other = torch.linalg.qr(torch.randn(512, 8, generator=torch.Generator().manual_seed(0))).Q.T
    errors = [float((x - x @ b.T @ b).square().sum()) for b in (basis, other)]
    assert errors[0] < 0.5 * errors[1]


def test_silence_alone_can_be_prepared_for() -> None:
    objective = _objective()
    objective.prepare([torch.full((128, 64), -100.0)])
    assert all(torch.isfinite(p).all() for p in objective.model.parameters())


def test_codebooks_begin_after_their_share_of_the_run_and_only_once() -> None:
    objective = CodecObjective(ConvVQVAE(CONFIG), CodecSchedule(autoencode_share=0.25))
    assert not objective.wants_codebooks(0.24)
    assert objective.wants_codebooks(0.25)
    objective.initialise(_mels())
    assert not objective.wants_codebooks(0.9)


def test_a_short_corpus_is_passed_until_every_code_has_twenty_vectors() -> None:
    objective = _objective()
    objective.initialise([torch.rand(128, 20) * -50.0])
    assert objective.has_codebooks


def test_the_figures_of_a_step_add_up() -> None:
    objective = _objective()
    mel = torch.stack(_mels()).unsqueeze(1)
    for _ in range(2):
        loss, figures = objective.loss(mel)
        assert loss.requires_grad
        assert figures["loss"] == pytest.approx(float(loss.detach()))
        assert figures["mel_dB"] > 0
        objective.initialise(_mels())
    assert figures["commitment"] > 0
    assert objective.health()[0].counted == 3 * 40


def test_a_swap_should_sound_as_its_own_coarse_levels_plus_what_the_other_has_above_its_own() -> None:
    objective = _objective()
    objective.initialise(_mels())
    model = objective.model.eval()
    mel = torch.stack(_mels()).unsqueeze(1)
    codes = model(mel)[1]
    sources = torch.tensor([[0, 2, 2], [1, 1, 1], [2, 2, -1]])
    wanted = objective._wanted(mel, codes, sources)
    muted = [model(mel, torch.tensor([[n, -1, -1] for n in range(3)]))[0][item] for item in (0, 2)]
    assert torch.allclose(wanted[0], (muted[0] + mel[2] - muted[1]).clamp_min(-100.0), atol=1e-3)
    assert torch.equal(wanted[1:], mel[1:]), "a muted segment should sound as if it were not"


def test_dropout_teaches_the_decoder_to_answer_to_a_level_alone() -> None:
    """Without it, a fine level alone is nearly silence."""
    errors = {}
    for share in (0.0, 0.5):
        objective = _objective(schedule=CodecSchedule(dropout_share=share, swap_share=0.0))
        _train(objective, 40)
        mel = torch.stack(_mels()).unsqueeze(1)
        with torch.no_grad():
            alone = objective.model.eval()(mel, torch.tensor([[-1, -1, n] for n in range(3)]))[0]
        errors[share] = float((alone - mel).abs().mean())
    assert errors[0.5] < 0.9 * errors[0.0]


def test_the_learning_rate_rises_and_falls() -> None:
    objective = _objective()
    first = objective.learning_rate(0.0)
    objective.steps = 1000
    rates = [objective.learning_rate(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)]
    assert first < 0.1 * rates[0]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == rates[-2] > 0


def test_held_out_error_is_the_mean_of_absolute_db_and_changes_nothing() -> None:
    objective = _objective()
    objective.initialise(_mels())
    objective.model.train()
    mels, before = _mels(2, seed=3), {k: v.clone() for k, v in objective.model.state_dict().items()}
    error = objective.held_out_error(mels)
    objective.model.eval()
    with torch.no_grad():
        recons = [objective.model(mel[None, None])[0][0, 0].clamp_min(-100.0) for mel in mels]
    wanted = [float((recon - mel).abs().mean()) for recon, mel in zip(recons, mels, strict=True)]
    assert error["mel_dB"] == pytest.approx(sum(wanted) / 2)
    assert error["silence_dB"] == pytest.approx(sum(float((mel + 100).mean()) for mel in mels) / 2)
    assert all(torch.equal(before[k], v) for k, v in objective.model.state_dict().items())


def test_latents_are_counted_as_the_encoder_gives_them() -> None:
    mels = [torch.zeros(128, frames) for frames in (94, 16, 1)]
    for grid in GRIDS.values():
        model = ConvVQVAE(VQVAEConfig(grid=grid, channels=8))
        wanted = sum(model.encoder(model.pad(mel[None, None])).shape[2:].numel() for mel in mels)
        assert latent_count(mels, grid.rows, grid.frames_per_column) == wanted


def test_a_schedule_that_cannot_train_is_refused() -> None:
    for bad in ({"learning_rate": 0.0}, {"autoencode_share": 1.0}, {"gradient_norm": -1.0}):
        with pytest.raises(UsageError):
            CodecSchedule(**bad)
