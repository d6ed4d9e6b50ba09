"""Names of models, read from the library. No torch. It reads files: for threads that may wait a little."""

from __future__ import annotations

from dataclasses import dataclass

from distill_live.errors import DistillError
from distill_live.models.library import factory_path, list_models

FACTORY = "factory"


@dataclass(frozen=True)
class Choice:
    """A model that can be played: ``argument`` is what ``distill-live play`` is given (None: the factory model)."""

    name: str
    argument: str | None
    problem: str = ""


def playable_choices() -> list[Choice]:
    """The factory model when it is installed, then the library's."""
    factory = [Choice(FACTORY, None)] if factory_path().is_file() else []
    try:
        listed = list_models()
    except DistillError as error:
        return [*factory, Choice("(library)", None, str(error))]
    return [*factory, *(Choice(line.name, line.name, line.problem) for line in listed)]
