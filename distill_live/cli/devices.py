"""``distill-live devices``: what can be played on, and what can be played with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from distill_live.engine.devices import AudioDevice, Devices, list_devices
from distill_live.errors import DeviceError


@click.command(
    "devices",
    epilog="""\b
Example:
  distill-live devices
  distill-live play --device "Scarlett" --input "Scarlett"      any part of a name will do""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(as_json: bool) -> None:
    """List audio outputs and inputs, and MIDI inputs."""
    audio, problem = _audio()
    midi = _midi_inputs()
    if as_json:
        shown = {"outputs": _shown(audio.outputs), "inputs": _shown(audio.inputs)}
        print(json.dumps({**shown, "null": "null", "midi_inputs": midi, "problem": problem}, indent=1))
        return
    print("Audio outputs (play --device NAME)")
    _print(audio.outputs)
    print(f"   {'null':44} plays nowhere, in real time")
    if problem:
        print(f"   {problem}")
    print("\nAudio inputs (play --input NAME)")
    _print(audio.inputs)
    print(f"   {'null':44} silence")
    print("\nMIDI inputs (play --midi-in NAME)")
    for name in midi:
        print(f"   {name}")
    if not midi:
        print("   none")


def _print(found: Sequence[AudioDevice]) -> None:
    for device in found:
        star = "*" if device.is_default else " "
        channels = f"{device.channels} channel{'s' if device.channels > 1 else ''}"
        print(f" {star} {device.label:44} {channels:12} {device.default_rate:6.0f} Hz  {device.latency_ms:5.1f} ms")


def _shown(found: Sequence[AudioDevice]) -> list[dict[str, object]]:
    return [asdict(device) | {"label": device.label} for device in found]


def _audio() -> tuple[Devices, str]:
    try:
        found = list_devices()
    except DeviceError as error:
        return Devices(), str(error)
    return found, "" if found.outputs else "No audio output was found: connect one, or start a JACK server."


def _midi_inputs() -> list[str]:
    from distill_live.control.midi import list_inputs

    return list_inputs()
