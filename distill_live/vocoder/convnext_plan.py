"""What the ConvNeXt vocoder is made of, and how it begins: one description, from which both of its forms are built.

::

    log-mel dB --> scaled --> Embed --> Block x depth --> Norm --> Head --> per bin: r, a + ib
        |
        +--> MelToMagnitude --> M ----------------+
                                                  v
    frame j:   Y = M e^r,   phase of  (look + Y (a + ib)),   inverse STFT, overlap-add --> a hop
                                         ^                          |
                                         +---- what earlier frames -+   and, `rounds` times, what the
                                               say of this one          next frame would answer

The blocks are those of ConvNeXt (Liu et al., CVPR 2022), causal in time; that the head gives magnitude and phase of
every bin for an inverse STFT is the design of Vocos (Siuzdak, ICLR 2024). What is ours: the magnitude is a correction
of the one that the mel gives anyway, and the phase a correction of the one that the sound so far implies (the first
look of RTISI-LA): a tone goes on by itself, and the network has to say only what is new. No rounds of projection.

``convnext.py`` builds torch modules from it, for training; ``convnext_live.py`` builds plain numpy, for playing. Knows
nothing of either. Frozen values: any thread.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.mel import MelConfig
from distill_live.errors import DistillError
from distill_live.vocoder.istft import check_frames

Floats = npt.NDArray[np.float32]

KERNEL: Final = 7  # frames that a convolution hears
EXPANSION: Final = 3  # a block's inner width, in widths
PARTS: Final = 3  # numbers that the head gives for each bin: r, a, b
DB_PER_UNIT: Final = 25.0  # the network hears (dB - floor) / 25: 0 is silence, 4 is full scale
RESIDUAL_RANGE: Final = (-3.0, 1.5)  # of r: -26 to +13 dB, and no wild network can be louder
SOFT: Final = 0.01  # where look and correction cancel to less than 1 %, the bin is quieter instead of of any phase
TINY_POWER: Final = 1e-14  # -140 dB
EPSILON: Final = 1e-5  # of LayerNorm
WIDTHS: Final = (8, 1024)
DEPTHS: Final = (1, 24)
LOOK_AHEADS: Final = (0, 4)
ROUNDS: Final = (0, 8)
_RANGES: Final = {"width": WIDTHS, "depth": DEPTHS, "look_ahead": LOOK_AHEADS, "rounds": ROUNDS}
_FIRST_SCALE: Final = 0.01
_ONSET_SHARE: Final = 0.02
_PHASE_SEED: Final = 2007


@dataclass(frozen=True)
class ConvNextConfig:
    """What the vocoder is made of.

    Attributes:
        sample_rate, n_fft, hop, n_mels, floor_db: of the log-mel that comes in (see ``MelConfig``).
        width: features of a frame, 8 to 1024.
        depth: blocks, 1 to 24.
        look_ahead: frames waited for before one is made into sound, 0 to 4; each delays the sound by a hop.
        rounds: how often a frame is looked at again with the next one beside it, 0 to 8; needs a look-ahead.

    Raises:
        DistillError: a number out of its range.

    >>> ConvNextConfig().latency_samples, ConvNextConfig(look_ahead=0, rounds=0).latency_samples
    (1536, 1024)
    """

    sample_rate: int = 48000
    n_fft: int = 2048
    hop: int = 512
    n_mels: int = 128
    floor_db: float = -100.0
    width: int = 128
    depth: int = 4
    look_ahead: int = 1
    rounds: int = 2

    def __post_init__(self) -> None:
        for name, legal in _RANGES.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)  # a file may hold anything
            if not whole or not legal[0] <= value <= legal[1]:
                fix = f"use a whole number from {legal[0]} to {legal[1]}"
                raise DistillError(f"{name} cannot be {value!r}", fix=fix)

        if self.rounds and not self.look_ahead:
            raise DistillError(f"{self.rounds} rounds need the next frame", fix="use look_ahead 1, or rounds 0")
        check_frames(self.n_fft, self.hop)

    @property
    def mel(self) -> MelConfig:
        return MelConfig(self.sample_rate, self.n_fft, self.hop, self.n_mels, self.floor_db)

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def latency_samples(self) -> int:
        return self.look_ahead * self.hop + self.n_fft // 2

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def first_head(config: ConvNextConfig) -> tuple[Floats, Floats]:
    """How the head begins: weights ``[3 * bins, width]`` and biases ``[3 * bins]``.

    Feature ``d`` is a pulse at one of ``width`` places in the frame's middle half, so a stroke can be said in one
    number; the bias gives a sound that begins from nothing some phase, the same in every life.
    """
    at = config.n_fft * (0.25 + 0.5 * (np.arange(config.width) + 0.5) / config.width)
    angle = 2.0 * np.pi * np.arange(config.bins)[:, None] * at / config.n_fft
    pulses = np.concatenate([np.zeros_like(angle), np.cos(angle), -np.sin(angle)])
    turns = 2.0 * np.pi * np.random.default_rng(_PHASE_SEED).random(config.bins)
    bias = np.concatenate([np.zeros(config.bins), np.cos(turns), np.sin(turns)])
    return (_FIRST_SCALE * pulses).astype(np.float32), (_ONSET_SHARE * bias).astype(np.float32)
