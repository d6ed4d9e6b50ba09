"""Notices that the loudspeakers have found the microphone, and turns the input down until they let go.

Loud sound at the input while the output is loud may be a loud room or a loop. The guard asks: it turns the input down a
little. What comes from a loop gets quieter at the microphone too; a loud room does not care, and gets its level back.

::

    listening --both loud for a while--> asking --input fell with us--> ducking --quiet again--> listening
                    ^                       |
                    +----- it did not ------+

Levels come in once a block, in dB; the gain goes out. Pure arithmetic, no sound. One thread.
"""

from __future__ import annotations

from typing import Final, Literal

Mood = Literal["listening", "asking", "ducking"]

LOUD_INPUT_DB: Final = -30.0
LOUD_OUTPUT_DB: Final = -18.0
SUSPICIOUS_S: Final = 0.7  # both loud for so long; the loop goes round several times
ASK_DB: Final = 9.0  # how far it is turned down to ask
ASK_S: Final = 0.5  # longer than the sound takes round the loop
FELL_DB: Final = 4.0  # so much quieter at the microphone is an answer
DUCK_DB: Final = 24.0
BACK_DB_PER_S: Final = 6.0
REST_S: Final = 15.0  # after a loud room has answered, it is not asked again for so long


class FeedbackGuard:
    """The gain, in dB (0 and below), that the input is to be turned down by.

    Args:
        block_s: seconds between two calls.

    >>> guard = FeedbackGuard(0.01)
    >>> max(guard.update(-6.0, -6.0) for _ in range(50))
    0.0
    """

    def __init__(self, block_s: float) -> None:
        self.mood: Mood = "listening"
        self.gain_db = 0.0
        self._block_s = block_s
        self._for_s = 0.0
        self._rest_s = 0.0
        self._asked_at_db = 0.0

    def update(self, input_db: float, output_db: float) -> float:
        """One block's levels, ``input_db`` before this gain; returns the gain in dB for the next."""
        self._rest_s = max(0.0, self._rest_s - self._block_s)
        if self.mood == "listening":
            self._listen(input_db, output_db)
        elif self.mood == "asking":
            self._ask(input_db)
        else:
            self._duck(output_db)
        return self.gain_db

    def _listen(self, input_db: float, output_db: float) -> None:
        self.gain_db = min(0.0, self.gain_db + BACK_DB_PER_S * self._block_s)
        loud = input_db > LOUD_INPUT_DB and output_db > LOUD_OUTPUT_DB and not self._rest_s
        self._for_s = self._for_s + self._block_s if loud else 0.0
        if self._for_s >= SUSPICIOUS_S:
            self.mood, self._for_s, self._asked_at_db = "asking", 0.0, input_db
            self.gain_db -= ASK_DB

    def _ask(self, input_db: float) -> None:
        self._for_s += self._block_s
        if input_db < self._asked_at_db - FELL_DB:
            self.mood, self._for_s, self.gain_db = "ducking", 0.0, self.gain_db - DUCK_DB
        elif self._for_s >= ASK_S:
            self.mood, self._for_s, self._rest_s, self.gain_db = "listening", 0.0, REST_S, 0.0

    def _duck(self, output_db: float) -> None:
        """Stay down until the loop has died away, then come back slowly (in ``listening``)."""
        self._for_s = self._for_s + self._block_s if output_db < LOUD_OUTPUT_DB else 0.0
        if self._for_s >= ASK_S:
            self.mood, self._for_s = "listening", 0.0
