"""``distill-live models``: the library."""

from __future__ import annotations

import json
from typing import Any

import click

from distill_live.errors import UsageError


@click.group(
    "models",
    epilog="""\b
Example:
  distill-live models list
  distill-live models info "night drones"
  distill-live models rename drones "night drones"
  distill-live models delete drones""",
)
def command() -> None:
    """List, inspect, rename and delete the models of the library."""


@command.command("list", epilog="\b\nExample:\n  distill-live models list drones")
@click.argument("search", default="")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_command(search: str, as_json: bool) -> None:
    """Every model whose name or corpus holds SEARCH; damaged ones say what is wrong."""
    from distill_live.models.library import list_models, models_folder

    listed = [_summary(line) for line in list_models(search)]
    if as_json:
        print(json.dumps(listed, indent=1))
        return
    for line in listed:
        print(f"{line['name']:24} {line['problem'] or _one_line(line)}")
    if not listed:
        print(f"no models{f' with {search!r}' if search else ''} in {models_folder()}")


@command.command("info", epilog="\b\nExample:\n  distill-live models info mine.distill --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print everything the file says of itself.")
def info_command(name: str, as_json: bool) -> None:
    """What the model NAME (a .distill file or a name in the library) is and how it was made."""
    from distill_live.cli.model_page import page
    from distill_live.models.file import read_model
    from distill_live.models.library import resolve

    path = resolve(name)
    model = read_model(path)
    if as_json:
        print(json.dumps({"path": str(path), "sha256": model.sha256, **model.metadata}, indent=1))
        return
    print("\n".join(page(path, model)))


@command.command("rename", epilog='\b\nExample:\n  distill-live models rename drones "night drones"')
@click.argument("name")
@click.argument("new_name")
def rename_command(name: str, new_name: str) -> None:
    """Give the library's model NAME the name NEW_NAME."""
    from distill_live.models.library import rename_model

    print(f"{name} is now {rename_model(name, new_name).stem}")


@command.command("delete", epilog="\b\nExample:\n  distill-live models delete drones --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(name: str, yes: bool) -> None:
    """Delete the library's model NAME for good."""
    from distill_live.models.library import delete_model, resolve

    resolve(name)
    if not yes and not _sure(name):
        raise UsageError(f"{name} was not deleted", fix="answer y, or give --yes")
    print(f"deleted {delete_model(name)}")


def _sure(name: str) -> bool:
    try:
        return click.confirm(f"delete the model {name} for good?")
    except click.Abort:  # there is nobody to ask
        return False


def _summary(line: Any) -> dict[str, Any]:
    made = {"name": line.name, "path": str(line.path), "problem": line.problem}
    if line.model is None:
        return made
    codec, training = line.model.codec, line.model.metadata["training"]
    facts = {"levels": list(line.model.level_names), "codebook_size": codec.codebook_size, "grid": codec.grid.name}
    facts |= {"corpus": str(training.get("corpus", "")), "sounds": len(line.model.grids)}
    return {**made, **facts, "created": line.model.metadata["created"], "sha256": line.model.sha256}


def _one_line(line: dict[str, Any]) -> str:
    codes = f"{len(line['levels'])} x {line['codebook_size']} codes, grid {line['grid']}"
    return f"{codes}, {line['sounds']} sounds of {line['corpus'] or 'an unknown corpus'}, {line['created'][:10]}"
