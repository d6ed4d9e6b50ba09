"""Griffin-Lim over a whole spectrogram (torchaudio's, fast variant): the offline reference, never in the live path.

The only module that imports torchaudio; the engine does not import this one. Any thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torchaudio.transforms import GriffinLim

from distill_live.audio.mel import MelConfig
from distill_live.vocoder.fft import Floats
from distill_live.vocoder.magnitude import MelToMagnitude

_SEED: Final = 0


@dataclass(frozen=True)
class GriffinLimConfig:
    """How the reference works.

    Attributes:
        mel: of the log-mel that comes in.
        iterations: rounds over the whole signal.
        momentum: 0 for the plain algorithm, below 1 for the fast one.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    iterations: int = 32
    momentum: float = 0.99

    def __post_init__(self) -> None:
        assert self.iterations >= 1, self
        assert 0.0 <= self.momentum < 1.0, self


class GriffinLimReference:
    """Log-mel or linear magnitudes to sound, all at once; the same bits for the same input.

    >>> reference = GriffinLimReference(GriffinLimConfig(iterations=1))
    >>> reference.from_mel(np.full((128, 3), -100, np.float32)).shape
    (1536,)
    """

    def __init__(self, config: GriffinLimConfig) -> None:
        self.config = config
        self._magnitude = MelToMagnitude(config.mel)
        self._griffin_lim = GriffinLim(
            n_fft=config.mel.n_fft,
            hop_length=config.mel.hop,
            n_iter=config.iterations,
            momentum=config.momentum,
            power=1.0,
        )

    def from_mel(self, log_mel_db: Floats) -> Floats:
        """Log-mel dB ``[n_mels, n]`` to sound float32 ``[n * hop]``; sample ``j * hop`` is frame ``j``'s centre."""
        return self.from_magnitude(self._magnitude(log_mel_db))

    def from_magnitude(self, magnitude: Floats) -> Floats:
        """Magnitudes ``[bins, n]`` (1.0: peak of a full-scale sine) to sound float32 ``[n * hop]``."""
        peak = self.config.mel.n_fft / 4.0
        one_more = np.concatenate([magnitude, magnitude[:, -1:]], axis=1)  # n + 1 centres enclose n hops
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(_SEED)
            sound: Floats = self._griffin_lim(torch.from_numpy(one_more * np.float32(peak))).numpy()
        return sound
