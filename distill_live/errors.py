"""Errors that speak to a musician: the value, the legal range, and what to do next.

Every failure a user can cause is a ``DistillError``. It is raised where it is noticed and printed in
one place only (``cli.main``, the OSC bridge, or the TUI's message line). Standard library only.
"""

from __future__ import annotations

from typing import ClassVar


class DistillError(Exception):
    """One clear sentence for the user, and what to do next.

    Args:
        what: what is wrong, with the offending value in it, without a final full stop.
        fix: what to do next, an imperative clause; empty when there is nothing to do.

    >>> str(DistillError("temperature 9 is above 2.0", fix="use 0.1 to 2.0"))
    'temperature 9 is above 2.0; use 0.1 to 2.0.'
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "refused"  # the /distill/error code of this kind

    def __init__(self, what: str, *, fix: str = "") -> None:
        self.what = " ".join(what.split()).rstrip(".")
        self.fix = " ".join(fix.split()).rstrip(".")
        super().__init__(f"{self.what}; {self.fix}." if self.fix else f"{self.what}.")


class UsageError(DistillError):
    """A command line or a file that the user wrote asks for something that does not exist."""

    exit_code = 2
    code = "bad_argument"


class ParamError(DistillError):
    """A parameter does not exist, or a value cannot be one of its values (NaN, infinity, a wrong type)."""

    exit_code = 2
    code = "bad_argument"


class UnknownNameError(DistillError):
    """A name (of a parameter, model, slot, sound, port) that nobody registered."""

    exit_code = 2
    code = "unknown_name"


class AudioFileError(DistillError):
    """A recording that cannot be read or written."""


class CorpusError(DistillError):
    """A folder that holds too little usable sound to train on."""


class ModelFileError(DistillError):
    """A model file that is damaged, foreign, from the future or hostile."""


class PresetError(DistillError):
    """A preset that cannot be read, written or deleted."""


class TakeError(DistillError):
    """A take log that cannot be replayed."""


class DeviceError(DistillError):
    """An audio or MIDI device, or a network port, that is not there or does not answer."""


class TrainingError(DistillError):
    """Training that cannot start or go on."""
