"""``distill-live play``: the instrument itself. Starts the processes, shows how they are, ends them.

This process only watches: the sound is made by the engine, device and bridge processes (DESIGN.md, section 2).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from distill_live.cli.channels import parse_channels
from distill_live.cli.settings import open_preset, parse_effects, parse_settings, start_values
from distill_live.errors import UsageError


@click.command(
    "play",
    epilog="""\b
Example:
  distill-live play
  distill-live play mine.distill --midi-in nanoKONTROL --map patches/midi/generic-cc.toml
  distill-live play --preset deep-drone
  distill-live play mine.distill --input Scarlett --input-channel 2
  distill-live play mine.distill --device null --seconds 20 --record take.wav --log take.jsonl""",
)
@click.argument("model", required=False)
@click.option("--device", help="Part of an output's name, or null for none; the system's default when not given.")
@click.option("--block", type=int, default=256, show_default=True, help="The device's period, 64 to 4096 frames.")
@click.option("--lead", type=int, default=2048, show_default=True, help="Frames rendered ahead, 512 to 48000.")
@click.option("--pair", type=click.IntRange(1, 32), default=1, show_default=True, help="Which pair of outputs.")
@click.option("--spread", is_flag=True, help="The same on every pair of outputs.")
@click.option("--input", "source", help="Live input: part of an input's name, default, or null for silence.")
@click.option("--input-channel", metavar="N[-M]", help="Channel of the input, from 1 (default 1); 1-2: a pair's mean.")
@click.option(
    "--look-ahead",
    type=click.IntRange(1, 4),
    help="Frames of 10.7 ms the vocoder waits for [the model's; 1 with --input].",
)
@click.option("--osc-port", type=int, default=7480, show_default=True, help="UDP port; the next free one when taken.")
@click.option("--osc-bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--osc-root", default="/distill", show_default=True, help="For a second instance.")
@click.option("--strict-port", is_flag=True, help="Refuse to start when the port is taken.")
@click.option("--midi-in", help="Part of a MIDI input's name.")
@click.option("--map", "midi_map", type=click.Path(path_type=Path), help="A MIDI map (TOML).")
@click.option("--no-midi", is_flag=True, help="Do not look for MIDI at all.")
@click.option("--seconds", type=float, help="End after so many seconds.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Record to this WAV from the start.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Write the take log (JSON lines) here.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), show_default="0", help="Which dice are thrown.")
@click.option("--preset", metavar="NAME", help="Begin with this preset: `distill-live presets` lists them.")
@click.option("--set", "settings", multiple=True, metavar="ID=VALUE", help="An initial value; may be given often.")
@click.option("--effects", metavar="A,B", help="The effects in their order, or none; all of them when not given.")
@click.option("--resume", is_flag=True, help="Go on with the performance that ended unexpectedly.")
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON lines.")
def command(
    model: str | None,
    device: str | None,
    block: int,
    lead: int,
    pair: int,
    spread: bool,
    source: str | None,
    input_channel: str | None,
    look_ahead: int | None,
    osc_port: int,
    osc_bind: str,
    osc_root: str,
    strict_port: bool,
    midi_in: str | None,
    midi_map: Path | None,
    no_midi: bool,
    seconds: float | None,
    record: Path | None,
    log: Path | None,
    seed: int | None,
    preset: str | None,
    settings: tuple[str, ...],
    effects: str | None,
    resume: bool,
    as_json: bool,
) -> int:
    """Play MODEL (a .distill file, a name in the library, or the factory model) until Ctrl-C."""
    if not 512 <= lead <= 48000:
        raise UsageError(f"a lead of {lead} frames is not possible", fix="use --lead 512 to 48000")
    if not 64 <= block <= 4096:
        raise UsageError(f"a device block of {block} frames is not possible", fix="use --block 64 to 4096")
    if seconds is not None and not 0.0 < seconds <= 7 * 86400.0:
        raise UsageError(f"--seconds {seconds:g} is no length", fix="use 0.1 or more")
    if resume and preset:
        raise UsageError("--resume goes on with everything as it was", fix="leave --preset out, or load it then")
    if input_channel is not None and source is None:
        raise UsageError(f"--input-channel {input_channel} is of no input", fix="name one with --input")
    if look_ahead is None and source is not None:
        look_ahead = 1  # whoever listens to himself wants to hear it at once
    first_input, inputs = parse_channels(input_channel or "1")
    from distill_live.cli.session import PlaySession, PlaySettings
    from distill_live.control.bridge import BridgeSettings
    from distill_live.engine.device_settings import DeviceSettings
    from distill_live.engine.laststate import LastState
    from distill_live.engine.params import load_all
    from distill_live.engine.process import EngineSettings
    from distill_live.engine.take import TakeStart
    from distill_live.home import home
    from distill_live.models.library import resolve

    if midi_map is not None:
        from distill_live.control.mapper import MidiMapper
        from distill_live.control.midimap import read_map

        MidiMapper(read_map(midi_map), load_all())  # say what is wrong with it before anything starts
    if midi_in is not None:
        from distill_live.control.midi import require_input

        require_input(midi_in)
    chosen = open_preset(preset)
    frames = None if seconds is None else max(512, round(seconds * 48000) // 512 * 512)
    plan = PlaySettings(
        engine=EngineSettings(
            resolve(model),
            ring="",
            lead=lead,
            start=TakeStart(seed or 0, start_values(chosen, seed, settings), parse_effects(effects), look_ahead),
            bank=chosen.bank,
            log=log,
            record=record,
            frames=frames,
            takes=home() / "takes",
            device_block=block,
        ),
        device=DeviceSettings(
            ring="",
            device=device,
            block=block,
            first_channel=2 * (pair - 1),
            spread=spread,
            lead=lead,
            input=source,
            input_first_channel=first_input,
            input_channels=inputs,
        ),
        bridge=BridgeSettings(
            tuple(load_all().values()),
            bind=osc_bind,
            port=osc_port,
            strict_port=strict_port,
            osc_root=osc_root,
            midi=not no_midi,
            midi_in=midi_in,
            midi_map=str(midi_map) if midi_map else None,
            preset=preset and chosen.name,
        ),
        as_json=as_json,
    )
    last = LastState(home())
    if resume:
        standing, assets = last.read()
        standing["params"] = {**standing["params"], **parse_settings(settings)}
        if effects is not None:
            standing["effects"] = list(parse_effects(effects))
        plan = replace(plan, engine=replace(plan.engine, standing=standing, assets=assets))
    elif last.found():
        last.set_aside()
        if not as_json:
            offer = "The last performance ended unexpectedly; `distill-live play --resume` goes on with it."
            print(offer, file=sys.stderr)
    return PlaySession(plan, last).run()
