"""The models a take needs, and where they lie now: the one it begins with and those it crosses over into.

A take names them by hash. Each is looked for where somebody says, where it lay when it was played, beside the log, in
the package and in the library. Any thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from distill_live.engine.performance import MODEL_LOAD
from distill_live.engine.takes import stored_models
from distill_live.errors import ModelFileError, TakeError
from distill_live.models.file import SUFFIX, read_model
from distill_live.models.library import factory_path, list_models
from distill_live.takelog import Take


@dataclass(frozen=True)
class Role:
    """A model that a take needs: what identifies it, and what the log remembers of it."""

    sha256: str
    name: str
    path: str


def roles(take: Take) -> dict[str, Role]:
    """The models a take needs, by hash; the one it begins with comes first."""
    head = take.header
    first = Role(str(head.get("model", "")), str(head.get("model_name", "")), str(head.get("model_path", "")))
    found = {first.sha256: first}
    for event in take.events:
        if event.address == MODEL_LOAD and len(event.args) > 1:
            sha256 = str(event.args[1])
            note = take.models.get(sha256)
            found.setdefault(sha256, Role(sha256, str(event.args[0]), note.path if note else ""))
    return found


def find_models(take: Take, folder: Path, given: Sequence[Path] = ()) -> list[tuple[Role, Path]]:
    """Where the models lie that a take needs, in the order of ``roles``.

    Args:
        take: what was played.
        folder: where its log lies.
        given: files to look at first.

    Raises:
        TakeError: one of them is not found.
    """
    wanted, found = roles(take), dict[str, Path]()
    for path in _places(list(wanted.values()), folder, given):
        sha256 = _sha256(path)
        if sha256 in wanted:
            found.setdefault(sha256, path)
        if len(found) == len(wanted):
            break
    for role in wanted.values():
        if role.sha256 not in found:
            where = f"neither in the library nor at {role.path}" if role.path else "not in the library"
            raise TakeError(
                f"the model {role.name!r} ({role.sha256[:12]}) that this take needs is {where}",
                fix="give it with --model",
            )
    return [(role, found[role.sha256]) for role in wanted.values()]


def _places(wanted: list[Role], folder: Path, given: Sequence[Path]) -> Iterator[Path]:
    yield from given
    yield from (Path(role.path) for role in wanted if role.path.endswith(SUFFIX))
    yield from stored_models(folder)
    yield factory_path()
    yield from (listed.path for listed in list_models() if listed.model is not None)


def _sha256(path: Path) -> str:
    """What identifies the model at ``path``; empty when there is none that can be used."""
    try:
        return read_model(path).sha256
    except ModelFileError:
        return ""
