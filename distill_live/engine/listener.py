"""The live input: sound from the input's ring, as columns of codes, in step with the columns that are decoded.

::

    ring --one hop a block--> gain, gate, feedback guard --> log-mel frames --column by column--> encoder --> codes

A column of the input is complete exactly when the performance decodes its next one, so that it waits for nothing; when
the two have come apart (a stretched block, a rewind), frames are left out until they meet again. The codes leave as
events, so a take holds them and needs no sound to replay. The render thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from distill_live.audio.feedback import FeedbackGuard
from distill_live.audio.mel import StreamingLogMel
from distill_live.audio.meter import to_db
from distill_live.audio.ring import SharedRing
from distill_live.audio.smoothing import OnePoleGlide, equal_power_fades
from distill_live.codes.grid import Codes
from distill_live.engine.params import INPUT_GAIN, INPUT_GATE
from distill_live.models.playable import Playable
from distill_live.params import ParamBank

HOP: Final = 512
MOST_WAITING: Final = 4 * HOP  # more than this in the ring (or than two hops and a device period) is old
_DC_POLE: Final = 0.9987  # 10 Hz: an offset is not a sound
_DC_POWERS: Final = _DC_POLE ** np.arange(HOP)
_SILENT_DB: Final = -60.0  # an input gain this low is off
_FADE_OUT, _FADE_IN = equal_power_fades(64)

Floats = npt.NDArray[np.float32]


class Listener:
    """Hears the input of one performance.

    Args:
        ring: mono, written by the device process at 48 kHz.
        model: whose codes are wanted.
        params: the live values.
    """

    def __init__(self, ring: SharedRing, model: Playable, params: ParamBank) -> None:
        self.ring = ring
        self.params = params
        self.guard = FeedbackGuard(HOP / 48000.0)
        self.most_waiting = MOST_WAITING
        self.dropped = 0
        self.starved = 0
        self.peak = 0.0
        self._gain = OnePoleGlide(0.0, INPUT_GAIN.smoothing_ms)
        self._raw = np.zeros((HOP, 1), np.float32)
        self._offset = np.zeros(2)  # the high-pass's last input and output
        self._last = np.float32(0.0)
        ring.skip(ring.fill)  # what was heard before this engine began
        self.attend(model)

    def heed_period(self, period: int) -> None:
        """The device's period in frames: so much comes at once, and none of it is old."""
        self.most_waiting = max(MOST_WAITING, period + 2 * HOP)

    def attend(self, model: Playable) -> None:
        """Speak another model's codes from now on."""
        self.model = model
        self._mel = StreamingLogMel(model.mel)
        self._mel_state = self._mel.initial_state()
        self._encoder_state = model.encoder.initial_state()
        self._frames: list[Floats] = []
        self._skip = -1  # frames to leave out; negative: not in step yet

    def listen(self, hops_to_decode: int, output_db: float) -> Codes | None:
        """Take one hop in; the column ``[H, Q]`` that it completes, if it does.

        Args:
            hops_to_decode: how many hops from now a column is decoded; 0 for the very next.
            output_db: level of the last block that was played, for the feedback guard.
        """
        if not self._read():
            return None
        frame = self._frame(self._conditioned(output_db))
        n = self.model.frames_per_column
        if self._skip < 0:
            self._skip = (hops_to_decode + 1) % n
        if self._skip > 0:
            self._skip -= 1
            return None
        self._frames.append(frame)
        if len(self._frames) < n:
            return None
        self._skip = hops_to_decode % n
        return self._encoded()

    def _read(self) -> bool:
        """One hop from the ring into ``_raw``; False when it is not there yet."""
        surplus = self.ring.fill - self.most_waiting
        if surplus > 0:
            self.dropped += self.ring.skip(surplus + HOP)
        if self.ring.fill < HOP:
            self.starved += 1
            return False
        self.ring.read_into(self._raw)
        if surplus > 0:
            self._raw[:64, 0] = self._last * _FADE_OUT + self._raw[:64, 0] * _FADE_IN
        self._last = self._raw[-1, 0]
        return True

    def _conditioned(self, output_db: float) -> Floats:
        """The hop without its offset, behind the gain and the guard."""
        sound = np.nan_to_num(self._raw[:, 0], nan=0.0, posinf=0.0, neginf=0.0)
        sound = self._without_offset(np.clip(sound, -4.0, 4.0))
        level_db = float(to_db(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))))
        wanted_db = float(self.params[INPUT_GAIN.id])
        duck_db = self.guard.update(level_db + wanted_db, output_db)
        self._gain.set(0.0 if wanted_db <= _SILENT_DB else 10.0 ** ((wanted_db + duck_db) / 20.0))
        sound = sound * self._gain.block(HOP)
        self.peak = max(self.peak, float(np.abs(sound).max()))
        return sound

    def _without_offset(self, sound: Floats) -> Floats:
        """A one-pole high-pass, a hop at a time: ``y[n] = x[n] - x[n-1] + pole * y[n-1]``."""
        steps = np.diff(sound.astype(np.float64), prepend=self._offset[0])
        out = _DC_POWERS * (np.cumsum(steps / _DC_POWERS) + _DC_POLE * self._offset[1])
        self._offset[:] = sound[-1], out[-1]
        return out.astype(np.float32)

    def _frame(self, sound: Floats) -> Floats:
        """The next mel frame ``[n_mels, 1]`` in dB; the floor where the gate is shut."""
        frame, self._mel_state = self._mel.step(sound, self._mel_state)
        if float(frame.max()) < float(self.params[INPUT_GATE.id]):
            return np.full_like(frame, self.model.mel.floor_db)
        return frame

    def _encoded(self) -> Codes:
        mel = np.concatenate(self._frames, axis=1)
        self._frames.clear()
        latents, self._encoder_state = self.model.encoder.step(mel, self._encoder_state)
        return self.model.codebooks.encode(latents[0])
