"""Choosing an output and an input by name, and asking the machine what it has."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from distill_live.engine import devices
from distill_live.engine.device_settings import DeviceSettings
from distill_live.engine.devices import (
    JACK,
    AudioDevice,
    Devices,
    parse_listing,
    pick_input,
    pick_output,
    quiet_stderr,
    share_a_clock,
)
from distill_live.engine.opening import InputRequest, OutputRequest, input_side, output_side
from distill_live.errors import DeviceError

THERE = [
    AudioDevice(0, "HDA Intel PCH: ALC257 (hw:0,0)", "ALSA", 2, 44100.0, 8.7),
    AudioDevice(1, "Scarlett 8i6 USB", "ALSA", 6, 48000.0, 8.7),
    AudioDevice(2, "default", "ALSA", 32, 44100.0, 8.7, is_default=True),
    AudioDevice(3, "Scarlett 8i6 USB", "Windows WASAPI", 6, 48000.0, 3.0),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, 2), ("scarlett", 1), ("SCARLETT, wasapi", 3), ("default", 2), ("alc257", 0), ("wasapi", 3), ("alsa", 2)],
)
def test_a_part_of_a_name_or_of_its_host_api_is_enough(wanted: str | None, index: int) -> None:
    assert pick_output(THERE, wanted).index == index


def test_an_exact_name_goes_before_a_part_of_another() -> None:
    outputs = [
        AudioDevice(0, "USB Audio 2", "ALSA", 2, 48000.0, 9),
        AudioDevice(1, "USB Audio", "ALSA", 2, 48000.0, 9),
    ]
    assert pick_output(outputs, "usb audio").index == 1


def test_every_output_can_be_named_by_its_label() -> None:
    assert [pick_output(THERE, d.label).index for d in THERE] == [0, 1, 2, 3]


def test_who_runs_a_jack_server_is_heard_there_unless_asked_otherwise() -> None:
    with_jack = [*THERE, AudioDevice(4, "system", JACK, 2, 48000.0, 5)]
    assert pick_output(with_jack, None).index == 4


def test_an_unknown_name_is_answered_with_what_there_is() -> None:
    with pytest.raises(DeviceError, match="Behringer") as refused:
        pick_output(THERE, "Behringer")
    assert all(d.label in str(refused.value) for d in THERE)


def test_a_machine_without_outputs_says_so() -> None:
    with pytest.raises(DeviceError, match=r"no audio output.*null"):
        pick_output([], None)


def test_an_input_is_chosen_as_an_output_is() -> None:
    assert pick_input(THERE, "scarlett, wasapi").index == 3
    assert pick_input(THERE[:2], "default").index == 0, "the first where the system has no default"
    assert pick_input([*THERE, AudioDevice(4, "system", JACK, 2, 48000.0, 5)], "system").index == 4
    with pytest.raises(DeviceError, match=r"no audio input is called \"Behringer\".*Scarlett"):
        pick_input(THERE, "Behringer")
    with pytest.raises(DeviceError, match=r"no audio input.*--input null"):
        pick_input([], "default")


def test_one_device_has_one_clock_and_so_has_one_jack_server() -> None:
    alsa, usb, _, wasapi = THERE
    assert share_a_clock(usb, replace(usb, channels=4))
    assert not share_a_clock(alsa, usb)
    assert not share_a_clock(usb, wasapi), "one name, but the two sides of it are devices of their own there"
    assert share_a_clock(AudioDevice(4, "system", JACK, 2, 48000.0, 5), AudioDevice(5, "ardour", JACK, 2, 48000.0, 5))


def test_a_listing_survives_its_way_between_processes_and_noise_before_it() -> None:
    there = Devices(tuple(THERE), tuple(THERE[:1]))
    text = "ALSA lib: noise\n" + json.dumps(asdict(there)) + "\n"
    assert parse_listing(text) == there
    with pytest.raises(DeviceError, match="PortAudio is not installed; install it"):
        parse_listing('{"error": "PortAudio is not installed", "fix": "install it"}')
    for broken in ("", "Aborted", '{"outputs": [{"index": 0}], "inputs": []}', '{"outputs": []}', "[]"):
        with pytest.raises(DeviceError, match="failed"):
            parse_listing(broken)


def test_this_machine_answers_with_a_list() -> None:
    there = devices.list_devices()
    assert all(d.channels > 0 and d.name for d in (*there.outputs, *there.inputs))


def test_a_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    monkeypatch.setattr(devices, "SCAN_PATIENCE_S", 0.2)
    with pytest.raises(DeviceError, match="does not answer"):
        devices.list_devices()


def test_what_c_libraries_print_on_stderr_is_hushed_and_only_meanwhile(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"signal")
    assert capfd.readouterr().err == "signal"


@pytest.mark.parametrize("block", [0, 63, 4097])
def test_a_block_outside_64_to_4096_is_refused(block: int) -> None:
    with pytest.raises(DeviceError, match=rf"{block} frames.*64 to 4096"):
        DeviceSettings("ring", block=block)


def test_an_output_pair_below_the_first_is_refused() -> None:
    with pytest.raises(DeviceError, match="pair"):
        DeviceSettings("ring", first_channel=-1)


def test_live_input_is_one_channel_or_two_neighbours() -> None:
    for wrong in ({"input_channels": 3}, {"input_channels": 0}, {"input_first_channel": -1}):
        with pytest.raises(DeviceError, match="--input-channel"):
            DeviceSettings("ring", input="usb", **wrong)


def test_a_pair_or_a_channel_that_a_device_does_not_have_is_refused_with_what_it_has() -> None:
    usb, mono = THERE[1], replace(THERE[1], channels=1)
    assert output_side(usb, OutputRequest("usb", first_channel=2)).channels == 4
    assert output_side(usb, OutputRequest("usb", spread=True)).channels == 6
    assert output_side(mono, OutputRequest("usb")).channels == 1
    assert input_side(usb, InputRequest("usb", first_channel=2, channels=2)).channels == 4
    with pytest.raises(DeviceError, match=r"6 channels.*7/8; choose --pair 1 to 3"):
        output_side(usb, OutputRequest("usb", first_channel=6))
    with pytest.raises(DeviceError, match=r"no output pair 3/4"):
        output_side(mono, OutputRequest("usb", first_channel=2))
    with pytest.raises(DeviceError, match=r"no channel 7; choose --input-channel 1 to 6"):
        input_side(usb, InputRequest("usb", first_channel=6))
