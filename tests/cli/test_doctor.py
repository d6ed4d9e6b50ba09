"""``doctor`` and ``devices``: what they say about machines that lack something."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from distill_live.cli import devices, doctor
from distill_live.cli.doctor import Finding
from distill_live.engine import devices as outputs
from distill_live.engine import priority
from distill_live.engine.devices import AudioDevice, Devices
from distill_live.errors import DeviceError
from distill_live.models import library
from tests.jackserver import jack_server, needs_jack

SPEAKERS = AudioDevice(0, "Speakers", "ALSA", 2, 48000.0, 8.7, is_default=True)


def good() -> Finding:
    return Finding("one", "good", "it is there")


def better_with() -> Finding:
    return Finding("two", "missing", "it is not there", "buy one")


def hopeless() -> Finding:
    return Finding("three", "fatal", "nothing works", "do this")


@pytest.mark.parametrize(
    ("checks", "exit_code"), [((good, better_with), 0), ((good, hopeless), 1), ((better_with, hopeless, good), 1)]
)
def test_the_exit_code_is_1_only_when_something_essential_is_missing(
    monkeypatch: pytest.MonkeyPatch, checks: tuple[Callable[[], Finding], ...], exit_code: int
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", checks)
    result = CliRunner().invoke(doctor.command, [], standalone_mode=False)
    assert result.return_value == exit_code
    assert all(check().text in result.output and check().fix in result.output for check in checks)
    as_json = CliRunner().invoke(doctor.command, ["--json"], standalone_mode=False)
    report = json.loads(as_json.output)
    assert as_json.return_value == exit_code
    assert report["healthy"] == (exit_code == 0)
    assert [f["state"] for f in report["findings"]] == [check().state for check in checks]


@pytest.mark.parametrize("check", [c for c in doctor.CHECKS if c is not doctor.one_second_render])
def test_every_check_answers_here_and_what_is_missing_has_a_remedy(check: Callable[[], Finding]) -> None:
    finding = check()
    assert finding.text
    assert bool(finding.fix) == (finding.state != "good")


def test_a_machine_without_outputs_is_told_of_the_null_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "list_devices", Devices)
    assert doctor.audio_output().state == "missing"
    assert "null" in doctor.audio_output().text


def test_an_output_at_another_rate_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = AudioDevice(0, "USB", "ALSA", 2, 44100.0, 8.7)
    monkeypatch.setattr(outputs, "list_devices", lambda: Devices((slow,)))
    assert "44100 Hz: the sound is converted" in doctor.audio_output().text
    monkeypatch.setattr(outputs, "list_devices", lambda: Devices((SPEAKERS,)))
    assert doctor.audio_output().state == "good"


def test_a_system_that_grants_no_real_time_is_told_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "realtime_allowed", lambda: False)
    assert "rtprio" in doctor.realtime().fix


def test_a_library_that_cannot_be_written_is_fatal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("DISTILL_HOME", str(blocked))
    assert doctor.library_folder().state == "fatal"
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "not" / "yet" / "there"))
    assert doctor.library_folder().state == "good"
    assert not (tmp_path / "not").exists()


def test_a_missing_factory_model_is_fatal_and_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(library, "factory_path", lambda: tmp_path / "factory.distill")
    finding = doctor.one_second_render()
    assert finding.state == "fatal"
    assert "factory model" in finding.text
    assert finding.fix


@pytest.fixture
def two_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    usb = AudioDevice(1, "USB", "ALSA", 1, 44100.0, 9.0)
    monkeypatch.setattr(devices, "list_devices", lambda: Devices((SPEAKERS, usb), (usb,)))
    monkeypatch.setattr(devices, "_midi_inputs", lambda: ["nanoKONTROL2:in"])


def test_devices_lists_outputs_inputs_the_null_device_and_midi(two_outputs: None) -> None:
    text = CliRunner().invoke(devices.command, []).output
    assert all(word in text for word in ("* Speakers (ALSA)", "USB (ALSA)", "1 channel ", "null", "nanoKONTROL2:in"))
    listed = json.loads(CliRunner().invoke(devices.command, ["--json"]).output)
    assert [d["label"] for d in listed["outputs"]] == ["Speakers (ALSA)", "USB (ALSA)"]
    assert [d["label"] for d in listed["inputs"]] == ["USB (ALSA)"]
    assert listed["midi_inputs"] == ["nanoKONTROL2:in"]
    assert listed["problem"] == ""


def test_devices_shows_the_null_device_and_the_reason_when_portaudio_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> Devices:
        raise DeviceError("PortAudio is not installed", fix="apt-get install libportaudio2")

    monkeypatch.setattr(devices, "list_devices", missing)
    result = CliRunner().invoke(devices.command, [])
    assert result.exit_code == 0
    assert "null" in result.output
    assert "apt-get install libportaudio2" in result.output


@pytest.mark.e2e
@needs_jack
def test_a_jack_server_is_listed_and_found_by_name() -> None:
    with jack_server() as server:
        assert os.environ["JACK_DEFAULT_SERVER"] == server.name
        there = outputs.list_devices()
        for found in (outputs.pick_output(there.outputs, "jack"), outputs.pick_input(there.inputs, "jack")):
            assert found.channels == 2
            assert found.default_rate == 48000
