"""When a codec's training does what. A frozen value without torch; any thread."""

from __future__ import annotations

from dataclasses import dataclass

from distill_live.errors import UsageError


@dataclass(frozen=True)
class CodecSchedule:
    """What a training run does when.

    Attributes:
        learning_rate: of AdamW, at its highest.
        last_share: of the learning rate that is left at the end of the cosine.
        autoencode_share: of the run, before there are codebooks.
        frozen_share: of the run, at its end, in which the codebooks stand still and only the networks learn.
        dropout_share: of the segments, that are decoded from some of their levels only, any of them, so that each level
            alone decodes.
        swap_share: of the segments, that are decoded with the fine levels of another segment (from a random level on),
            so that live swaps sound clean.
        gradient_norm: most that a step's gradient may have.
    """

    learning_rate: float = 2e-3
    last_share: float = 0.02
    autoencode_share: float = 0.25
    frozen_share: float = 0.0
    dropout_share: float = 0.15
    swap_share: float = 0.0
    gradient_norm: float = 1.0

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and 0 <= self.last_share <= 1 and self.gradient_norm > 0):
            raise UsageError(f"{self} cannot train", fix="use a positive learning rate and gradient norm")
        for name in ("autoencode_share", "frozen_share", "dropout_share", "swap_share"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} cannot be {getattr(self, name)}", fix="use 0 to 0.9")
        changed = self.dropout_share + self.swap_share
        if changed >= 1:
            raise UsageError(f"dropout_share and swap_share are {changed:g} together", fix="use 0 to 0.9")
