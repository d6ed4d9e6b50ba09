"""The codec as a task of the loop: batches, the moment of the codebooks, validation, and everything to resume from.

The objective (``codec.objective``) says how a codec learns; this says on what and in which portions. Knows nothing of
files or clocks. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from distill_live.audio.batches import BatchConfig
from distill_live.codec.health import code_health
from distill_live.codec.model import ConvVQVAE
from distill_live.codec.objective import CodecObjective, training_batches
from distill_live.codec.schedule import CodecSchedule
from distill_live.training.checkpoint import (
    Snapshot,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from distill_live.training.loop import Validation

FEWEST_STEPS: Final = 20  # of an epoch: a validation and a checkpoint must not cost more than what they follow
MOST_STEPS: Final = 100
MOST_JUDGED_FRAMES: Final = 12_000  # about two minutes of held-out sound say enough

BATCHES: Final = BatchConfig()

_NEVER: Final = 1 << 60


class CodecTask:
    """Trains ``model`` on log-mels.

    Args:
        model: fresh, or to be restored.
        mels: what is learned from, each ``[n_mels, frames]`` in dB.
        judged: what is held out; when there is nothing, the training mels themselves.
        seed: of batches, codebooks and the replacement of dead codes.
        fresh: it knows nothing yet and is fitted to the mels here; False where it begins as another model.
        schedule: None for the usual one.
    """

    name = "codec"
    unit = "dB"

    def __init__(
        self,
        model: ConvVQVAE,
        mels: Sequence[Tensor],
        judged: Sequence[Tensor],
        seed: int,
        fresh: bool = True,
        schedule: CodecSchedule | None = None,
    ) -> None:
        self.model, self.mels, self.seed = model, list(mels), seed
        self.judged = _first_frames(judged or mels, MOST_JUDGED_FRAMES)
        self.objective = CodecObjective(model, schedule)
        if fresh:
            self.objective.prepare(self.mels)
        self.optimizer = self.objective.optimiser()
        self.batch = training_batches(self.mels, BATCHES, seed)
        self.codebooks_at = _NEVER
        self.steps_per_epoch = steps_per_epoch(sum(mel.shape[-1] for mel in self.mels), BATCHES)
        self.rank, self.size = 0, 1

    @property
    def module(self) -> ConvVQVAE:
        return self.model

    def take_share(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def train_step(self, step: int, progress: float) -> float:
        if self.objective.wants_codebooks(progress):
            self.set_codebooks(step)
        device = self.objective.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed * 1_000_003 + step)  # dead codes are replaced at random
            figures = self.objective.step(self.optimizer, self.batch(step * self.size + self.rank), progress)
        return figures["loss"]

    def set_codebooks(self, step: int) -> None:
        """Let there be codes from ``step`` on, from all recordings."""
        self.objective.initialise(self.mels, self.seed, BATCHES)
        self.codebooks_at = step

    def validate(self) -> Validation:
        figures = self.objective.held_out_error(self.judged)
        health = tuple(level.to_json() for level in self.objective.health()) if self.objective.has_codebooks else ()
        return Validation(figures["mel_dB"], health, {"silence": round(figures["silence_dB"], 3)})

    def comparable_from(self) -> int:
        return self.codebooks_at

    def converged(self, held_out: list[float]) -> bool:  # its schedule ends with its time, not before
        return False

    def corpus_health(self) -> list[dict[str, Any]]:
        """How whole recordings, as they are, use the codebooks: what the model file says."""
        self.model.eval()
        with torch.no_grad():
            mels = [mel[None, None].to(self.objective.device) for mel in _first_frames(self.mels, 60_000)]
            codes = [self.model(mel)[1].flatten(0, 1).cpu() for mel in mels]
        config = self.model.config
        return [level.to_json() for level in code_health(torch.cat(codes), config.names, config.codebook_size)]

    def snapshot(self) -> Snapshot:
        tensors = {
            **module_state(self.model, "model"),
            **optimizer_state(self.optimizer, "optimizer"),
        }
        return Snapshot(tensors, {"codebooks_at": self.codebooks_at, "steps": self.objective.steps})

    def restore(self, snapshot: Snapshot) -> None:
        load_module(self.model, snapshot.part("model"))
        load_optimizer(self.optimizer, snapshot.part("optimizer"))
        self.codebooks_at = int(snapshot.values["codebooks_at"])
        self.objective.steps = int(snapshot.values["steps"])


def steps_per_epoch(frames: int, batches: BatchConfig) -> int:
    """Steps that hear as much as the corpus holds, but no fewer than 20 and no more than 100.

    >>> [steps_per_epoch(frames, BatchConfig(size=16)) for frames in (6_000, 150_000)]
    [20, 49]
    """
    return min(MOST_STEPS, max(FEWEST_STEPS, -(-frames // batches.frames)))


def _first_frames(mels: Sequence[Tensor], frames: int) -> list[Tensor]:
    """Recordings, in their order, until they hold about so many frames; each cut to a fair share of them."""
    share = max(1000, frames // max(1, len(mels)))
    chosen: list[Tensor] = []
    for mel in mels:
        if sum(m.shape[-1] for m in chosen) >= frames:
            break
        chosen.append(mel[:, :share])
    return chosen
