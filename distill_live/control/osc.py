"""OSC over UDP: one socket, drained completely each time it has something, and the bytes of what we send.

python-osc's builder makes the bytes; its servers are not used (its blocking one lost 771 of 5000 messages of a burst,
this loop none). Knows nothing of addresses or parameters. One thread, the bridge's loop.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

from pythonosc.osc_message_builder import OscMessageBuilder

from distill_live.control.validate import BUNDLE, IMMEDIATELY, MAX_DATAGRAM_BYTES, Call
from distill_live.errors import DeviceError
from distill_live.params import Value

Client = tuple[str, int]
"""Where a request came from and its replies go. A leased reply port will change the number, nothing else."""

RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
PORT_STEP: Final = 10  # a second instance: its three ports all move up by ten together
PORT_TRIES: Final = 20
NTP_EPOCH_S: Final = 2_208_988_800  # seconds from 1900 to 1970
_FLOAT32_MAX: Final = 3.4e38
_SO_RCVBUFFORCE: Final = 33  # Linux: past net.core.rmem_max, when we may


class OscSocket:
    """A bound, non-blocking UDP socket. ``port`` is the one it got."""

    def __init__(self, bind: str, port: int, strict_port: bool = False) -> None:
        """Bind; a taken port moves up by 10 unless ``strict_port``.

        Raises:
            DeviceError: when no port can be had, or the address is not one of this machine's.
        """
        self.received = 0
        self.socket = _bound_socket(bind, port, 1 if strict_port else PORT_TRIES)
        self.port = int(self.socket.getsockname()[1])

    def drain(self, most: int = 4096) -> list[tuple[bytes, Client]]:
        """Everything that has arrived, at most ``most`` datagrams."""
        datagrams: list[tuple[bytes, Client]] = []
        while len(datagrams) < most:
            try:
                data, sender = self.socket.recvfrom(MAX_DATAGRAM_BYTES)
            except (ConnectionResetError, ConnectionRefusedError):  # an earlier reply bounced; the next read goes on
                continue
            except OSError:  # nothing left (BlockingIOError), or the network is down: come back later
                break
            datagrams.append((data, (sender[0], sender[1])))
        self.received += len(datagrams)
        return datagrams

    def send(self, client: Client, address: str, args: Sequence[Value] = ()) -> None:
        """Send a reply; a client that is gone or unreachable is its own affair."""
        try:
            self.socket.sendto(encode(address, args), client)
        except OSError:
            return

    def close(self) -> None:
        self.socket.close()


def encode(address: str, args: Sequence[Value] = ()) -> bytes:
    """The bytes of one message: int as i (h when large), float as f, str as s, bool as T or F.

    >>> encode("/a", [1])
    b'/a\\x00\\x00,i\\x00\\x00\\x00\\x00\\x00\\x01'
    """
    builder = OscMessageBuilder(address=address)
    for arg in args:
        wide = isinstance(arg, float) and abs(arg) > _FLOAT32_MAX and arg - arg == 0.0  # finite, but not as a float32
        builder.add_arg(arg, builder.ARG_TYPE_DOUBLE if wide else None)
    return bytes(builder.build().dgram)


def encode_bundle(calls: Sequence[Call], at_unix_s: float | None = None) -> bytes:
    """The bytes of a bundle, for now or for a moment on the system clock."""
    tag = IMMEDIATELY if at_unix_s is None else int((at_unix_s + NTP_EPOCH_S) * 2**32)
    parts = [encode(call.address, call.args) for call in calls]
    return BUNDLE + tag.to_bytes(8, "big") + b"".join(len(p).to_bytes(4, "big") + p for p in parts)


def seconds_ahead(time_tag: int) -> float:
    """How far a time tag lies ahead of the system clock; 0 for "now" and for the past.

    >>> seconds_ahead(1)
    0.0
    """
    return max(0.0, time_tag / 2**32 - NTP_EPOCH_S - time.time()) if time_tag > IMMEDIATELY else 0.0


def _bound_socket(bind: str, port: int, tries: int) -> socket.socket:
    for candidate in range(port, min(port + tries * PORT_STEP, 65_536), PORT_STEP):
        udp = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind((bind, candidate))
        except OSError as error:
            udp.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise DeviceError(
                    f"cannot listen for OSC on {bind}: {error.strerror or error}",
                    fix="give an address of this machine to --osc-bind",
                ) from None
            continue
        udp.setblocking(False)
        _ask_for_buffer(udp)
        return udp
    tried = f"UDP port {port}" if tries == 1 else f"every tenth UDP port from {port}"
    raise DeviceError(f"{tried} on {bind} is taken", fix="give a free one with --osc-port, or drop --strict-port")


def _ask_for_buffer(udp: socket.socket) -> None:
    """The largest receive buffer the system grants, up to 4 MiB: it holds a burst while we are busy."""
    forced = (_SO_RCVBUFFORCE,) if sys.platform == "linux" else ()
    for option in (*forced, socket.SO_RCVBUF):
        try:
            udp.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
        except OSError:
            continue
        return
