"""Names of models and levels, read from the library. No torch. It reads files: for threads that may wait a little."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill_live.errors import DistillError
from distill_live.models.file import read_model
from distill_live.models.library import factory_path, list_models, place_for

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


def level_names_of(model: str) -> tuple[str, ...]:
    """The level names of a model by the name it plays under; empty when its file is not to be found here.

    >>> level_names_of("no such model")
    ()
    """
    for path in _places(model):
        if path.is_file():
            try:
                return read_model(path).level_names
            except DistillError:
                return ()
    return ()


def _places(model: str) -> list[Path]:
    try:
        known = [place_for(model)]
    except DistillError:
        known = []
    return [*known, factory_path()] if model == FACTORY else known
