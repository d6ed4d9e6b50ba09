"""``distill-live``: finds the command, prints errors as one sentence, sets the exit code.

0: done; 1: it failed; 2: the request itself was wrong. Alone, it opens the terminal app. Commands are imported when
they are called, so that ``distill-live play`` does not wait for what it does not need.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

from distill_live import __version__
from distill_live.errors import DistillError

COMMANDS: Final = {
    "train": "Train a model on a folder of recordings.",
    "prior": "Train a model's prior again, from the model file alone.",
    "add": "Add recordings to a model that is trained already.",
    "render": "Render a performance to a file, faster than real time.",
    "play": "Play a model live, under OSC and MIDI control.",
    "replay": "Render a take again from its log, bit for bit, or varied.",
    "takes": "List, show and delete what was recorded.",
    "encode": "Turn a recording into codes.",
    "decode": "Turn codes back into sound.",
    "models": "List, inspect, rename and delete models.",
    "presets": "List, show, save and delete presets of performances.",
    "devices": "List audio devices and MIDI ports.",
    "params": "Print every parameter with its range and meaning.",
    "plugins": "List the effects, and host plugins of others (VST3, AU).",
    "check-plugin": "Check that an effect, your own or another's, keeps the contract.",
    "doctor": "Check this machine, and say what to do about what is missing.",
}


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"distill_live.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="distill-live")
@click.pass_context
def group(ctx: click.Context) -> None:
    """An instrument that learns your sounds and speaks them live.

    \b
    distill-live                                      the terminal app
    distill-live play                                 sound at once, with the factory model
    distill-live train my-sounds --out mine.distill   learn a folder of recordings
    """
    if ctx.invoked_subcommand is None:
        from distill_live.tui.app import run_app

        run_app()


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code."""
    return run_command(group, arguments, "distill-live")


def run_command(command: click.Command, arguments: list[str], name: str) -> int:
    """Run a click command, with errors as one sentence on stderr; returns the exit code."""
    try:
        result = command.main(arguments, prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except DistillError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(f"{name}: {error.format_message()}", file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):
        print(f"{name}: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe (`| head`) has seen enough
        return 0


if __name__ == "__main__":
    main()
