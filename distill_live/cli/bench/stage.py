"""What every script of ours plays on: a folder and a library of its own, and a real-time audio server without a card.

And how each of them ends: a report for people, for machines, for a page, and an exit code. One thread.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from distill_live.cli.bench import figures
from distill_live.cli.bench.figures import Report
from distill_live.cli.bench.machine import describe_machine
from distill_live.cli.jackserver import HOW_TO_HAVE_ONE, PERIOD, DummyServer, dummy_server
from distill_live.errors import DistillError
from distill_live.home import HOME_VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

keep_option = click.option(
    "--keep", type=click.Path(path_type=Path), help="Leave the log and the recordings in this folder."
)


def report_options(command: Command) -> Command:
    """The options of every script: ``--quick``, ``--write`` and ``--json``."""
    options = (
        click.option(
            "--quick", is_flag=True, help="A smoke test of some seconds: exit code 0, for its figures mean nothing."
        ),
        click.option(
            "--write", type=click.Path(path_type=Path), help="Fill the table between the markers of this page."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class Stage:
    """Where a script plays.

    Attributes:
        folder: for whatever it writes.
        machine: what its figures must be read beside.
        server: the audio server.
    """

    folder: Path
    machine: dict[str, Any]
    server: DummyServer

    @property
    def output(self) -> str:
        """The server in a few words."""
        return output_text(self.server)


@contextmanager
def own_stage(script: str, keep: Path | None = None, period: int = PERIOD, sync: bool = False) -> Iterator[Stage]:
    """A stage for the length of the block; what was written is gone afterwards, or stays in ``keep``.

    Raises:
        DistillError: there is no audio server to be had.
    """
    before = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix=f"distill-{script}-") as scratch:
        folder = Path(scratch) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        machine = describe_machine()
        os.environ[HOME_VARIABLE] = str(Path(scratch) / "home")
        try:
            with dummy_server(f"distill-{script}-{os.getpid()}", period, sync) as server:
                if server is None:
                    raise DistillError("there is no JACK server to be had", fix=HOW_TO_HAVE_ONE)
                yield Stage(folder, machine, server)
        finally:
            os.environ.pop(HOME_VARIABLE) if before is None else os.environ.update({HOME_VARIABLE: before})


def output_text(server: DummyServer | None) -> str:
    """Where the sound goes, in a few words."""
    if server is None:
        return f"the null device: no JACK server here, {HOW_TO_HAVE_ONE}"
    scheduling = "real-time" if server.realtime else "ordinary"
    waits = ", which waits for its clients" if server.sync else ""
    return f"dummy JACK server at 48 kHz, {server.period} frames, {scheduling} scheduling{waits}"


def publish(
    script: str, report: Report, as_json: bool, write: Path | None = None, body: dict[str, Any] | None = None
) -> int:
    """Print and write what was found; the exit code. ``body``: the JSON, where it is another than the report's own."""
    if write is not None:
        figures.write_between_markers(write, script, report.markdown())
    if as_json:
        print(json.dumps(report.to_json() if body is None else body, indent=1, allow_nan=False))
    else:
        for name, value in {**report.machine, **report.settings}.items():
            print(f"{name:14} {value}")
        for part in report.parts:
            print("\n" + "\n".join(figures.text_lines(part)))
        print("\n" + verdict(report))
    return 1 if report.missed else 0


def verdict(report: Report) -> str:
    """The last line.

    >>> verdict(Report({}, {}, []))
    'ok'
    """
    missed = ", ".join(figure.name for figure in report.missed)
    return f"{len(report.missed)} bars missed: {missed}" if missed else "ok"
