"""How a codec is trained, apart from the loop: its loss, its schedule, its codebooks' start, its held-out error.

``prepare`` makes the model the best linear codec of the corpus, and the networks learn to correct its error: first
without codes, for a short while; then k-means over the whole corpus sets the codebooks, and everything learns
together. The schedule is a function of progress 0..1, so that a budget in seconds and one in epochs use it alike.
Knows nothing of files, clocks or checkpoints. Training thread only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distill_live.audio.batches import BatchConfig, TrainingBatches
from distill_live.codec.config import VECTORS_PER_CODE
from distill_live.codec.health import LevelHealth, UsageCounter
from distill_live.codec.losses import multi_scale_mel_loss, vqvae_loss
from distill_live.codec.mixing import draw_sources, swapped_items
from distill_live.codec.model import ConvVQVAE, from_positions, latents_of_recording, to_positions
from distill_live.codec.schedule import CodecSchedule

_FIRST_FOR_CODEBOOKS = 1_000_000_000  # batches from this number on, which no training step reaches
_FIRST_STEPS = 20  # over which the learning rate rises
_MOST_CROPPED = 20_000  # latents of batches that the codebooks begin with; more would only take longer
_FITTED_SCALE = 0.1  # of the learning rate, for weights that begin fitted to the corpus


class CodecObjective:
    """The functional training step of a ``ConvVQVAE``, and what it is judged by.

    A loop calls ``prepare`` once, then ``step`` with a batch and its progress, and ``initialise`` when
    ``wants_codebooks`` says so (``train_steps`` is such a loop). What a resumed run needs is in the
    state of model and optimiser, in ``steps``, and in torch's random state (dead codes are replaced at random).
    """

    def __init__(self, model: ConvVQVAE, schedule: CodecSchedule | None = None) -> None:
        self.model = model
        self.schedule = schedule or CodecSchedule()
        self.usage = UsageCounter(model.config.names, model.config.codebook_size)
        self.steps = 0

    def prepare(self, mels: Sequence[Tensor]) -> None:
        """Before the first step: begin as the best linear codec of the training recordings ``[n_mels, frames]``."""
        self.model.fit_patches(mels)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All parameters; ``scale`` multiplies the learning rate (what was fitted already moves slowly).

        The codebooks are no parameters: they follow by moving averages.
        """
        fitted = [self.model.encoder.patch.weight, self.model.decoder.patch.weight]
        known = {id(parameter) for parameter in fitted}
        rest = [parameter for parameter in self.model.parameters() if id(parameter) not in known]
        return [{"params": rest, "scale": 1.0}, {"params": fitted, "scale": _FITTED_SCALE}]

    def optimiser(self) -> torch.optim.Optimizer:
        """AdamW without weight decay, whose rate ``step`` sets."""
        return torch.optim.AdamW(self.parameter_groups(), betas=(0.9, 0.98), weight_decay=0.0)

    def learning_rate(self, progress: float) -> float:
        """The rate at ``progress`` 0..1: a short rise over the first steps, then a cosine."""
        schedule = self.schedule
        rise = min(1.0, (self.steps + 1) / _FIRST_STEPS)
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
        return schedule.learning_rate * rise * (schedule.last_share + (1.0 - schedule.last_share) * cosine)

    def wants_codebooks(self, progress: float) -> bool:
        """True from when ``initialise`` is due until it has been called."""
        return progress >= self.schedule.autoencode_share and not self.has_codebooks

    @property
    def device(self) -> torch.device:
        """Where the model learns; recordings and batches come from the CPU."""
        return next(self.model.parameters()).device

    @property
    def has_codebooks(self) -> bool:
        return self.model.quantizer.trained

    @torch.no_grad()
    def initialise(self, mels: Sequence[Tensor], seed: int = 0, batches: BatchConfig | None = None) -> None:
        """Set the codebooks by k-means over the training recordings, ``[n_mels, frames]`` each, in dB.

        All recordings are passed as they are, and about as much again as training batches (gain, mixtures), so that the
        codes also fit what training will show them, and so that a short corpus has enough vectors for every code.
        """
        config, was_training = self.model.config, self.model.training
        self.model.eval()
        found = [latents_of_recording(self.model.encoder, mel.to(self.device)) for mel in mels]
        plain = sum(len(latents) for latents in found)
        missing = max(min(plain, _MOST_CROPPED), 2 * VECTORS_PER_CODE * config.codebook_size)
        source, number = training_batches(mels, batches or BatchConfig(), seed), _FIRST_FOR_CODEBOOKS
        while missing > 0:
            mel = source(number).to(self.device)
            found.append(to_positions(self.model.encoder(self.model.pad(mel))).flatten(0, 1))
            missing -= len(found[-1])
            number += 1
        self.model.quantizer.initialise(torch.cat(found).cpu(), seed)
        self.model.train(was_training)

    def loss(self, mel: Tensor, progress: float = 0.0) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch ``[B, 1, n_mels, frames]`` in dB, to be minimised, and figures worth a curve.

        The figures: ``loss``, ``mel_dB`` (mean absolute error of what was decoded, be it muted or swapped, against what
        was wanted) and ``commitment``.
        """
        wanted = mel
        if self.has_codebooks:
            frozen = progress > 1.0 - self.schedule.frozen_share
            sources = draw_sources(len(mel), self.model.config.levels, self.schedule)
            sources = None if sources is None else sources.to(self.device)
            recon, codes, commitment = self.model(mel, sources, frozen)
            self.usage.add(codes)
            wanted = mel if sources is None else self._wanted(mel, codes, sources)
            loss = vqvae_loss(recon, wanted, commitment)
        else:
            recon, commitment = self.model.autoencode(mel), mel.new_zeros(())
            loss = multi_scale_mel_loss(recon, mel)
        error = (recon.detach() - wanted).abs().mean()
        return loss, {"loss": loss.item(), "mel_dB": error.item(), "commitment": commitment.item()}

    def step(self, optimiser: torch.optim.Optimizer, mel: Tensor, progress: float) -> dict[str, float]:
        """One step of learning on a batch; ``initialise`` must have been called when ``wants_codebooks`` says so."""
        self.model.train()
        mel = mel.to(self.device)
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate(progress) * group["scale"]
        loss, figures = self.loss(mel, progress)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.schedule.gradient_norm)
        optimiser.step()
        self.steps += 1
        return figures

    @torch.no_grad()
    def _wanted(self, mel: Tensor, codes: Tensor, sources: Tensor) -> Tensor:
        """What segments of such sources should sound like: themselves, but for those with another's fine levels.

        No recording says how a swap sounds. In dB the levels nearly add up, so it is what the decoder makes of the own
        coarse levels, and on top what the other recording has above its coarse levels.
        """
        which = swapped_items(sources).nonzero()[:, 0]
        if not len(which):
            return mel
        others = sources[which, -1]
        own = sources[which] == which[:, None]
        coarse = torch.cat([torch.where(own, item[:, None], -1) for item in (which, others)])
        vectors = self.model.quantizer.sums(codes, coarse)
        ours, theirs = self.model.decoder(from_positions(vectors, self.model.config.grid.rows)).chunk(2)
        wanted = mel.clone()
        wanted[which] = (ours + mel[others] - theirs)[..., : mel.shape[-1]].clamp_min(self.model.config.floor_db)
        return wanted

    @torch.no_grad()
    def held_out_error(self, mels: Sequence[Tensor]) -> dict[str, float]:
        """Mean absolute error in dB on recordings ``[n_mels, frames]`` that were not trained on.

        Returns ``mel_dB`` (each recording counts the same, through the codes once there are any) and ``silence_dB``,
        what an answer of silence would score.
        """
        config, was_training = self.model.config, self.model.training
        self.model.eval()
        errors, silence = [], []
        for mel in mels:
            whole = mel[None, None].to(self.device)
            recon = self.model(whole)[0] if self.has_codebooks else self.model.autoencode(whole)
            errors.append((recon.clamp_min(config.floor_db) - whole).abs().mean().item())
            silence.append((mel - config.floor_db).abs().mean().item())
        self.model.train(was_training)
        return {"mel_dB": sum(errors) / len(errors), "silence_dB": sum(silence) / len(silence)}

    def health(self) -> tuple[LevelHealth, ...]:
        """How the codes were used since the last call."""
        health = self.usage.health()
        self.usage.clear()
        return health


def latent_count(mels: Sequence[Tensor], rows: int, frames_per_column: int) -> int:
    """Training vectors that recordings ``[n_mels, frames]`` give: what ``get_adaptive_vqvae_config`` asks for."""
    return sum(rows * -(-mel.shape[-1] // frames_per_column) for mel in mels)


def training_batches(mels: Sequence[Tensor], config: BatchConfig, seed: int) -> Callable[[int], Tensor]:
    """The batches of a run on recordings ``[n_mels, frames]``: a function of their number, ``[B, 1, n_mels, frames]``.

    >>> training_batches([torch.zeros(128, 300)], BatchConfig(size=2), seed=0)(5).shape
    torch.Size([2, 1, 128, 192])
    """
    source = TrainingBatches([mel.numpy() for mel in mels], config, seed)
    return lambda number: torch.from_numpy(source.draw(number)).unsqueeze(1)


def train_steps(
    objective: CodecObjective, mels: Sequence[Tensor], steps: int, batches: BatchConfig, seed: int
) -> Iterator[dict[str, float]]:
    """A whole run of ``steps`` steps on recordings ``[n_mels, frames]``, yielding each step's figures.

    The smallest loop there is; ``training`` has the one with budgets, checkpoints and progress.
    """
    torch.manual_seed(seed)  # dead codes are replaced at random
    source = training_batches(mels, batches, seed)
    objective.prepare(mels)
    optimiser = objective.optimiser()
    for number in range(steps):
        if objective.wants_codebooks(number / steps):
            objective.initialise(mels, seed, batches)
        yield objective.step(optimiser, source(number), number / steps)
