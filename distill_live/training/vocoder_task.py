"""The ConvNeXt vocoder as a task of the loop: batches, the loss, a critic where there is one, and what to resume from.

Knows nothing of files or clocks. Training thread.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from distill_live.training.checkpoint import Snapshot, load_module, load_optimizer, module_state, optimizer_state
from distill_live.training.loop import Validation
from distill_live.training.vocoder_material import Material, SegmentConfig, Sounding, SoundingBatches
from distill_live.vocoder.convnext import ConvNextVocoder
from distill_live.vocoder.critic import SpectralCritic, adversarial_loss, critic_loss, feature_loss
from distill_live.vocoder.losses import LossWeights, SpectralDistance

LEARNING_RATE: Final = 3e-3
STEPS_PER_EPOCH: Final = 50
WARM_UP_FRAMES: Final = 8  # at the beginning of a segment, where the vocoder does not know what was before
MOST_JUDGED_FRAMES: Final = 300  # of each held-out sound
_LAST_SHARE: Final = 0.02  # of the learning rate, at the end
_FIRST_STEPS: Final = 30  # in which it rises
_GRADIENT_NORM: Final = 1.0


class VocoderTask:
    """Trains ``model`` on sounds.

    Args:
        model: fresh, or to be fine-tuned or restored.
        material: what is learned from and what is held out (the former where nothing is).
        seed: of the batches and the critic.
        adversarial: whether a critic learns beside it; on a CPU that takes several times as long.
        rate: the learning rate at its highest.
        weights: of the parts of the loss.
        segments: what a batch is.
    """

    name = "vocoder"
    unit = "distance"

    def __init__(
        self,
        model: ConvNextVocoder,
        material: Material,
        seed: int,
        adversarial: bool = False,
        rate: float = LEARNING_RATE,
        weights: LossWeights | None = None,
        segments: SegmentConfig | None = None,
    ) -> None:
        self.model, self.rate, self.weights = model, rate, weights or LossWeights()
        mel, device = model.config.mel, self.device
        self.judged = (material.held_out or material.training)[:8]
        self.batches = SoundingBatches(material.training, mel, segments or SegmentConfig(), seed)
        self.distance = SpectralDistance(mel, self.weights).to(device)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.8, 0.98), weight_decay=0.0)
        self.critic = _seeded_critic(seed).to(device) if adversarial else None
        self.critic_optimizer = torch.optim.AdamW(self.critic.parameters(), 5e-4, (0.8, 0.98)) if self.critic else None
        self.steps_per_epoch = STEPS_PER_EPOCH
        self.rank, self.size = 0, 1

    @property
    def module(self) -> ConvNextVocoder:
        return self.model

    @property
    def device(self) -> torch.device:
        """Where the model learns; batches come from the CPU."""
        return next(self.model.parameters()).device

    def take_share(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def train_step(self, step: int, progress: float) -> float:
        mel, sound = (torch.from_numpy(x).to(self.device) for x in self.batches.draw(step * self.size + self.rank))
        made, real = self._judged_part(self.model(mel)), self._judged_part(sound)
        loss = self.distance(made, real)
        if self.critic is not None:
            self._teach_critic(self.critic, made, real)
            with torch.no_grad():
                heard = self.critic(real)
            hearing = self.critic(made)
            loss = loss + self.weights.adversarial * adversarial_loss(hearing)
            loss = loss + self.weights.features * feature_loss(heard, hearing)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * _share_of_rate(step, progress)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)
        self.optimizer.step()
        return float(loss.detach())

    def validate(self) -> Validation:
        with torch.no_grad():
            pairs = [self._through(sounding) for sounding in self.judged]
            found = [float(self.distance(made, real)) for made, real in pairs]
            mel_db = [self.distance.mel_db(made, real) for made, real in pairs]
        return Validation(sum(found) / len(found), detail={"mel_db": round(sum(mel_db) / len(mel_db), 3)})

    def comparable_from(self) -> int:
        return 0

    def converged(self, held_out: list[float]) -> bool:  # its schedule ends with its time, not before
        return False

    def snapshot(self) -> Snapshot:
        tensors = {**module_state(self.model, "model"), **optimizer_state(self.optimizer, "optimizer")}
        if self.critic is not None and self.critic_optimizer is not None:
            tensors |= module_state(self.critic, "critic") | optimizer_state(self.critic_optimizer, "critic_optimizer")
        return Snapshot(tensors, {})

    def restore(self, snapshot: Snapshot) -> None:
        load_module(self.model, snapshot.part("model"))
        load_optimizer(self.optimizer, snapshot.part("optimizer"))
        if self.critic is not None and self.critic_optimizer is not None:
            load_module(self.critic, snapshot.part("critic"))
            load_optimizer(self.critic_optimizer, snapshot.part("critic_optimizer"))

    def _teach_critic(self, critic: SpectralCritic, made: Tensor, real: Tensor) -> None:
        assert self.critic_optimizer is not None
        self.critic_optimizer.zero_grad()
        critic_loss(critic(real), critic(made.detach())).backward()
        self.critic_optimizer.step()

    def _judged_part(self, sound: Tensor) -> Tensor:
        """Segments without their first frames and without what the frames after them would reach into."""
        hop = self.model.config.hop
        return sound[:, WARM_UP_FRAMES * hop : sound.shape[1] - self.model.latency]

    def _through(self, sounding: Sounding) -> tuple[Tensor, Tensor]:
        """The beginning of a held-out sound, made from its mel, and as it is: ``[1, T]`` both."""
        frames, hop = min(MOST_JUDGED_FRAMES, sounding.mel.shape[1]), self.model.config.hop
        mel = torch.from_numpy(sounding.mel[None, :, :frames].copy()).to(self.device)
        return self.model(mel), torch.from_numpy(sounding.sound[None, : frames * hop].copy()).to(self.device)


def _seeded_critic(seed: int) -> SpectralCritic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpectralCritic()


def _share_of_rate(step: int, progress: float) -> float:
    """How much of the learning rate: a short rise, then a cosine."""
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return min(1.0, (step + 1) / _FIRST_STEPS) * (_LAST_SHARE + (1.0 - _LAST_SHARE) * cosine)
