"""The shelf of takes: one folder a take, the folder is the index, nothing in it can disagree with the disk.

    <home>/takes/2026-07-25-173206/take.jsonl        what was played (``takelog``)
                                   1-wet.wav         its first recording, as it was heard
                                   1-dry.wav         the same, as it went into the effects

Any thread; two programs may use it at once.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Final

from distill_live.errors import TakeError

LOG: Final = "take.jsonl"
STEM: Final = re.compile(r"\d+-(wet|dry)\.wav")


def new_folder(takes: Path, now: datetime.datetime | None = None) -> Path:
    """Make the folder of a new take, named by the time of day: sorted by name is sorted by time.

    Raises:
        TakeError: it cannot be made.

    >>> import tempfile
    >>> takes, now = Path(tempfile.mkdtemp()), datetime.datetime(2026, 7, 25, 17, 32, 6)
    >>> new_folder(takes, now).name, new_folder(takes, now).name
    ('2026-07-25-173206', '2026-07-25-173206-02')
    """
    stamp = (now or datetime.datetime.now()).strftime("%Y-%m-%d-%H%M%S")
    try:
        for name in (stamp, *(f"{stamp}-{n:02d}" for n in range(2, 100))):
            try:
                (takes / name).mkdir(parents=True)
                return takes / name
            except FileExistsError:
                continue
    except OSError as error:
        raise TakeError(f"cannot keep takes in {takes}: {error.strerror}", fix="check its permissions") from None
    raise TakeError(f"{takes} has too many takes of {stamp}", fix="try again in a second")


def remove_if_bare(folder: Path) -> list[str]:
    """Take away the folder of a take that holds its log and nothing else; returns what stood in the way."""
    try:
        if [path.name for path in folder.iterdir()] == [LOG]:
            (folder / LOG).unlink()
            folder.rmdir()
    except OSError as error:
        return [f"the empty take {folder} stays: {error.strerror}."]
    return []
