"""A room: a feedback delay network of eight lines (Jot, 1991) behind two stages of feed-forward diffusion.

::

    in - spread to 8 - diffuse - diffuse - (+) - lines - damp - decay -+- 8 to out
                                            |                          |
                                            +---- Hadamard matrix -----+

No line is shorter than a block of 512 samples at 44.1 kHz, so a block is a handful of array operations; a longer one
goes through in pieces. A new size fades from the old taps to the new ones. Render thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from distill_live.audio.smoothing import LinearGlide, OnePoleGlide
from distill_live.effects.base import Block, SplitEffect, State
from distill_live.effects.buffers import History, glide_state, load_glide
from distill_live.params import Param

SIZE: Final = Param(
    "fx.reverb.size",
    "Reverb size",
    "fx.reverb",
    default=0.5,
    smoothing_ms=100.0,
    help="From a small room that is soon quiet to a hall that rings for twelve seconds.",
)
DAMPING: Final = Param(
    "fx.reverb.damping",
    "Reverb damping",
    "fx.reverb",
    default=0.5,
    smoothing_ms=20.0,
    help="How much sooner the high dies away than the low.",
)
MIX: Final = Param(
    "fx.reverb.mix",
    "Reverb mix",
    "fx.reverb",
    default=0.0,
    smoothing_ms=20.0,
    help="From the sound alone (0) to the room alone (1).",
)
LINES: Final = 8
_LINE_MS: Final = np.array([37.3, 41.9, 47.7, 53.3, 59.9, 67.1, 74.3, 82.7])  # at full size, ratios far from simple
_SMALLEST: Final = 0.4  # of these at size 0
_DIFFUSER_MS: Final = (
    np.array([0.9, 2.3, 3.1, 4.7, 5.9, 7.3, 8.3, 9.7]),
    np.array([13.7, 4.1, 11.3, 2.9, 17.9, 8.9, 19.3, 6.7]),
)
_DECAY_S: Final = (0.4, 12.0)  # time to -60 dB at size 0 and 1
_LEVEL: Final = np.float32(0.4)


class Reverb(SplitEffect):
    """Line ``i`` hears channel ``i mod C`` and is heard on it, so both sides of a mono sound differ.

    While its mix rests at 0 it costs nothing and remembers nothing.

    >>> dry = Reverb()
    >>> block = np.ones((2, 4), np.float32)
    >>> dry.process(block) is block
    True
    """

    name: ClassVar[str] = "reverb"
    params = (SIZE, DAMPING, MIX)

    def build(self) -> None:
        matrix = np.array([[1.0]])
        while len(matrix) < LINES:
            matrix = np.block([[matrix, matrix], [matrix, -matrix]])
        self._hadamard = (matrix / np.sqrt(LINES)).astype(np.float32)
        self._lines = History(LINES, self._taps(1.0).max() + 2, self.max_block)
        self._diffuser_taps = [np.rint(ms * 1e-3 * self.sample_rate).astype(int) for ms in _DIFFUSER_MS]
        self._diffusers = [History(LINES, int(t.max()) + self.max_block, self.max_block) for t in self._diffuser_taps]
        self._damping = OnePoleGlide(self.number(DAMPING), DAMPING.smoothing_ms, self.sample_rate)
        self._mix = OnePoleGlide(self.number(MIX), MIX.smoothing_ms, self.sample_rate)
        self._send = LinearGlide(1.0, MIX.smoothing_ms, self.sample_rate)  # an empty room lets the sound in by and by
        self._fade = LinearGlide(1.0, SIZE.smoothing_ms, self.sample_rate)  # from the old size to the new one
        self._size = self._old_size = self.number(SIZE)
        self._clean = True

    def changed(self) -> None:
        self._damping.set(self.number(DAMPING))
        self._mix.set(self.number(MIX))

    def render(self, block: Block) -> Block:
        if self._mix.settled and self._mix.value == 0.0:
            self._rest()
            return block
        self._clean = False
        room = np.empty_like(block)
        done = 0
        while done < block.shape[1]:
            self._turn_size()
            stop = min(block.shape[1], done + self._piece_samples())
            room[:, done:stop] = self._piece(block[:, done:stop])
            done = stop
        return block + self._mix.block(block.shape[1]) * (room - block)

    def reset(self) -> None:
        self._clear()
        self._damping.jump(self.number(DAMPING))
        self._mix.jump(self.number(MIX))
        self._send.jump(1.0)
        self._jump_size()

    def state(self) -> State:
        lines = {str(n): history.state() for n, history in enumerate(self._histories())}
        glides = {str(n): glide_state(glide) for n, glide in enumerate(self._glides())}
        own = {"size": self._size, "old_size": self._old_size, "clean": self._clean}
        return {**super().state(), **own, "lines": lines, "glides": glides}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        for n, history in enumerate(self._histories()):
            history.load_state(state["lines"][str(n)])
        for n, glide in enumerate(self._glides()):
            load_glide(glide, state["glides"][str(n)])
        self._size, self._old_size, self._clean = state["size"], state["old_size"], state["clean"]

    # ------------------------------------------------------------------ the room

    def _piece(self, block: Block) -> Block:
        """The room's sound over a piece that is shorter than every line."""
        samples = block.shape[1]
        rung = self._ring(samples)
        heard = self._diffused(self._send.block(samples) * block)
        self._lines.append(heard + self._hadamard @ rung)
        channels = len(block)
        out = np.zeros_like(block)
        for line in range(max(LINES, channels)):
            out[line % channels] += rung[line % LINES]
        return out * (_LEVEL * np.float32(min(channels, LINES) ** 0.5))

    def _ring(self, samples: int) -> Block:
        """What comes out of the lines, damped and decayed, ``[8, samples]``."""
        dark = self._damping.block(samples) * np.float32(0.5)
        rung = self._tapped(self._size, samples, dark)
        if self._fade.settled:
            return rung
        fade = self._fade.block(samples)
        old = self._tapped(self._old_size, samples, dark)
        return old + fade * (rung - old)

    def _tapped(self, size: float, samples: int, dark: Block) -> Block:
        taps = self._taps(size)
        past = np.stack([self._lines.back(n, int(tap) + 1, samples + 2) for n, tap in enumerate(taps)])
        middle = past[:, 1:-1]
        damped = middle + dark * (np.float32(0.5) * (past[:, :-2] + past[:, 2:]) - middle)
        decay_samples = _DECAY_S[0] * (_DECAY_S[1] / _DECAY_S[0]) ** size * self.sample_rate
        gains = (10.0 ** (-3.0 * taps / decay_samples)).astype(np.float32)
        kept: Block = damped * gains[:, None]
        return kept

    def _diffused(self, block: Block) -> Block:
        sound = np.resize(block, (LINES, block.shape[1])) if len(block) <= LINES else _folded(block)
        for taps, history in zip(self._diffuser_taps, self._diffusers, strict=True):
            history.append(sound)
            samples = sound.shape[1]
            late = np.stack([history.back(n, int(tap) + samples, samples) for n, tap in enumerate(taps)])
            sound = self._hadamard @ late
        return sound

    # ------------------------------------------------------------------ its size

    def _taps(self, size: float) -> Any:
        """Lengths of the lines in samples, int ``[8]``."""
        return np.rint(_LINE_MS * (_SMALLEST + (1.0 - _SMALLEST) * size) * 1e-3 * self.sample_rate).astype(int)

    def _piece_samples(self) -> int:
        return int(self._taps(min(self._size, self._old_size))[0]) - 1

    def _turn_size(self) -> None:
        if not self._fade.settled:
            return
        self._old_size = self._size
        if self._size != self.number(SIZE):
            self._size = self.number(SIZE)
            self._fade.jump(0.0)
            self._fade.set(1.0)

    def _jump_size(self) -> None:
        self._size = self._old_size = self.number(SIZE)
        self._fade.jump(1.0)

    # ------------------------------------------------------------------ its memory

    def _rest(self) -> None:
        """Nothing rings on unheard, to be let out when the mix is turned up again."""
        self._clear()
        self._damping.jump(self.number(DAMPING))
        self._send.jump(0.0)
        self._send.set(1.0)
        self._jump_size()

    def _clear(self) -> None:
        if not self._clean:
            for history in self._histories():
                history.clear()
        self._clean = True

    def _histories(self) -> list[History]:
        return [self._lines, *self._diffusers]

    def _glides(self) -> list[LinearGlide | OnePoleGlide]:
        return [self._damping, self._mix, self._send, self._fade]


def _folded(block: Block) -> Block:
    """More channels than lines: those that share a line are added."""
    rows = np.zeros((LINES, block.shape[1]), np.float32)
    for channel, sound in enumerate(block):
        rows[channel % LINES] += sound
    return rows
