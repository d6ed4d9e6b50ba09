"""``distill-live devices``: what can be played on, and what can be played with."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from distill_live.engine.devices import OutputDevice, list_devices
from distill_live.errors import DeviceError


@click.command(
    "devices",
    epilog="""\b
Example:
  distill-live devices
  distill-live play --device "Scarlett"      any part of a name will do""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(as_json: bool) -> None:
    """List audio outputs and MIDI inputs."""
    outputs, problem = _outputs()
    midi = _midi_inputs()
    if as_json:
        shown = [asdict(d) | {"label": d.label} for d in outputs]
        print(json.dumps({"outputs": shown, "null": "null", "midi_inputs": midi, "problem": problem}, indent=1))
        return
    print("Audio outputs (play --device NAME)")
    for device in outputs:
        star = "*" if device.is_default else " "
        channels = f"{device.channels} channel{'s' if device.channels > 1 else ''}"
        print(f" {star} {device.label:44} {channels:12} {device.default_rate:6.0f} Hz  {device.latency_ms:5.1f} ms")
    print(f"   {'null':44} plays nowhere, in real time")
    if problem:
        print(f"   {problem}")
    print("\nMIDI inputs (play --midi-in NAME)")
    for name in midi:
        print(f"   {name}")
    if not midi:
        print("   none")


def _outputs() -> tuple[list[OutputDevice], str]:
    try:
        outputs = list_devices()
    except DeviceError as error:
        return [], str(error)
    return outputs, "" if outputs else "No audio output was found: connect one, or start a JACK server."


def _midi_inputs() -> list[str]:
    from distill_live.control.midi import list_inputs

    return list_inputs()
