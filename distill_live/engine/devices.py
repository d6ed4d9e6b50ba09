"""Which outputs and inputs this machine has, and which one a name means.

``list_devices`` asks in a process of its own: PortAudio prints noise, can hang when an audio server is half dead, and
aborts the process that has it loaded when the JACK server ends. ``pick_output`` and ``pick_input`` are pure. Called
from the command line and the TUI (``list_devices``) and from the device process (the rest); never from the engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from distill_live.engine import priority
from distill_live.errors import DeviceError

SCAN_PATIENCE_S: Final = 15.0
JACK: Final = "JACK Audio Connection Kit"
DEFAULT_NAME: Final = "default"


@dataclass(frozen=True)
class AudioDevice:
    """One output or one input, as PortAudio sees it. ``index`` is only good for the scan it comes from."""

    index: int
    name: str
    api: str
    channels: int
    default_rate: float
    latency_ms: float
    is_default: bool = False

    @property
    def label(self) -> str:
        return f"{self.name} ({self.api})"


@dataclass(frozen=True)
class Devices:
    """What there is; a device that can do both is in both lists, with the same ``index``."""

    outputs: tuple[AudioDevice, ...] = ()
    inputs: tuple[AudioDevice, ...] = ()


def pick_output(devices: Sequence[AudioDevice], wanted: str | None) -> AudioDevice:
    """The output a name means: an exact name before a part of one, the system's default for None.

    Case does not matter, and the name of the host API may be part of it (``"system, jack"`` or ``"wasapi"``).

    Raises:
        DeviceError: when there is none; it lists what there is.

    >>> devices = [AudioDevice(0, "Speakers", "ALSA", 2, 48000, 9), AudioDevice(1, "USB", "ALSA", 2, 48000, 9)]
    >>> pick_output(devices, "usb").index
    1
    """
    if not devices:
        raise DeviceError("this machine has no audio output", fix="connect one, start JACK, or use --device null")
    found = _default(devices) if wanted is None else _named(devices, wanted)
    if found is None:
        raise _unknown("output", devices, wanted, fix="choose one of these, or null")
    return found


def pick_input(devices: Sequence[AudioDevice], wanted: str) -> AudioDevice:
    """The input a name means, as in :func:`pick_output`; ``"default"`` is the system's where none is called so.

    Raises:
        DeviceError: when there is none; it lists what there is.
    """
    if not devices:
        raise DeviceError("this machine has no audio input", fix="connect one, start JACK, or use --input null")
    found = _named(devices, wanted)
    if found is None and wanted.strip().lower() == DEFAULT_NAME:
        found = _default(devices)
    if found is None:
        raise _unknown("input", devices, wanted, fix="choose one of these, or null")
    return found


def share_a_clock(output: AudioDevice, source: AudioDevice) -> bool:
    """Whether input and output run in step for ever: one device, or two clients of one JACK server."""
    return output.api == source.api and (output.index == source.index or output.api == JACK)


def _default(devices: Sequence[AudioDevice]) -> AudioDevice:
    """JACK before the system's default: who started a JACK server wants to be heard there."""
    jack = next((d for d in devices if d.api == JACK), None)
    return jack or next((d for d in devices if d.is_default), devices[0])


def _named(devices: Sequence[AudioDevice], wanted: str) -> AudioDevice | None:
    name = wanted.strip().lower()
    for matches in (
        [d for d in devices if name in (d.name.lower(), d.label.lower())],
        [d for d in devices if all(part.strip() in d.label.lower() for part in name.split(","))],
    ):
        if matches:
            return next((d for d in matches if d.is_default), matches[0])
    return None


def _unknown(what: str, devices: Sequence[AudioDevice], wanted: str | None, fix: str) -> DeviceError:
    there_is = ", ".join(f'"{d.label}"' for d in devices)
    return DeviceError(f'no audio {what} is called "{wanted}"; there is {there_is}', fix=fix)


def scan() -> Devices:
    """The outputs and inputs PortAudio found when it was loaded into this process.

    Raises:
        DeviceError: when PortAudio is not installed.
    """
    sounddevice = load_portaudio()
    return Devices(tuple(_found(sounddevice, "output")), tuple(_found(sounddevice, "input")))


def _found(sounddevice: Any, kind: str) -> Iterator[AudioDevice]:
    apis = sounddevice.query_hostapis()
    default = _default_index(sounddevice, kind)
    for i, d in enumerate(sounddevice.query_devices()):
        if d[f"max_{kind}_channels"] > 0:
            yield AudioDevice(
                index=i,
                name=str(d["name"]),
                api=str(apis[d["hostapi"]]["name"]),
                channels=int(d[f"max_{kind}_channels"]),
                default_rate=float(d["default_samplerate"]),
                latency_ms=round(1000 * float(d[f"default_low_{kind}_latency"]), 1),
                is_default=i == default,
            )


def load_portaudio() -> Any:
    """The ``sounddevice`` module, without the noise that ALSA and JACK print while PortAudio looks around.

    Raises:
        DeviceError: when PortAudio is not installed.
    """
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # looking around must not start a server
    try:
        with quiet_stderr():
            import sounddevice
    except OSError:
        raise DeviceError(
            "PortAudio is not installed", fix="on Debian or Ubuntu: apt-get install libportaudio2"
        ) from None
    return sounddevice


class _Hush:
    """File descriptor 2 while it is turned away; several threads may be inside at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept = -1

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                sys.stderr.flush()
                self._kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_HUSH: Final = _Hush()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what C libraries print on file descriptor 2 to nowhere meanwhile."""
    _HUSH.enter()
    try:
        yield
    finally:
        _HUSH.leave()


def list_devices() -> Devices:
    """The outputs and inputs of this machine, asked in a fresh process.

    Raises:
        DeviceError: when PortAudio is not installed, or an audio server does not answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], capture_output=True, text=True, timeout=SCAN_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeviceError("an audio server does not answer", fix="restart it, or use --device null") from None
    return parse_listing(done.stdout)


def input_there(wanted: str) -> bool:
    """Whether the input that is wanted is there now, asked in a fresh process; for a thread of its own.

    The device process cannot ask itself while it plays: PortAudio looks around only once, when no stream is open.
    """
    priority.lower_thread_priority()  # the process inherits it: looking around must not disturb the sound
    try:
        pick_input(list_devices().inputs, wanted)
    except DeviceError:
        return False
    return True


def parse_listing(text: str) -> Devices:
    """What the fresh process printed: its last line is one JSON object.

    Raises:
        DeviceError: what it reports, or that it died.
    """
    try:
        answer = json.loads(text.strip().splitlines()[-1])
        if "error" in answer:
            raise DeviceError(answer["error"], fix=answer["fix"])
        outputs, inputs = (tuple(AudioDevice(**d) for d in answer[kind]) for kind in ("outputs", "inputs"))
    except (ValueError, IndexError, KeyError, TypeError):
        raise DeviceError("looking for audio devices failed", fix="see what `distill-live doctor` says") from None
    return Devices(outputs, inputs)


def _default_index(sounddevice: Any, kind: str) -> int:
    try:
        return int(sounddevice.query_devices(kind=kind)["index"])
    except sounddevice.PortAudioError:  # there is none
        return -1


def _answer() -> None:
    try:
        answer: dict[str, Any] = asdict(scan())
    except DeviceError as error:
        answer = {"error": error.what, "fix": error.fix}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # PortAudio's exit handler may abort or hang when a server has gone meanwhile


if __name__ == "__main__":
    _answer()
