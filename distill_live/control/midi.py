"""MIDI input: finds ports by part of their name, keeps them open, survives re-plugs and servers that die.

``MidiInput`` opens a virtual port ``distill-live in`` where the system has such a thing (ALSA, JACK, CoreMIDI) and the
port that was asked for; once a second it looks what is there. No MIDI at all is a normal state. The bridge's loop asks
for what has arrived, every ``POLL_S``: were rtmidi to call us back, a thread of the JACK server's graph would wait for
the interpreter's lock, and every other client of the server for it.

Two things here were measured: opening a JACK client without a server prints on stderr (nothing hangs), so a server is
looked for in ``/proc/net/unix`` first; and closing a client whose server has died crashes the process once another
client has been opened, so such a client is left as it is, for the rest of the process's life.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from distill_live.control.mapper import MidiMessage, read_message
from distill_live.errors import DeviceError

CLIENT_NAME: Final = "distill-live midi"  # the sound has the plain name
VIRTUAL_IN: Final = "distill-live in"
LOOK_EVERY_S: Final = 1.0
POLL_S: Final = 0.001
MOST_QUEUED: Final = 4096


class MidiInput:
    """The MIDI side of the bridge: ``poll`` it every ``POLL_S`` while it is ``listening``."""

    def __init__(self, wanted: str | None = None) -> None:
        self.wanted = wanted
        self._systems: dict[str, _System] = {}
        self._looked_s = float("-inf")
        self._said = ""

    @property
    def ports(self) -> list[str]:
        """The ports that could be opened, as they were at the last look."""
        return [name for system in self._systems.values() for name in system.seen]

    @property
    def listening(self) -> bool:
        """Whether anything can arrive."""
        return bool(self._systems)

    @property
    def name(self) -> str | None:
        """The name of the port that is open beside the virtual one."""
        return next((system.device_name for system in self._systems.values() if system.device_name), None)

    def poll(self) -> list[MidiMessage]:
        """What has arrived and a map can use, port by port, oldest first."""
        arrived = (read_message(data) for system in self._systems.values() for data in system.arrived())
        return [message for message in arrived if message is not None]

    def tend(self) -> list[str] | None:
        """Once a second: look what is there, open and re-open.

        Returns:
            None when nothing has changed, else what to tell the user: perhaps nothing.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        before = (self.name, self.ports)
        self._look_for_systems()
        for system in self._systems.values():
            system.look(self.wanted if self.name in (None, system.device_name) else None)
        return self._words(before)

    def close(self) -> None:
        for system in self._systems.values():
            system.leave()
        self._systems.clear()

    def _look_for_systems(self) -> None:
        there = midi_systems()
        for api, system in list(self._systems.items()):
            if there.get(api) != system.identity:
                system.abandon()
                del self._systems[api]
        for api, identity in there.items():
            if api not in self._systems:
                opened = _System.open(api, identity)
                if opened is not None:
                    self._systems[api] = opened

    def _words(self, before: tuple[str | None, list[str]]) -> list[str] | None:
        words: list[str] = []
        if self.name != before[0]:
            words.append(f"MIDI comes from {self.name}." if self.name else f"the MIDI port {before[0]} is gone.")
        elif self.wanted and not self.name:
            words.append(str(no_such_port(self.wanted, self.ports)))
        said, self._said = self._said, "".join(words)
        if before == (self.name, self.ports) and self._said == said:
            return None
        return words if self._said != said else []


