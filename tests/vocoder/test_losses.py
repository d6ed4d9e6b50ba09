"""What judges a vocoder while it learns: nothing between equals, more for what is further away, a slope everywhere."""

from __future__ import annotations

import torch

from distill_live.vocoder.critic import SpectralCritic, adversarial_loss, critic_loss, feature_loss
from distill_live.vocoder.losses import LossWeights, SpectralDistance
from tests.vocoder.sounds import MEL, noise, sine

DISTANCE = SpectralDistance(MEL, LossWeights())
TONE = torch.from_numpy(sine(440.0, 0.1))[None]
HISS = torch.from_numpy(noise(0.1))[None]


def test_a_louder_error_is_a_greater_distance():
    errors = [float(DISTANCE(TONE + level * HISS, TONE)) for level in (0.0, 0.001, 0.01, 0.1)]
    assert errors[0] < 1e-4
    assert errors == sorted(errors)


def test_six_decibels_are_six_decibels():
    assert abs(DISTANCE.mel_db(0.5 * HISS, HISS) - 6.02) < 0.01


def test_silence_has_a_slope_that_is_finite():
    silence = torch.zeros_like(TONE).requires_grad_()
    DISTANCE(silence, TONE).backward()
    assert torch.isfinite(silence.grad).all()


def test_a_critic_learns_to_tell_tones_from_noise():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = SpectralCritic(channels=2, resolutions=((512, 240, 480),))
    optimiser = torch.optim.AdamW(critic.parameters(), 2e-2)
    losses = []
    for _ in range(12):
        loss = critic_loss(critic(TONE), critic(HISS))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert adversarial_loss(critic(TONE)) < adversarial_loss(critic(HISS))
    assert feature_loss(critic(TONE), critic(TONE)).item() == 0.0
