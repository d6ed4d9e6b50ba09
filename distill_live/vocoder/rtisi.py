"""Streaming phase reconstruction with look-ahead: RTISI-LA (Zhu, Beauregard and Wyse, IEEE TASLP 15(5), 2007).

The newest ``look_ahead + 1`` frames are iterated together, over what the committed frames before them have left::

    committed   ...--------.
                     ...--------.               one frame is committed per step:
    pending              [ oldest ]             its hop can no longer change
                              [ ........ ]
                                   [ ... newest ]   begins with the phases of what the others say of it

What is ours: the newest frame is first analysed with a Hann window that ends where the other frames end; the
projections are accelerated as in fast Griffin-Lim (Perraudin, Balazs and Sondergaard, WASPAA 2013); and a pending
frame keeps its phases when its magnitudes are revised, so an edit lands at the next hop.

Each round costs 0.06 to 0.13 ms with 3 frames ahead, most of it two transforms of four frames. On noise, frames that
disagree leave a ripple at the hop's rate: samples at the edges of hops are 10, 7 and 5 % louder than those between
them after 4, 6 and 8 rounds. Hence 8, and fewer under load.

The state is a value and the instance holds constants alone; called by the render loop or offline.
numpy only: a transform of four frames takes as long as in torch, without torch's threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from distill_live.audio.mel import MelConfig
from distill_live.errors import DistillError
from distill_live.streaming import Streaming
from distill_live.vocoder.fft import Floats, Spectra, rfft_rows
from distill_live.vocoder.istft import FrameTransform, check_frames, first_look_window
from distill_live.vocoder.magnitude import MelToMagnitude

LOOK_AHEAD_RANGE: Final = (1, 4)
ITERATIONS_RANGE: Final = (0, 16)
_MOMENTUM: Final = np.float32(0.99)
_PULL: Final = _MOMENTUM / (1 + _MOMENTUM)
_ONE: Final = np.float32(1.0)
_TINY: Final = np.float32(1e-30)
_KEEP: Final = np.float32(1e-7)  # -140 dB: where a bin has no phase of its own, it keeps the one it had
_PHASE_SEED: Final = 2007


@dataclass(frozen=True)
class RtisiConfig:
    """What the vocoder is made of: the mel's numbers, and how hard it works.

    Attributes:
        sample_rate, n_fft, hop, n_mels, floor_db: of the log-mel that comes in (see ``MelConfig``).
        look_ahead: frames waited for before one is committed, 1 to 4; each delays the sound by a hop.
        iterations: rounds of projection per hop, 0 to 16; each costs about 0.07 ms with 3 frames ahead.

    Raises:
        DistillError: a number out of its range.

    >>> RtisiConfig().latency_samples
    2560
    """

    sample_rate: int = 48000
    n_fft: int = 2048
    hop: int = 512
    n_mels: int = 128
    floor_db: float = -100.0
    look_ahead: int = 3
    iterations: int = 8

    def __post_init__(self) -> None:
        _check("look_ahead", self.look_ahead, LOOK_AHEAD_RANGE)
        _check("iterations", self.iterations, ITERATIONS_RANGE)
        check_frames(self.n_fft, self.hop)

    @property
    def mel(self) -> MelConfig:
        return MelConfig(self.sample_rate, self.n_fft, self.hop, self.n_mels, self.floor_db)

    @property
    def latency_samples(self) -> int:
        return self.look_ahead * self.hop + self.n_fft // 2


@dataclass(frozen=True)
class RtisiState:
    """Everything the vocoder remembers; its arrays are never modified.

    Attributes:
        magnitudes: float32 ``[look_ahead, bins]`` of the pending frames, oldest first.
        phasors: complex64 ``[look_ahead, bins]``, of length 1: their phases so far.
        tail: float32 ``[n_fft - hop]``: what committed frames leave over the oldest pending one.
        begun: float32 ``[n_fft - hop + look_ahead * hop]``: the pending frames' sound on top of it, so far.
    """

    magnitudes: Floats
    phasors: Spectra
    tail: Floats
    begun: Floats


class RtisiLa(Streaming[Floats, Floats, RtisiState]):
    """Log-mel frames in, as many hops of sound out, under contract S.

    ``step`` lags ``latency`` samples behind ``forward``, whose sample ``j * hop`` is the centre of frame ``j``.
    Step by step, in steps of any number of frames, and ``forward`` are bit-identical.

    >>> vocoder = RtisiLa(RtisiConfig())
    >>> hops, state = vocoder.step(np.full((128, 2), -100, np.float32), vocoder.initial_state())
    >>> hops.shape, float(abs(hops).max()), vocoder.latency
    ((1024,), 0.0, 2560)
    """

    def __init__(self, config: RtisiConfig) -> None:
        self.config = config
        self.block = 1
        self.latency = config.latency_samples
        self._magnitude = MelToMagnitude(config.mel)
        self._transform = FrameTransform(config.n_fft, config.hop)
        self._first_look = first_look_window(config.n_fft, config.hop)
        turns = np.random.default_rng(_PHASE_SEED).random(self._transform.bins)
        self._any_phase: Spectra = np.exp(2j * np.pi * turns).astype(np.complex64)
        self._least: Spectra = _KEEP * self._any_phase
        self._warm_up()

    def initial_state(self) -> RtisiState:
        pending = (self.config.look_ahead, self._transform.bins)
        tail = self.config.n_fft - self.config.hop
        return RtisiState(
            magnitudes=np.zeros(pending, np.float32),
            phasors=np.tile(self._any_phase, (pending[0], 1)),
            tail=np.zeros(tail, np.float32),
            begun=np.zeros(tail + pending[0] * self.config.hop, np.float32),
        )

    def step(self, x: Floats, state: RtisiState, iterations: int | None = None) -> tuple[Floats, RtisiState]:
        """Take frames in and commit as many.

        Args:
            x: log-mel dB ``[n_mels, n]``; what is not finite counts as the floor.
            state: after the frame before.
            iterations: rounds for this step alone (0 to 16), instead of the configured ones.

        Returns:
            Sound float32 ``[n * hop]``, and the state after it.
        """
        parts: list[Floats] = []
        for frame in range(x.shape[1]):  # one by one: a whole spectrogram's magnitudes are too many to keep
            hop, state = self.take(self.magnitudes(x[:, frame : frame + 1]), state, iterations)
            parts.append(hop)
        return np.concatenate(parts) if parts else np.empty(0, np.float32), state

    def magnitudes(self, x: Floats) -> Floats:
        """The first half of ``step``: log-mel dB ``[n_mels, n]`` to magnitudes ``[n, bins]``.

        Several at once cost little more than one. What is not finite counts as the floor.
        """
        return self._magnitude.rows(x.T)

    def take(self, magnitudes: Floats, state: RtisiState, iterations: int | None = None) -> tuple[Floats, RtisiState]:
        """The second half of ``step``: magnitudes ``[n, bins]`` in, as many hops out."""
        rounds = self.config.iterations if iterations is None else iterations
        hops = np.empty((len(magnitudes), self.config.hop), np.float32)
        for frame in range(len(magnitudes)):
            hops[frame], state = self._commit(magnitudes[frame : frame + 1], state, rounds)
        return hops.reshape(-1), state

    def revise(self, state: RtisiState, magnitudes: Floats) -> RtisiState:
        """Replace the frames that are in but not yet committed; what was given back already stays.

        Args:
            state: as ``step`` returned it.
            magnitudes: float32 ``[look_ahead, bins]``, oldest first; kept, not copied. The same change nothing.
        """
        ahead = self.config.look_ahead
        assert len(magnitudes) == ahead, f"{ahead} frames are pending, not {len(magnitudes)}"
        begun = self._transform.signal(magnitudes * state.phasors, state.tail)
        return RtisiState(magnitudes, state.phasors, state.tail, begun)

    def forward(self, x: Floats) -> Floats:
        """A whole log-mel ``[n_mels, n]`` to sound float32 ``[n * hop]`` without delay; after its end is silence."""
        frames_late = self.latency // self.config.hop
        silence = np.full((len(x), frames_late), self.config.floor_db, np.float32)
        sound, _ = self.step(np.concatenate([x, silence], axis=1), self.initial_state())
        return sound[self.latency :]

    def _commit(self, newest: Floats, state: RtisiState, iterations: int) -> tuple[Floats, RtisiState]:
        """Take the newest magnitudes ``[1, bins]`` in, finish the oldest pending frame: a hop, and the state after."""
        transform = self._transform
        first = self._first_phasors(state.begun)
        magnitudes = np.concatenate([state.magnitudes, newest])
        phasors = np.concatenate([state.phasors, first])
        if iterations:
            signal = transform.signal(newest * first, state.begun)
            phasors = self._project(signal, magnitudes, phasors, state.tail, iterations)
        frames = transform.synthesise(magnitudes * phasors)
        hop, tail = transform.finish(frames[:1], state.tail)
        return hop, RtisiState(magnitudes[1:], phasors[1:], tail, transform.laid(frames[1:], tail))

    def _first_phasors(self, pending: Floats) -> Spectra:
        """Phases ``[1, bins]`` of a frame that has just come in, from what the others say of its first three hops."""
        begun = np.zeros((1, self.config.n_fft), np.float32)
        np.multiply(pending[-len(self._first_look) :], self._first_look, out=begun[0, : len(self._first_look)])
        spectrum = rfft_rows(begun, np.empty((1, self._transform.bins), np.complex64))
        spectrum += self._least
        return _unit(spectrum)

    def _project(self, signal: Floats, magnitudes: Floats, phasors: Spectra, tail: Floats, iterations: int) -> Spectra:
        """Move the phases of all pending frames toward those of one signal, with momentum; ``signal`` is theirs now."""
        ahead = self._transform.analyse_signal(signal)
        if iterations > 1:
            project = self._transform.projection(len(magnitudes), tail)
            before, spectra = ahead.copy(), np.empty_like(ahead)
            lengths = np.empty_like(magnitudes)
            for _ in range(iterations - 1):
                project(np.multiply(ahead, _scale(magnitudes, ahead, lengths), out=ahead), spectra)
                pulled = before.view(np.float32)  # as plain numbers: half the time
                np.multiply(pulled, -_PULL, out=pulled)
                np.add(before, spectra, out=ahead)
                before, spectra = spectra, before
        phasors = _KEEP * phasors
        phasors += ahead
        return _unit(phasors)

    def _warm_up(self) -> None:
        """The first step of a life must not be slower than the others: plans and pages are taken here."""
        self.forward(np.zeros((self.config.n_mels, 2), np.float32))


def _unit(spectra: Spectra) -> Spectra:
    """Phasors of length 1 (0 where there is nothing), in place."""
    return np.multiply(spectra, _scale(_ONE, spectra), out=spectra)


def _scale(magnitudes: Floats | np.float32, spectra: Spectra, out: Floats | None = None) -> Floats:
    """What spectra must be multiplied with to have these magnitudes."""
    lengths: Floats = np.abs(spectra, out=out)
    lengths += _TINY
    return np.divide(magnitudes, lengths, out=lengths)


def _check(name: str, value: int, legal: tuple[int, int]) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)  # a model file may hold anything
    if not whole or not legal[0] <= value <= legal[1]:
        raise DistillError(f"{name} cannot be {value!r}", fix=f"use a whole number from {legal[0]} to {legal[1]}")
