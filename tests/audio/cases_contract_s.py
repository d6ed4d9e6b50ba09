"""The audio room's processes under contract S: the log-mel and overlap-add."""

from __future__ import annotations

import numpy as np

from distill_live.audio.mel import MelConfig, StreamingLogMel
from distill_live.audio.overlap import OverlapAdd
from tests.contract_s import StreamingCase


def noise(*shape: int) -> np.ndarray:
    return (0.2 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


CASES = (
    StreamingCase(make=lambda: StreamingLogMel(MelConfig()), signal=lambda: noise(512 * 40)),
    StreamingCase(make=lambda: OverlapAdd(length=2048, hop=512), signal=lambda: noise(24, 2048), in_axis=0),
)
