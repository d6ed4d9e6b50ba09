"""MIDI ports: none at all is normal; over a real JACK server messages arrive, and a server that dies is survived."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from distill_live.control.midi import MidiInput, find_port, list_inputs, midi_systems, require_input
from distill_live.errors import DeviceError
from distill_live.params import Registry
from distill_live.presets.preset import Preset
from distill_live.presets.shelf import save_preset
from tests.jackserver import jack_server

from .conftest import PARAMS

needs_jack = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("jackd") and shutil.which("jack_connect")), reason="jackd2 and its tools are not installed"
    ),
]

MAP = """schema = "distill-live/midimap/1"
[[map]]
param = "temperature"
source = { type = "cc", number = 16 }
out = [0.5, 1.5]
[[map]]
slot = 3
level = "Timbre"
source = { type = "note", number = 38 }
mode = "momentary"
"""

CONTROLLER = """
import sys, rtmidi
port = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="nanoKONTROL")
port.open_virtual_port("out")
print("open", flush=True)
for line in sys.stdin:
    port.send_message([int(byte) for byte in line.split()])
"""


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.02)


class Controller:
    """A MIDI controller: a JACK client in a process of its own, so that unplugging is ending it."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", CONTROLLER]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().strip() == "open"

    def send(self, *data: int) -> None:
        self.process.stdin.write(" ".join(map(str, data)) + "\n")
        self.process.stdin.flush()

    def send_until(self, condition: Callable[[], object], *data: int) -> None:
        """Send again twice a second until it is so: a JACK server that was late may drop events."""
        sent_s = float("-inf")

        def sent_and_so() -> bool:
            nonlocal sent_s
            if condition():
                return True
            if time.monotonic() - sent_s > 0.5:
                self.send(*data)
                sent_s = time.monotonic()
            return False

        until(sent_and_so)

    def unplug(self) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture
