"""Which outputs this machine has, and which one a name means.

``list_devices`` asks in a process of its own: PortAudio prints noise, can hang when an audio server is half dead, and
aborts the process that has it loaded when the JACK server ends. ``pick_output`` is pure. Called from the command line
and the TUI (``list_devices``) and from the device process (``scan``, ``pick_output``); never from the engine.
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

from distill_live.errors import DeviceError

SCAN_PATIENCE_S: Final = 15.0
_PREFERRED_APIS: Final = ("JACK Audio Connection Kit",)  # who started a JACK server wants to be heard there


@dataclass(frozen=True)
class OutputDevice:
    """One output, as PortAudio sees it. ``index`` is only good for the scan it comes from."""

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


def pick_output(devices: Sequence[OutputDevice], wanted: str | None) -> OutputDevice:
    """The output a name means: an exact name before a part of one, the system's default for None.

    Case does not matter, and the name of the host API may be part of it (``"system, jack"`` or ``"wasapi"``).

    Raises:
        DeviceError: when there is none; it lists what there is.

    >>> devices = [OutputDevice(0, "Speakers", "ALSA", 2, 48000, 9), OutputDevice(1, "USB", "ALSA", 2, 48000, 9)]
    >>> pick_output(devices, "usb").index
    1
    """
    if not devices:
        raise DeviceError("this machine has no audio output", fix="connect one, start JACK, or use --device null")
    if wanted is None:
        return next((d for d in devices if d.api in _PREFERRED_APIS), None) or next(
            (d for d in devices if d.is_default), devices[0]
        )
    name = wanted.strip().lower()
    for matches in (
        [d for d in devices if name in (d.name.lower(), d.label.lower())],
        [d for d in devices if all(part.strip() in d.label.lower() for part in name.split(","))],
    ):
        if matches:
            return next((d for d in matches if d.is_default), matches[0])
    there_is = ", ".join(f'"{d.label}"' for d in devices)
    raise DeviceError(f'no audio output is called "{wanted}"; there is {there_is}', fix="choose one of these, or null")


def scan() -> list[OutputDevice]:
    """The outputs PortAudio found when it was loaded into this process.

    Raises:
        DeviceError: when PortAudio is not installed.
    """
    sounddevice = load_portaudio()
    apis = sounddevice.query_hostapis()
    default = _default_index(sounddevice)
    return [
        OutputDevice(
            index=i,
            name=str(d["name"]),
            api=str(apis[d["hostapi"]]["name"]),
            channels=int(d["max_output_channels"]),
            default_rate=float(d["default_samplerate"]),
            latency_ms=round(1000 * float(d["default_low_output_latency"]), 1),
            is_default=i == default,
        )
        for i, d in enumerate(sounddevice.query_devices())
        if d["max_output_channels"] > 0
    ]


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


def list_devices() -> list[OutputDevice]:
    """The outputs of this machine, asked in a fresh process.

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


def parse_listing(text: str) -> list[OutputDevice]:
    """What the fresh process printed: its last line is one JSON object.

    Raises:
        DeviceError: what it reports, or that it died.
    """
    try:
        answer = json.loads(text.strip().splitlines()[-1])
        if "error" in answer:
            raise DeviceError(answer["error"], fix=answer["fix"])
        return [OutputDevice(**device) for device in answer["devices"]]
    except (ValueError, IndexError, KeyError, TypeError):
        raise DeviceError("looking for audio outputs failed", fix="see what `distill-live doctor` says") from None


def _default_index(sounddevice: Any) -> int:
    try:
        return int(sounddevice.query_devices(kind="output")["index"])
    except sounddevice.PortAudioError:  # there is none
        return -1


def _answer() -> None:
    try:
        answer: dict[str, Any] = {"devices": [asdict(device) for device in scan()]}
    except DeviceError as error:
        answer = {"error": error.what, "fix": error.fix}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # PortAudio's exit handler may abort or hang when a server has gone meanwhile


if __name__ == "__main__":
    _answer()
