"""A resonant filter: low-pass, band-pass or high-pass, 12 dB an octave; off, it is the very input. Render thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import LinearGlide, OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import glide_state, load_glide
from distill_live.effects.statevariable import SEGMENT, Doubles, StateVariable, Tables, make_tables
from distill_live.params import Param

MODES: Final = ("off", "low-pass", "band-pass", "high-pass")
MODE: Final = Param(
    "fx.filter.mode",
    "Filter",
    "fx.filter",
    kind="enum",
    labels=MODES,
    smoothing_ms=30.0,
    help="What the filter lets through: everything, the low, a band, or the high.",
)
CUTOFF: Final = Param(
    "fx.filter.cutoff",
    "Filter cutoff",
    "fx.filter",
    low=20.0,
    high=18000.0,
    default=1000.0,
    unit="Hz",
    curve="log",
    smoothing_ms=30.0,
    help="Where the filter begins to take away, or the middle of its band.",
)
RESONANCE: Final = Param(
    "fx.filter.resonance",
    "Filter resonance",
    "fx.filter",
    default=0.1,
    smoothing_ms=30.0,
    help="How much the filter sings at its cutoff.",
)
_CALM_Q: Final = 2.0**-0.5  # no bump at all
_SINGING: Final = 20.0  # times that at full resonance: 23 dB at the cutoff


class Filter(SplitEffect):
    """Low, band and high come from one state, so that changing the mode is a cross-fade and nothing starts anew.

    >>> calm = Filter()
    >>> block = np.ones((2, 4), np.float32)
    >>> calm.process(block) is block
    True
    """

    name: ClassVar[str] = "filter"
    params = (MODE, CUTOFF, RESONANCE)

    def build(self) -> None:
        self._octave = OnePoleGlide(self._octaves(), CUTOFF.smoothing_ms, self.sample_rate)
        self._resonance = OnePoleGlide(self.number(RESONANCE), RESONANCE.smoothing_ms, self.sample_rate)
        self._shares = [LinearGlide(share, MODE.smoothing_ms, self.sample_rate) for share in self._wanted()]
        self._core = StateVariable()
        self._tables: tuple[tuple[float, float], Tables] | None = None  # of the settings that stand still

    def changed(self) -> None:
        self._octave.set(self._octaves())
        self._resonance.set(self.number(RESONANCE))
        for glide, share in zip(self._shares, self._wanted(), strict=True):
            glide.set(share)

    def render(self, block: Block) -> Block:
        if self._shares[0].settled and self._shares[0].value == 1.0:
            return self._rest(block)
        damping, tables = self._coefficients(block.shape[1])
        band, low = self._core.run(block, tables)
        band *= damping
        out = np.zeros(block.shape)
        sounds: tuple[Doubles, ...] = (block.astype(np.float64), low, band, block - band - low)
        for glide, sound in zip(self._shares, sounds, strict=True):
            if not glide.settled or glide.value:
                out += glide.block(block.shape[1]) * sound
        return out.astype(np.float32)

    def reset(self) -> None:
        self._core.clear()
        self._octave.jump(self._octaves())
        self._resonance.jump(self.number(RESONANCE))
        for glide, share in zip(self._shares, self._wanted(), strict=True):
            glide.jump(share)

    def state(self) -> State:
        glides = {str(n): glide_state(glide) for n, glide in enumerate(self._glides())}
        return {**super().state(), "past": self._core.past.copy(), "glides": glides}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._core.past = np.array(state["past"])
        for n, glide in enumerate(self._glides()):
            load_glide(glide, state["glides"][str(n)])

    def _rest(self, block: Block) -> Block:
        """Off: nothing rings on unheard, to be let out when the filter is switched on again."""
        self._core.clear()
        if not (self._octave.settled and self._resonance.settled):
            self._octave.jump(self._octaves())
            self._resonance.jump(self.number(RESONANCE))
        return block

    def _coefficients(self, samples: int) -> tuple[Doubles | float, Tables]:
        """``1 / Q`` for each sample (or for all), and the tables of the segments."""
        settled = self._octave.settled and self._resonance.settled
        if settled:
            here = (self._octave.value, self._resonance.value)
            if self._tables is None or self._tables[0] != here:
                self._tables = (here, make_tables(self._g(np.array([here[0]])), _damping(np.array([here[1]]))))
            return float(_damping(np.array([here[1]]))[0]), self._tables[1]
        octaves = self._octave.block(samples).astype(np.float64)[::SEGMENT]
        dampings = _damping(self._resonance.block(samples).astype(np.float64))
        return dampings, make_tables(self._g(octaves), dampings[::SEGMENT])

    def _g(self, octaves: Doubles) -> Doubles:
        g: Doubles = np.tan(np.pi * np.exp2(octaves) / self.sample_rate)
        return g

    def _octaves(self) -> float:
        return float(np.log2(min(self.number(CUTOFF), 0.45 * self.sample_rate)))

    def _wanted(self) -> list[float]:
        return [float(self.values[MODE.id] == mode) for mode in MODES]

    def _glides(self) -> list[LinearGlide | OnePoleGlide]:
        return [self._octave, self._resonance, *self._shares]


def _damping(resonance: Doubles) -> Doubles:
    damping: Doubles = np.power(_SINGING, -resonance) / _CALM_Q
    return damping
