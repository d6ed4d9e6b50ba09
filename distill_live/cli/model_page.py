"""A model file as a page for people. The file's free-form parts may hold anything, so nothing is taken for granted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_live.models.file import ModelFile, tidy_name


def page(path: Path, model: ModelFile) -> list[str]:
    """Lines that say what the model is, what it learned from, and how well."""
    codec, metadata = model.codec, model.metadata
    grid = f"{codec.grid.name} ({codec.grid.rows} rows, a column every {codec.grid.frames_per_column} frames)"
    lines = [
        f"{path.stem}  ({path})",
        f"made         {tidy_name(metadata['created'])}",
        f"sha256       {model.sha256}",
        f"levels       {', '.join(model.level_names)}; {codec.codebook_size} codes each, grid {grid}",
        f"prior        {tidy_name(metadata['prior']['kind'])}; vocoder {tidy_name(metadata['vocoder']['kind'])}",
    ]
    return lines + _corpus(model) + _health(metadata["health"]) + _quality(metadata["training"])


def _corpus(model: ModelFile) -> list[str]:
    training = model.metadata["training"]
    seconds = _number(training.get("sound_seconds"))
    length = f", {seconds:.0f} s" if seconds is not None else ""
    held_out = [grid.name for grid in model.grids if grid.held_out]
    said = [f"corpus       {tidy_name(str(training.get('corpus', 'unknown')))}: {len(model.grids)} sounds{length}"]
    if held_out:
        said.append(f"held out     {', '.join(held_out[:8])}{' ...' if len(held_out) > 8 else ''}")
    if training.get("complete") is False:
        said.append("unfinished   its training is still going on, or was interrupted; then `train --resume` goes on")
    return said


def _health(health: list[Any]) -> list[str]:
    lines = []
    for level in health:
        used = _number(level.get("utilisation_percent")) if isinstance(level, Mapping) else None
        if used is not None:
            name, word = tidy_name(str(level.get("name"))), tidy_name(str(level.get("word")))
            lines.append(f"  {name:12} {used:3.0f} % of its codes in use ({word})")
    return ["codebooks", *lines] if lines else []


def _quality(training: Mapping[str, Any]) -> list[str]:
    lines = []
    codec, memory = training.get("codec"), training.get("memorisation")
    error = _number(codec.get("held_out")) if isinstance(codec, Mapping) else None
    if error is not None:
        lines.append(f"codec        {error:.2f} dB from held-out sound")
    if isinstance(memory, Mapping):
        held_out, bigram = (_mean(memory.get(name)) for name in ("held_out_bits", "bigram_bits"))
        copy = _number(memory.get("longest_copy_s"))
        if held_out is not None and bigram is not None and copy is not None:
            counted = f"(counting pairs: {bigram:.2f})"
            lines.append(f"prior        {held_out:.2f} bits/code {counted}; longest exact copy {copy:.1f} s")
    return lines


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _mean(values: object) -> float | None:
    if not isinstance(values, list) or not values:
        return None
    numbers = [number for value in values if (number := _number(value)) is not None]
    return sum(numbers) / len(numbers) if len(numbers) == len(values) else None