def server_name(monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"distill_test_{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    return name


def test_no_midi_at_all_is_a_normal_state(server_name, monkeypatch):
    monkeypatch.setattr("distill_live.control.midi.midi_systems", dict)
    midi = MidiInput()
    assert midi.tend() is None
    assert (midi.poll(), midi.name, midi.ports) == ([], None, [])
    midi.close()


def test_a_port_that_does_not_exist_is_said_once_with_what_there_is(server_name, monkeypatch):
    monkeypatch.setattr("distill_live.control.midi.midi_systems", dict)
    midi = MidiInput("nano")
    (sentence,) = midi.tend()
    assert "'nano'" in sentence
    midi._looked_s = float("-inf")
    assert midi.tend() is None
    midi.close()
    with pytest.raises(DeviceError, match="no MIDI ports are there"):
        require_input("nano")


def test_without_a_server_nothing_hangs_and_nothing_is_printed(server_name, capfd):
    assert "UNIX_JACK" not in midi_systems()
    list_inputs()
    assert capfd.readouterr() == ("", "")


def test_ports_are_found_by_a_part_of_their_name():
    names = ["Midi Through:0", "nanoKONTROL2:in", "nano"]
    assert find_port("NANOKON", names) == "nanoKONTROL2:in"
    assert find_port("nano", names) == "nano"
    assert find_port("launch", names) is None


@pytest.mark.e2e
class TestOverJack:
    pytestmark = needs_jack

    def test_knobs_and_pads_reach_the_engine_and_a_replug_is_survived(self, server_name, own_rig, tmp_path):
        (tmp_path / "map.toml").write_text(MAP)
        with jack_server(name=server_name):
            controller = Controller()
            with own_rig(midi=True, midi_in="NANO", midi_map=str(tmp_path / "map.toml")) as rig:
                rig.heard(lambda m: m["midi_in"] == "nanoKONTROL:out")
                controller.send_until(lambda: rig.engine.values("/distill/temperature")[-1:] == [[1.5]], 0xB0, 16, 127)
                controller.send_until(lambda: rig.engine.values("/distill/swap")[-1:] == [[1, "3", 1.0]], 0x90, 38, 100)
                controller.send_until(lambda: rig.engine.values("/distill/swap")[-1:] == [[1, "off", 1.0]], 0x80, 38, 0)
                assert rig.engine.events[-1][2] == "midi"
                controller.unplug()
                rig.announcements.clear()
                rig.heard(lambda m: m["midi_in"] is None)
                controller = Controller()
                rig.heard(lambda m: m["midi_in"] == "nanoKONTROL:out" and "comes from" in m["messages"][0])
                controller.send_until(lambda: rig.engine.values("/distill/temperature")[-1] == [0.5], 0xB0, 16, 0)
            controller.unplug()

    def test_the_virtual_port_takes_what_is_connected_to_it(self, server_name, own_rig, tmp_path):
        (tmp_path / "map.toml").write_text(MAP)
        with jack_server(name=server_name), own_rig(midi=True, midi_map=str(tmp_path / "map.toml")) as rig:
            controller = Controller()
            rig.heard(lambda m: "nanoKONTROL:out" in m["midi_ports"])
            subprocess.run(["jack_connect", "nanoKONTROL:out", "distill-live midi:distill-live in"], check=True)
            for value in range(128):
                controller.send(0xB0, 16, value)
            controller.send_until(lambda: [1.5] in rig.engine.values("/distill/temperature"), 0xB0, 16, 127)
            assert rig.client.get("temperature") == pytest.approx(1.5)
            controller.unplug()

    def test_a_dial_of_programs_ends_at_the_preset_it_stops_at(self, server_name, own_rig, own_home):
        """Real bytes over a real port: a controller's dial sends a program for each step it passes."""
        for number in range(1, 9):
            save_preset(Preset(f"p{number}", {"temperature": number / 8}, number=number), Registry(PARAMS))
        with jack_server(name=server_name):
            controller = Controller()
            with own_rig(midi=True, midi_in="nano") as rig:
                rig.heard(lambda m: m["midi_in"] == "nanoKONTROL:out")
                for program in (0, 1, 2, 3, 4, 5, 6):
                    controller.send(0xC0, program)
                controller.send_until(lambda: rig.engine.values("/distill/preset/load")[-1:] == [["p7"]], 0xC0, 6)
                assert len(rig.engine.values("/distill/preset/load")) < 7
                assert rig.engine.values("/distill/temperature")[-1] == [7 / 8]
            controller.unplug()

    def test_a_port_that_is_not_there_is_listed_with_those_that_are(self, server_name, own_rig):
        with jack_server(name=server_name):
            controller = Controller()
            with pytest.raises(DeviceError, match="nanoKONTROL:out"):
                require_input("launchpad")
            assert require_input("kontrol") == "nanoKONTROL:out"
            with own_rig(midi=True, midi_in="launchpad") as rig:
                heard = rig.heard(lambda m: any("launchpad" in text for text in m["messages"]))
                assert "nanoKONTROL:out" in heard["messages"][0]
                assert rig.client.ping()
            controller.unplug()

    def test_the_bridge_ends_cleanly_when_the_server_died_a_moment_ago(self, server_name, own_rig):
        with jack_server(name=server_name) as server, own_rig(midi=True) as rig:
            server.kill()
            rig.supervisor.send({"type": "quit"})
            rig.process.join(5)
            assert rig.process.exitcode == 0

    def test_the_bridge_outlives_the_server_and_finds_the_next_one(self, server_name, own_rig, tmp_path):
        """Closing a client of a dead JACK server crashes a process once it has opened another: it is left alone."""
        (tmp_path / "map.toml").write_text(MAP)
        with jack_server(name=server_name) as server:
            controller = Controller()
            with own_rig(midi=True, midi_in="nano", midi_map=str(tmp_path / "map.toml")) as rig:
                rig.heard(lambda m: m["midi_in"] == "nanoKONTROL:out")
                server.kill()
                rig.announcements.clear()
                rig.heard(lambda m: m["midi_in"] is None)
                assert rig.client.ping()
                controller.process.kill()
                controller.process.wait()
                with jack_server(name=server_name):
                    controller = Controller()
                    rig.heard(lambda m: m["midi_in"] == "nanoKONTROL:out")
                    controller.send_until(lambda: [1.5] in rig.engine.values("/distill/temperature"), 0xB0, 16, 127)
                    assert rig.client.ping()
                    controller.unplug()
            assert rig.process.exitcode == 0