class _System:
    """One MIDI system (ALSA, JACK, CoreMIDI, WinMM): its virtual port, and at most one device's."""

    def __init__(self, api: str, identity: str, client: Any) -> None:
        self.api, self.identity = api, identity
        self.seen: list[str] = []
        self.device_name: str | None = None
        self._client = client
        self._device: Any = None

    @classmethod
    def open(cls, api: str, identity: str) -> _System | None:
        """Join the system, or None when it does not let us (it is asked again a second later)."""
        client = _client(api, CLIENT_NAME)
        if client is None:
            return None
        if api != "WINDOWS_MM":
            with _quiet():
                client.open_virtual_port(VIRTUAL_IN)
            client.ignore_types(True, True, True)
        return cls(api, identity, client)

    def arrived(self) -> Iterator[Sequence[int]]:
        """The bytes of each message that has arrived at the virtual port, then at the device's."""
        virtual = None if self.api == "WINDOWS_MM" else self._client  # there it is only asked which ports there are
        for client in (virtual, self._device):
            while client is not None and (event := client.get_message()) is not None:
                yield event[0]

    def look(self, wanted: str | None) -> None:
        """See which ports there are; let go of the device's when it is gone, open the one wanted when it is there."""
        self.seen = list(self._client.get_ports())
        if self._device is not None and self.device_name not in self.seen and self._alive():
            self._close_device()
        name = find_port(wanted, self.seen) if wanted else None
        if self._device is None and name is not None:
            self._open_device(name)

    def leave(self) -> None:
        """Close what is open, unless the server has died since the last look."""
        if not self._alive():
            self.abandon()
            return
        self._close_device()
        with _quiet():
            self._client.delete()

    def abandon(self) -> None:
        """The server is dead: keep its clients untouched for ever, at the end of the process too."""
        for client in (self._client, self._device):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))

    def _alive(self) -> bool:
        return midi_systems().get(self.api) == self.identity

    def _open_device(self, name: str) -> None:
        device = _client(self.api, f"{CLIENT_NAME} device")
        if device is None or name not in (names := device.get_ports()):
            return
        with _quiet():
            device.open_port(names.index(name), "in")
        device.ignore_types(True, True, True)
        self._device, self.device_name = device, name

    def _close_device(self) -> None:
        device, self._device, self.device_name = self._device, None, None
        if device is not None:
            with _quiet():
                device.delete()


def midi_systems() -> dict[str, str]:
    """The MIDI systems that are up, each with a mark that changes when it has been restarted."""
    if sys.platform == "darwin":
        return {"MACOSX_CORE": ""}
    if sys.platform == "win32":
        return {"WINDOWS_MM": ""}
    systems = {"LINUX_ALSA": ""} if os.access("/dev/snd/seq", os.R_OK | os.W_OK) else {}
    server = _jack_server()
    return {**systems, "UNIX_JACK": server} if server else systems


def list_inputs() -> list[str]:
    """The MIDI ports that could be opened now; empty when there is no MIDI.

    >>> isinstance(list_inputs(), list)
    True
    """
    names: list[str] = []
    for api in midi_systems():
        client = _client(api, f"{CLIENT_NAME} look")
        if client is not None:
            names += client.get_ports()
            client.delete()
    return names


def require_input(wanted: str) -> str:
    """The full name of the port that has ``wanted`` in it.

    Raises:
        DeviceError: when there is none; the sentence lists those that are there.
    """
    names = list_inputs()
    name = find_port(wanted, names)
    if name is None:
        raise no_such_port(wanted, names)
    return name


def find_port(wanted: str, names: Sequence[str]) -> str | None:
    """The port named ``wanted``, or else the first with it in its name, capitals or not.

    >>> find_port("nano", ["Midi Through", "nanoKONTROL2:in"]), find_port("x", [])
    ('nanoKONTROL2:in', None)
    """
    if wanted in names:
        return wanted
    return next((name for name in names if wanted.lower() in name.lower()), None)


def no_such_port(wanted: str, names: Sequence[str]) -> DeviceError:
    """The sentence for a port that is not there.

    >>> str(no_such_port("nano", ["Midi Through"]))
    "there is no MIDI port with 'nano' in its name; plug it in, or use one of: Midi Through."
    """
    there = "one of: " + ", ".join(names) if names else "none (no MIDI ports are there)"
    return DeviceError(f"there is no MIDI port with {wanted!r} in its name", fix=f"plug it in, or use {there}")


def _client(api: str, name: str) -> Any:
    """An rtmidi input client, or None when rtmidi is missing or the system refuses."""
    try:
        import rtmidi  # the only place: a machine without it still has OSC
    except ImportError:
        return None
    number = getattr(rtmidi, f"API_{api}")
    if number not in rtmidi.get_compiled_api():
        return None
    try:
        with _quiet():
            return rtmidi.MidiIn(rtapi=number, name=name, queue_size_limit=MOST_QUEUED)
    except rtmidi.RtMidiError:
        return None


def _jack_server() -> str | None:
    """The inode of the listening socket of the JACK server we would join, None when it is not running."""
    name = f"jack_{os.environ.get('JACK_DEFAULT_SERVER', 'default')}_{os.getuid()}_0"
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for fields in map(str.split, lines):
        if len(fields) == 8 and fields[3] == "00010000" and fields[7].rsplit("/", 1)[-1] == name:  # it listens
            return fields[6]
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what C libraries print on stderr nowhere."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
